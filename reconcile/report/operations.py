"""A platform's operation table, and what its documentation leaves open -> the page of the docs about them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from textwrap import wrap

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


@dataclass(frozen=True, slots=True)
class About:
    """What a platform's page says beside its table: ``noun`` is what its operations are called there.

    ``columns`` gives more columns, after the verb: heading -> operation's name -> cell. ``notes`` are paragraphs below
    the table, ``source`` what leaves the questions open, ``switches`` where the sandbox takes their switches.
    """

    title: str
    noun: str
    columns: Mapping[str, Mapping[str, str]]
    notes: tuple[str, ...] = ()
    source: str = "The vendor's documentation"
    switches: str = "/_sandbox/switches"


def render(about: About, operations: Operations, questions: Iterable[Question]) -> str:
    """The page in Markdown; whoever changes the table has it written anew."""
    asked = list(questions)
    headings = ("#", about.noun, "does", "verb", *about.columns, "retry", "effect", "used by")
    return "\n".join(
        [
            f"# {about.title}: what reconcile calls",
            "",
            "Written from the operation table, which the code and the tests read, too; don't edit it here.",
            "",
            f"## The {len(operations)} {about.noun}s",
            "",
            _cells(headings),
            f"| ---: |{' --- |' * (len(headings) - 1)}",
            *(_row(number, operation, about.columns) for number, operation in enumerate(operations.values(), 1)),
            "",
            "*Verb* is the one that reconcile uses. *Effect*: **may send** is what makes somebody get mail that they",
            "otherwise would not; it needs `--allow-send`. *Used by* names kinds of manifests and commands. *Retry*",
            "says what follows when the outcome of a call is unknown:",
            "",
            *(f"- **{retry.value}**: {meaning}." for retry, meaning in _RETRIES.items()),
            "",
            *(line for note in about.notes for line in (*wrap(note, 120), "")),
            "## Open questions",
            "",
            f"{about.source} leaves questions open; this code depends on {len(asked)} answers. The sandbox",
            "has a switch for each, which by default takes the way that hurts a careless client more.",
            f'`POST {about.switches} {{"name": value}}` turns one.',
            "",
            "| switch | question | default | what reconcile does |",
            "| --- | --- | --- | --- |",
            *(_question(question) for question in asked),
            "",
        ]
    )


def _row(number: int, operation: Operation, columns: Mapping[str, Mapping[str, str]]) -> str:
    effect = "**may send**" if operation.sends else "writes" if operation.write else "reads"
    cells = (
        str(number),
        f"`{operation.name}`",
        operation.summary,
        operation.verb,
        *(column[operation.name] for column in columns.values()),
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
