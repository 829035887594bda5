"""What our messages tell people to run: gathered from the code, and found again in what a command printed."""

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.cli.conftest import COMMANDS, Project

PACKAGE = Path(__file__).parents[2] / "reconcile"
_NAMES = "|".join(sorted({*COMMANDS, "plan", "apply"}, key=len, reverse=True))
_COMMAND = re.compile(
    rf"\breconcile ((?:{_NAMES})\b(?: (?:--?[a-z][a-z-]*|[A-Z]+\b|[\w-]+\.[\w.-]+|[\w-]*\d[\w-]*|[a-z]+)(?=\W|$))*)"
)
_FLAG = re.compile(r"(?<![\w-])(--[a-z][a-z-]+(?: (?:[A-Z]+\b|[a-z]+=VALUE|\d+))?)")
# Told by help, docs and examples, not by a diagnostic.
# Files in which every message is about what is tested elsewhere.
_DOCTORS = ("cli/doctor.py", "cli/scratch.py", "report/doctor.py", "doctor/*.py", "providers/*/scratch.py")
# tests/fleet/test_commands.py runs what these tell.
_FLEETS = ("fleet/*.py",)
_NOT_SAID = (
    *_DOCTORS,
    *_FLEETS,
    "cli/demo.py",
    "mail/stand_ins.py",
    "cli/habits.py",
    "report/operations.py",
    "manifests/project.py",
    "providers/*/questions.py",
)


@dataclass(frozen=True)
class Situation:
    """Where a message is printed, and what the commands that it names come to.

    Attributes:
        hint: a part of the message, as it stands in the code; see ``whole``.
        arrange: brings the situation about.
        trigger: the command that prints it.
        fill: what a person puts in place of ID, N and the like.
        codes: how a command that is told ends, by its first word or flag; with 0 where nothing is said of it.
        stays: the message is printed again after the commands, since they only look.
        not_meant: flags that it names without telling anybody to give them.
        beside: what a person gives beside a command that is told, as that says nothing of it.
        later: seconds that have passed when it is printed.
    """

    hint: str
    arrange: Callable[[Project], None]
    trigger: tuple[str, ...]
    fill: Mapping[str, str] = field(default_factory=dict)
    codes: Mapping[str, int] = field(default_factory=dict)
    stays: bool = False
    not_meant: tuple[str, ...] = ()
    beside: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    later: float = 0.0


@cache
def gathered() -> dict[str, str]:
    """The messages of the code that name a command or a flag, ``{}`` for what is filled in, with their places."""
    found: dict[str, str] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE)
        if any(name.match(pattern) for pattern in _NOT_SAID):
            continue
        for node, text in _texts(ast.parse(path.read_text("utf-8"))):
            if " " in text and (re.search(rf"\breconcile (?:{_NAMES})\b", text) or _FLAG.search(text)):
                found[text] = f"{name}:{node.lineno}"
    return found


def whole(part: str) -> str:
    """The one message of the code that is this, or has this part: so that a test need not repeat all of it."""
    if part in gathered():
        return part
    found = [text for text in gathered() if part in text]
    assert len(found) == 1, f"{len(found)} messages say {part!r}: {found}"
    return found[0]


def commands_in(text: str) -> list[list[str]]:
    """The commands that a message names, each with those that come before it ("..., then ...")."""
    chains: list[list[str]] = []
    end = 0
    for match in _COMMAND.finditer(text):
        if chains and "then" in text[end : match.start()]:
            chains[-1].append(_trimmed(match[1]))
        else:
            chains.append([_trimmed(match[1])])
        end = match.end()
    return chains


def flags_in(text: str) -> list[str]:
    """The flags that a message names, but for those of commands that it names."""
    return _FLAG.findall(_COMMAND.sub("", text))


def pattern_of(hint: str) -> re.Pattern[str]:
    """What finds a message of the code in what was printed."""
    return re.compile(r"\s+".join(map(_word, hint.split())))


def _word(word: str) -> str:
    return ".*?".join(map(re.escape, word.split("{}")))


def _trimmed(command: str) -> str:
    """The command without the words of the sentence that go on after it."""
    words = command.split()
    for index, word in enumerate(words[1:], 1):
        if word.islower() and word.isalpha() and (words[0] not in ("state", "audience", "datafeed") or index > 1):
            return " ".join(words[:index])
    return " ".join(words).rstrip(".")


