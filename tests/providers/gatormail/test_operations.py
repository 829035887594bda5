"""The operation table: true to the OpenAPI document, to what the code calls, and to its page in the docs.

To write the page anew: ``pytest tests/providers/gatormail/test_operations.py --update-cases``.
"""

import ast
from pathlib import Path
from typing import Any

import pytest

from reconcile.model.call import Retry
from reconcile.providers import provider_type
from reconcile.providers.gatormail.contract import CAPABILITIES, ENUMS, ROUTES, defaults, members
from reconcile.providers.gatormail.operations import OPERATIONS, GatorMailOperation
from reconcile.providers.gatormail.questions import ANSWERS
from reconcile.report.operations import About, questions, render
from reconcile.sandbox.switches import CAPABILITIES as SWITCHED
from reconcile.sandbox.switches import GATORMAIL
from tests.cli.conftest import COMMANDS
from tests.sandbox.gatormail.conftest import document, operations

ROOT = Path(__file__).parents[3]
BY_NAME = {switch.name: switch for switch in GATORMAIL}
PAGE = ROOT / "docs" / "gatormail.md"
# What is no kind: the check whose account a login opens, signing in, and commands.
OTHERS = {"account", "sign-in", "datafeed-pull", "schema-requests"}
RETRIES = {"R": Retry.SAFE, "I": Retry.IDEMPOTENT, "V": Retry.LOOKUP, "N": Retry.NEVER}
# The operation ids that the vendor's own page names; its steps without an id are UNNAMED.
DOCUMENTED = (
    "gatormail_addCampaign",
    "gatormail_addGroup",
    "gatormail_groupIncludedContactpost",
    "gatormail_updateCampaign",
    "gatormail_deleteSchema",
    "gatormail_getIntegrationRequests",
    "gatormail_getIntegrationRequestSatisfied",
    "gatormail_getSchema",
    "gatormail_getDatafeed",
    "gatormail_getDatafeedBatchIdentifier",
)
UNNAMED = (
    "gatormail_postSchemaEntity",
    "gatormail_postSchemaAttribute",
    "gatormail_getDatafeedOptions",
    "gatormail_postDatafeedOptions",
)
NOTES = (
    "*Provenance* says how sure verb and path are: **doc** is the vendor's page, **client** was seen in a public "
    "client of the API, **inferred** is a conclusion that the account may prove wrong. *Contract key* is the row of "
    "the contract table that then corrects it, under the provider's `contract` in `reconcile.yaml`, such as "
    '`op.campaign.update: "POST /campaign/{campaignId}"`. Names of members (`f.`), values (`v.`), query members (`p.`) '
    "and conventions (`c.`) are rows of the same table, which stands in `schemas/gatormail.openapi.yaml`.",
    "*Capability*: the operation is called only where the instance has it; `contract: {cap.group.update: true}` says "
    "so. `cap.campaign.read` and `cap.campaign.status` are about what reading a campaign gives.",
    "By hand: `reconcile api PROVIDER OPERATION NAME=VALUE...`, where NAME is a variable of the path, a member of the "
    "body, or `contacts`, an array.",
)


def page() -> str:
    switches = {name: (switch.question, str(switch.default)) for name, switch in BY_NAME.items()}
    columns = {
        "path": {name: f"`{ROUTES[row.key].partition(' ')[2]}`" for name, row in OPERATIONS.items()},
        "contract key": {name: f"`{row.key}`" for name, row in OPERATIONS.items()},
        "provenance": {name: row.provenance for name, row in OPERATIONS.items()},
        "capability": {name: f"`cap.{row.needs}`" if row.needs else "" for name, row in OPERATIONS.items()},
    }
    about = About(
        "GatorMail", "operation", columns, NOTES, "What is published of this API", "/_sandbox/gatormail/switches"
    )
    return render(about, OPERATIONS, questions(ANSWERS, switches))


