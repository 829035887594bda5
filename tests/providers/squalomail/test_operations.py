"""The operation table: true to what the code calls, to the emulator, and to its page in the docs.

To write the page anew: ``pytest tests/providers/squalomail/test_operations.py --update-cases``.
"""

import ast
from pathlib import Path

import pytest

from reconcile.providers import provider_type
from reconcile.providers.squalomail.operations import OPERATIONS
from reconcile.providers.squalomail.questions import ANSWERS
from reconcile.report.operations import About, questions, render
from reconcile.sandbox.squalomail.functions import FUNCTIONS
from reconcile.sandbox.switches import SQUALOMAIL
from tests.cli.conftest import COMMANDS

ROOT = Path(__file__).parents[3]
BY_NAME = {switch.name: switch for switch in SQUALOMAIL}
PAGE = ROOT / "docs" / "squalomail.md"
KINDS = provider_type("squalomail").kinds
# What is no kind: commands, and the check whose account a key opens.
OTHERS = {"api", "doctor", "event", "account pin"}


def test_the_page_of_the_docs_is_current(update_cases: bool) -> None:
    switches = {name: (switch.question, str(switch.default)) for name, switch in BY_NAME.items()}
    documented = {name: ", ".join(operation.documented) for name, operation in OPERATIONS.items()}
    about = About("SqualoMail", "function", {"documented": documented})
    page = render(about, OPERATIONS, questions(ANSWERS, switches))
    if update_cases:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(page, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page, "write it anew: see the top of this file"


def test_the_table_has_the_functions_of_the_emulator_in_the_order_of_the_page() -> None:
    assert list(OPERATIONS) == list(FUNCTIONS)
    for name, operation in OPERATIONS.items():
        function = FUNCTIONS[name]
        assert set(operation.documented) == function.documented
        assert operation.verb in operation.documented
        assert operation.write is function.write
        assert operation.summary.endswith(".")


def test_who_is_said_to_use_an_operation_exists() -> None:
    used_by = {user for operation in OPERATIONS.values() for user in operation.used_by}
    assert used_by <= KINDS.keys() | OTHERS
    assert {"api", "event"} <= set(COMMANDS)
    assert all("api" in operation.used_by for operation in OPERATIONS.values())


def called() -> set[str]:
    """The operations that the provider's code names, the tables, and what is about calls made by hand, aside."""
    folder = ROOT / "reconcile" / "providers" / "squalomail"
    found: set[str] = set()
    for path in folder.rglob("*.py"):
        if path.name not in ("operations.py", "call_review.py", "answers.py"):
            texts = (node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant))
            found |= {text for text in texts if isinstance(text, str) and text in OPERATIONS}
    return found


def test_kinds_and_commands_use_what_they_are_said_to_use() -> None:
    by_kinds = {name for name, operation in OPERATIONS.items() if set(operation.used_by) - {"api"}}
    assert called() == by_kinds


@pytest.mark.parametrize("name", ANSWERS)
def test_every_open_question_has_a_switch(name: str) -> None:
    assert name in BY_NAME