def _texts(tree: ast.Module) -> Iterator[tuple[ast.expr, str]]:
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            skipped.add(id(node.value))  # docstrings
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(value) for value in node.values}
        if isinstance(node, ast.keyword) and node.arg in ("epilog", "help"):
            skipped |= {id(inner) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node, node.value
        elif isinstance(node, ast.JoinedStr):
            parts = (value.value if isinstance(value, ast.Constant) else "{}" for value in node.values)
            yield node, "".join(map(str, parts))


# Where else what a message names is run, or why nothing is to be run.
_USAGE = "says how a flag is written, or that it is to be left out"
_LOOKS = "only tells what a flag or a command shows more of"
_LOCKS = "tests/state/test_contract.py waits for and frees the locks of every backend"
_DRIFT = "drift only looks, and is told where somebody else writes to the state: tests/state/test_contract.py"
_DOCTOR = "doctor asks an account over HTTP: tests/cli/test_doctor.py"
_SENDING = "the same flag is told, and run, by the message of the step"
_ACCEPT = "tests/cli/test_accept.py"
_ENVIRONMENTS = "tests/cli/test_environments.py"
_UNMANAGED = "tests/cli/test_unmanaged.py"
_CI = "what jobs of a forge run: tests/ci/test_story.py"
_SNAPSHOT = "tests/cli/test_snapshot.py"
ELSEWHERE: dict[str, str] = {
    "Hand the results of the plan's job on": _CI,
    "A plan against a snapshot is advice": _SNAPSHOT,
    "Choose the snapshot's with --env": _SNAPSHOT,
    "Run it without --live, with the account's": _SNAPSHOT,
    "Take another one: reconcile snapshot": _SNAPSHOT,
    "See the change with: git diff. See what it": _ENVIRONMENTS,
    "Both environments are named, so --env has": _ENVIRONMENTS,
    "See all with `reconcile diff {} {}`.": _ENVIRONMENTS,
    "What entries say for all environments changes": _ENVIRONMENTS,
    "Every plan shows it: reconcile plan": _ACCEPT,
    "accept takes --reason TEXT, and --until DATE": _ACCEPT,
    "Name a day that is to come, or leave --until": _ACCEPT,
    "See what was edited outside: reconcile drift": _ACCEPT,
    "Take its entry out with `reconcile pull {}`": "tests/cli/test_pulled.py",
    "See all: reconcile drift": _ACCEPT,
    "Take it into the manifest: reconcile pull {}": _ACCEPT,
    "`reconcile plan` shows what is.": _ACCEPT,
    "To end that now: reconcile accept {}.{}": _ACCEPT,
    "Take it into the manifest (reconcile pull {})": _ACCEPT,
    "To make it anew all the same, give --overwrite-drift.": "tests/cli/test_pulled.py",
    "Look at the mail in a saved plan and apply that": "tests/cli/test_rendered_sends.py",
    "The state has entries of both aliases. Take": "tests/cli/test_former_aliases.py",
    "import takes an address and an id, or --from": _UNMANAGED,
    "export takes one folder to write to": _UNMANAGED,
    "--into takes addresses, which name": _UNMANAGED,
    "See them with: git diff. See what apply would": _UNMANAGED,
    "Left out: {}; --include-sent lists them, too.": _UNMANAGED,
    "Take them in with: reconcile export --into": _UNMANAGED,
    "export --into": _UNMANAGED,
    "Run there: reconcile -C {} export --into": _UNMANAGED,
    "Name addresses as `reconcile unmanaged` lists": _UNMANAGED,
    "See them with `reconcile unmanaged`.": _UNMANAGED,
    "Bind it with `reconcile import {} ID`, or take": _UNMANAGED,
    "In the accounts, and in no manifest: {}.": _UNMANAGED,
    "Declare `{}` on the entry, cancel it in the": "tests/cli/test_scheduled_outside.py",
    "Fetch it (git fetch --all), merge what is": "git, in tests/cli/test_stale.py",
    "Fetch the whole history (git fetch --unshallow": "git, in tests/cli/test_stale.py",
    "{} If it is meant all the same: --allow-stale.": "run with two clones in tests/cli/test_stale.py",
    "reconcile preview lists all mails.": _LOOKS,
    "Leave out --text for its HTML.": _USAGE,
    "Give --text for its plain text.": _USAGE,
    "Give it with --allow-send, or set policy": _SENDING,
    "To ask the account itself: reconcile doctor": _DOCTOR,
    "What is assumed there is `page_cap`": _DOCTOR,
    "Run again later. What is assumed there is `f.list`": _DOCTOR,
    "is no calibration of version": _DOCTOR,
    "A saved plan says itself what it was asked": _USAGE,
    '--var takes NAME=VALUE, and "{}" is not of': _USAGE,
    "--target {}": _USAGE,
    "--replace {}": _USAGE,
    "--var {}={}": _USAGE,
    "--refresh-only looks at everything and plans": _USAGE,
    "{} was made with --var {}={}, and now it": _USAGE,
    '--switch takes NAME=VALUE, and "{}" is not': _USAGE,
    "{} has its data in {}: serve it with --data": _USAGE,
    "Choose another with --port.": _USAGE,
    'There is no variable "{}" to give a value': _USAGE,
    "Name one with --env or RECONCILE_ENV; the": _USAGE,
    "Use the key of that account; for a second": _USAGE,
    "Leave out --replace. To send it once more": _USAGE,
    "Overwrite outside edits under --auto-approve": _USAGE,
    "--shop goes with --order or --abandoned-checkout": _USAGE,
    "Such as --order A-1 --shop 123.": _USAGE,
    "It is about this order, of the shop given": _USAGE,
    "--gatormail-login takes CLIENT_ID:SECRET": _USAGE,
    "--gatormail-login names an instance that": _USAGE,
    "--api-key takes KEY=APPID.": _USAGE,
    "Say which holds with --contract FILE.": _USAGE,
    "See reconcile --help.": _LOOKS,
    "reconcile validate looks at all of them.": _LOOKS,
    "reconcile graph and reconcile state list": _LOOKS,
    "only a person can change it; it counts as": _LOOKS,
    "| | and {} more: {} | `--full` or the page": _LOOKS,
    "And the changes of {}: `--full` or the page": _LOOKS,
    "There is no room for more here: `--full` or the": _LOOKS,
    "and {} more changes; --full shows them": _LOOKS,
    "   and {} more; --full shows them": _LOOKS,
    "{} sent {}; `--include-sent` takes them,": "in EXPORT.md: tests/engine/test_export.py",
    "{}: {}. They are in no entry. What an update": "in EXPORT.md; the plan's own message is run",
    "{}, so it takes --allow-send": _SENDING,
    "--allow-send was given": _SENDING,
    "Wait until it has ended, or wait for it with": _LOCKS,
    "If it certainly is: `reconcile state unlock": _LOCKS,
    "If that run is certainly dead: `reconcile": _LOCKS,
    "free the lock with `reconcile state unlock": _LOCKS,
    "free it now with `reconcile state unlock": _LOCKS,
    "there is no file to delete.": _LOCKS,
    "If its machine has vanished, end its session": _LOCKS,
    "See with `reconcile drift` what is live, and let nothing but reconcile write there": _DRIFT,
    "See with `reconcile drift` what is live, and let nothing but reconcile touch": _DRIFT,
    "See with `reconcile drift` what is live, and let nothing but reconcile write to": _DRIFT,
    "Give --auto-approve if it is so, or run it": ("tests/cli/test_datafeed.py"),
    "Correct it in the web interface, or put git": "tests/cli/test_hints.py runs it where an edit can be pulled",
    "{} changed outside, but it is built from": "tests/engine/test_builds.py",
    "To take what is built now: reconcile plan": "tests/engine/test_builds.py",
    "{}, reconcile destroy, or": "a part of the message on too many deletes",
    "If that is meant: --allow-delete {}.": "tests/engine/test_losses.py",
    "It stays as it is. To manage it no more:": "tests/engine/test_gatormail_schedule.py",
    "reconcile schema-requests {}": "tests/cli/test_schema_requests.py",
    "reconcile schema-requests gatormail --watch": "an example in a help text",
    "reconcile datafeed pull --to activity.jsonl": "an example in a help text",
    "reconcile event squalomail thanks --order": "an example in a help text",
    "# The mappings that people have published": "a comment in a file",
}
