"""A platform's operation table, and what its documentation leaves open -> the page of the docs about them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconcile.model.call import Operation, Operations, Retry

_RETRIES = {
    Retry.SAFE: "a read: repeated",
    Retry.IDEMPOTENT: "the same outcome however often: repeated",
    Retry.LOOKUP: "repeated only once a look at the account has shown that the first one made nothing",
    Retry.NEVER: "never repeated: the step stops and says so",
}


@dataclass(frozen=True, slots=True)
class Question:
    """One open question: the emulator's switch for it, where it stands by default, and what we do about it."""

    switch: str
    text: str
    default: str
    answer: str


def render(title: str, operations: Operations, questions: Iterable[Question]) -> str:
    """The page in Markdown; whoever changes the table has it written anew."""
    asked = list(questions)
    return "\n".join(
        [
            f"# {title}: what reconcile calls",
            "",
            "Written from the operation table, which the code and the tests read, too; don't edit it here.",
            "",
            f"## The {len(operations)} functions",
            "",
            "| # | function | does | verb | documented | retry | effect | used by |",
            "| ---: | --- | --- | --- | --- | --- | --- | --- |",
            *(_row(number, operation) for number, operation in enumerate(operations.values(), 1)),
            "",
            "*Verb* is the one that reconcile uses. *Effect*: **may send** is what makes somebody get mail that they",
            "otherwise would not; it needs `--allow-send`. *Used by* names kinds of manifests and commands. *Retry*",
            "says what follows when the outcome of a call is unknown:",
            "",
            *(f"- **{retry.value}**: {meaning}." for retry, meaning in _RETRIES.items()),
            "",
            "## Open questions",
            "",
            f"The vendor's documentation leaves questions open; this code depends on {len(asked)} answers. The sandbox",
            "has a switch for each, which by default takes the way that hurts a careless client more.",
            '`POST /_sandbox/switches {"name": value}` turns one.',
            "",
            "| switch | question | default | what reconcile does |",
            "| --- | --- | --- | --- |",
            *(_question(question) for question in asked),
            "",
        ]
    )


def _row(number: int, operation: Operation) -> str:
    effect = "**may send**" if operation.sends else "writes" if operation.write else "reads"
    cells = (
        str(number),
        f"`{operation.name}`",
        operation.summary,
        operation.verb,
        ", ".join(operation.documented),
        operation.retry.value,
        effect,
        ", ".join(operation.used_by),
    )
    return _cells(cells)


def _question(question: Question) -> str:
    return _cells((f"`{question.switch}`", question.text, f"`{question.default}`", question.answer))


def _cells(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def questions(answers: Mapping[str, str], switches: Mapping[str, tuple[str, str]]) -> list[Question]:
    """The questions that have an answer; ``switches`` gives each switch's question and default."""
    return [Question(name, *switches[name], answer) for name, answer in answers.items()]