def test_the_page_of_the_docs_is_current(update_cases: bool) -> None:
    if update_cases:
        PAGE.write_text(page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page(), "write it anew: see the top of this file"


@pytest.mark.parametrize("name", [*DOCUMENTED, *UNNAMED])
def test_what_the_vendors_page_names_is_on_ours_with_where_it_is_used(name: str) -> None:
    (row,) = (line for line in PAGE.read_text(encoding="utf-8").splitlines() if f"| `{name}` |" in line)
    assert OPERATIONS[name].key in row
    assert set(OPERATIONS[name].used_by) - {"api"}, f"{name} is used by nothing of ours"


def test_the_contract_has_the_rows_of_the_document_and_the_capabilities() -> None:
    table = {key: list(value) if isinstance(value, tuple) else value for key, value in defaults().items()}
    assert {key: value for key, value in table.items() if key not in CAPABILITIES} == document()["x-contract-table"]
    assert {key: BY_NAME[name].default for key, name in SWITCHED.items()} == CAPABILITIES


def test_the_enums_are_those_of_the_document() -> None:
    schemas = document()["components"]["schemas"]
    for name, values in ENUMS.items():
        assert list(values) == schemas[f"{name[0].upper()}{name[1:]}"]["enum"]


def schema_of(content: Any) -> str:
    """The shape that a schema of the document stands for, by the contract keys of its members."""
    schema = content["schema"]
    if schema.get("type") == "array":
        return f"[{schema_of({'schema': schema['items']})}]"
    if "$ref" not in schema:
        return ""
    found = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    keys = {member["x-contract-key"] for member in found["properties"].values() if "x-contract-key" in member}
    (shape,) = {key.split(".")[1] for key in keys}
    # The one member of a test send is a row of its own.
    return "testSend" if keys == {"p.campaign.test.address"} else shape


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_row_is_what_the_document_says(name: str) -> None:
    row = OPERATIONS[name]
    verb, path, written = operations()[name]
    assert row.key == written["x-contract-key"]
    assert row.retry is RETRIES[written["x-retry"]]
    assert row.provenance == written["x-provenance"]
    assert row.verb == verb
    assert row.documented == (() if row.provenance == "inferred" else (verb,))
    if name == "oauth_token":
        assert ROUTES[row.key] == document()["x-contract-table"][row.key]
        return
    assert ROUTES[row.key] == f"{verb} {path}"
    content = written["requestBody"]["content"]["application/json"] if "requestBody" in written else {"schema": {}}
    assert row.takes == schema_of(content)
    answers = {
        schema_of(answer["content"]["application/json"]) for answer in _successes(written) if "content" in answer
    }
    assert {row.answers} == (answers or {""})


def _successes(written: dict[str, Any]) -> list[dict[str, Any]]:
    return [answer for status, answer in written["responses"].items() if status.startswith("2")]


def test_what_writes_or_sends() -> None:
    assert OPERATIONS.keys() == operations().keys()
    assert len(OPERATIONS) == 49
    for name, row in OPERATIONS.items():
        assert row.write is (row.retry is not Retry.SAFE and name != "oauth_token")
        assert row.summary.endswith(".")
        assert row.write or not row.sends
    # Two are called get and change something.
    assert {name for name, row in OPERATIONS.items() if row.write and row.verb == "GET"} == {
        "gatormail_getIntegrationRequestSatisfied",
        "gatormail_getDatafeedBatchIdentifier",
    }
    assert {name for name, row in OPERATIONS.items() if row.sends} == {
        "gatormail_initiateCampaign",
        "gatormail_postCampaignTest",
        "gatormail_postCampaignTrigger",
        "gatormail_groupExcludedContactdelete",
    }


def test_every_capability_that_a_row_needs_is_one_of_the_contract() -> None:
    needs = {f"cap.{row.needs}" for row in OPERATIONS.values() if row.needs}
    assert needs == CAPABILITIES.keys() - {"cap.campaign.read", "cap.campaign.status"}


def test_what_an_id_is_read_from_is_a_member_of_the_answer() -> None:
    for row in OPERATIONS.values():
        if row.returns is not None:
            assert row.returns in members(row.answers)


def test_all_but_the_sign_in_can_be_called_by_hand() -> None:
    assert [name for name, row in OPERATIONS.items() if "api" not in row.used_by] == ["oauth_token"]


def test_who_is_said_to_use_an_operation_exists() -> None:
    used_by = {user for row in OPERATIONS.values() for user in row.used_by}
    assert used_by <= provider_type("gatormail").kinds.keys() | set(COMMANDS) | OTHERS


def called() -> set[str]:
    """The operations that the provider's code names, the table, and what is about calls made by hand, aside."""
    folder = ROOT / "reconcile" / "providers" / "gatormail"
    found: set[str] = set()
    for path in folder.rglob("*.py"):
        if path.name not in ("operations.py", "call_review.py"):
            texts = (node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant))
            found |= {text for text in texts if isinstance(text, str) and text in OPERATIONS}
    return found


def test_what_the_code_calls_is_said_to_be_used() -> None:
    def used(row: GatorMailOperation) -> bool:
        return bool(set(row.used_by) - {"api"})

    assert called() <= {name for name, row in OPERATIONS.items() if used(row)}


@pytest.mark.parametrize("name", ANSWERS)
def test_every_open_question_has_a_switch(name: str) -> None:
    assert name in BY_NAME


def test_every_capability_has_an_answer() -> None:
    assert set(SWITCHED.values()) <= ANSWERS.keys()
