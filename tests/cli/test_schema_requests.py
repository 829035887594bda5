"""``schema-requests``: what people ask for in the web interface is answered, and nothing of it is lost."""

import io
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconcile.cli.options import Options
from reconcile.providers.gatormail import handshake, schema_requests
from reconcile.state.local import LocalStore
from tests.cli.gator import LOGIN, Gator, own_instance

MANIFEST = """\
gatormail:
  schema:
    entities:
      Contact:
        attributes:
          email: {dataType: string, displayName: E-mail}
          city: {dataType: string}
"""
UPDATES, SCHEMA = "FieldMappingUpdates", "FieldMappingSchema"
SATISFIED = "gatormail_getIntegrationRequestSatisfied"
MAPPED = """\
# The mappings that people have published, as reconcile schema-requests fetched them.
publishedAt: "2026-12-01T08:00:00Z"
mappings:
- {entity: "Contact", attribute: "city", contactAttribute: "LastName", dataType: "string", dataCleanse: false}
- {entity: "Contact", attribute: "email", contactAttribute: "EmailLogin", dataType: "string", dataCleanse: false}
"""


@pytest.fixture
def gator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gator]:
    for made in own_instance(tmp_path, monkeypatch):
        made.project.write("manifests/all.yaml", MANIFEST)
        made.control("POST", "clock", {"now": 1796112000})
        yield made


@pytest.fixture
def ready(gator: Gator) -> Gator:
    """The schema is there, and nobody is waiting."""
    assert gator.project.run("apply", "--auto-approve").code == 0
    gator.operations()
    return gator


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Sit at the terminal and type."""
    monkeypatch.setattr(Options, "may_ask", lambda _: True)
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_nobody_is_waiting(ready: Gator) -> None:
    result = ready.project.run("schema-requests")
    assert (result.code, result.out) == (0, "gatormail: nobody is waiting.\n")
    assert ready.operations() == ["gatormail_campaignList", "gatormail_getIntegrationRequests"]


def test_the_schema_is_delivered_and_then_the_light_goes_out(gator: Gator) -> None:
    gator.person("ui/get-schema")
    result = gator.project.run("schema-requests", "gatormail", "--auto-approve")
    assert result.code == 0, result.err
    assert "gatormail: the schema is asked for (Get Schema), 2026-12-01T08:00:00Z.\n" in result.out
    assert gator.schema() == {"Contact": {"email": "string", "city": "string"}}
    assert not gator.requested()
    calls = gator.operations()
    assert [call for call in calls if call.startswith("gatormail_post") or call == SATISFIED] == [
        "gatormail_postSchemaEntity",
        "gatormail_postSchemaAttribute",
        "gatormail_postSchemaAttribute",
        SATISFIED,
    ]


def test_a_schema_that_is_there_already_only_needs_the_word(ready: Gator) -> None:
    ready.person("ui/get-schema")
    result = ready.project.run("schema-requests", "--auto-approve")
    assert (result.code, ready.requested()) == (0, set())
    assert "No changes." in result.out


def test_nothing_but_the_schema_is_applied(gator: Gator) -> None:
    gator.project.write("manifests/feed.yaml", "gatormail:\n  datafeed: {batchSize: 7}\n")
    gator.person("ui/get-schema")
    assert gator.project.run("schema-requests", "--auto-approve").code == 0
    assert "gatormail_postDatafeedOptions" not in gator.operations()
    assert gator.project.run("plan", "--detailed-exitcode").code == 2


def test_the_rules_of_apply_hold(ready: Gator) -> None:
    ready.publish(("Contact", "email", "EmailLogin"))
    assert ready.project.run("schema-requests", "--auto-approve").code == 0
    ready.project.replace("manifests/all.yaml", "city: {dataType: string}", "city: {dataType: integer}")
    ready.person("ui/get-schema")
    refused = ready.project.run("schema-requests", "--auto-approve")
    assert (refused.code, ready.requested()) == (3, {SCHEMA})
    assert "--allow-delete 1" in refused.err
    done = ready.project.run("schema-requests", "--auto-approve", "--allow-delete", "1")
    assert (done.code, ready.requested()) == (0, set()), done.err
    assert ready.schema()["Contact"]["city"] == "integer"
    assert 'map the contact field "EmailLogin" to Contact.email again' in done.err


def test_published_mappings_come_before_a_rebuild(ready: Gator) -> None:
    ready.publish(("Contact", "email", "EmailLogin"))
    ready.project.replace("manifests/all.yaml", "city: {dataType: string}", "city: {dataType: integer}")
    blocked = ready.project.run("apply", "--auto-approve", "--allow-delete", "1")
    assert (blocked.code, "reconcile schema-requests gatormail" in blocked.err) == (3, True)
    ready.person("ui/get-schema")
    ready.operations()
    done = ready.project.run("schema-requests", "--auto-approve", "--allow-delete", "1")
    assert (done.code, ready.requested()) == (0, set()), done.err
    calls = ready.operations()
    assert calls.index(SATISFIED) < calls.index("gatormail_deleteSchema")
    assert '"EmailLogin"' in (ready.project.root / "mappings/gatormail.yaml").read_text()


def test_mappings_are_written_to_a_file_before_people_are_told(ready: Gator) -> None:
    ready.publish(("Contact", "email", "EmailLogin"), ("Contact", "city", "LastName"))
    result = ready.project.run("schema-requests", "--auto-approve")
    assert result.code == 0, result.err
    file = ready.project.root / "mappings" / "gatormail.yaml"
    assert file.read_text() == MAPPED
    assert not ready.requested()
    assert ready.operations() == [
        "gatormail_campaignList",
        "gatormail_getIntegrationRequests",
        "gatormail_getSchema",
        SATISFIED,
        "gatormail_getSchema",
    ]
    assert ready.project.run("validate").code == 0, "the file is no manifest"


def test_to_names_another_file_and_form(ready: Gator, tmp_path: Path) -> None:
    ready.publish(("Contact", "email", "EmailLogin"))
    file = tmp_path / "deep" / "mappings.json"
    assert ready.project.run("schema-requests", "--auto-approve", "--to", str(file)).code == 0
    assert '"contactAttribute": "EmailLogin"' in file.read_text()
    file.chmod(0o640)
    ready.publish()
    assert ready.project.run("schema-requests", "--auto-approve", "--to", str(file)).code == 0
    assert ('"mappings": []' in file.read_text(), file.stat().st_mode & 0o777) == (True, 0o640)


def test_a_second_publish_in_between_is_not_lost(ready: Gator, monkeypatch: pytest.MonkeyPatch) -> None:
    ready.publish(("Contact", "email", "EmailLogin"))
    real, again = handshake.satisfy, [True]

    def satisfy(client: Any, request: str) -> None:
        if again.pop() if again else False:
            # The person presses Publish right before we put the light out.
            ready.publish(("Contact", "email", "EmailLogin"), ("Contact", "city", "LastName"))
        real(client, request)

    monkeypatch.setattr(handshake, "satisfy", satisfy)
    assert ready.project.run("schema-requests", "--auto-approve").code == 0
    assert (ready.project.root / "mappings/gatormail.yaml").read_text() == MAPPED
    assert ready.operations().count(SATISFIED) == 2


def test_a_run_that_died_after_it_told_people_reads_once_more(ready: Gator, monkeypatch: pytest.MonkeyPatch) -> None:
    ready.publish(("Contact", "email", "EmailLogin"))
    real = handshake.satisfy

    def satisfy(client: Any, request: str) -> None:
        ready.publish(("Contact", "email", "EmailLogin"), ("Contact", "city", "LastName"))
        real(client, request)
        raise KeyboardInterrupt

    monkeypatch.setattr(handshake, "satisfy", satisfy)
    assert ready.project.run("schema-requests", "--auto-approve").code == 130
    monkeypatch.undo()
    assert not ready.requested()
    file = ready.project.root / "mappings/gatormail.yaml"
    assert file.read_text() != MAPPED
    for name, value in LOGIN.items():
        monkeypatch.setenv(name, value)
    assert ready.project.run("schema-requests", "--auto-approve").code == 0
    assert file.read_text() == MAPPED


def test_the_first_use_asks_and_remembers(ready: Gator, monkeypatch: pytest.MonkeyPatch) -> None:
    ready.publish(("Contact", "email", "EmailLogin"))
    refused = ready.project.run("schema-requests")
    assert (refused.code, "--auto-approve" in refused.err, ready.requested()) == (3, True, {UPDATES})
    answer(monkeypatch, "n\n")
    said_no = ready.project.run("schema-requests")
    assert (said_no.code, ready.requested()) == (3, {UPDATES})
    answer(monkeypatch, "y\n")
    agreed = ready.project.run("schema-requests")
    assert (agreed.code, ready.requested()) == (0, set()), agreed.err
    assert "CRM connector" in agreed.err
    ready.publish()
    monkeypatch.setattr(Options, "may_ask", lambda _: False)
    assert ready.project.run("schema-requests").code == 0, "the answer is remembered"


def test_without_a_schema_in_the_manifests_the_light_stays_on(ready: Gator) -> None:
    ready.project.write("manifests/all.yaml", "gatormail: {}\n")
    ready.person("ui/get-schema")
    result = ready.project.run("schema-requests", "--auto-approve")
    assert (result.code, ready.requested()) == (1, {SCHEMA})
    assert "the manifests declare none" in result.err


def test_watching_answers_again_and_again(ready: Gator, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 1:
            ready.publish(("Contact", "email", "EmailLogin"))
        elif len(slept) == 2:
            ready.control("POST", "faults", {"faults": ["500"]})
        elif len(slept) == 3:
            ready.control("POST", "faults", {"faults": []})
            ready.person("ui/get-schema")
        else:
            raise KeyboardInterrupt

    monkeypatch.setattr(schema_requests, "_sleep", sleep)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    result = ready.project.run("schema-requests", "--watch", "--interval", "7", "--auto-approve")
    assert (result.code, slept) == (130, [7.0] * 4), result.err
    assert not ready.requested()
    assert (ready.project.root / "mappings/gatormail.yaml").exists()
    assert "HTTP 500" in result.err


def test_watching_outlasts_a_colleague_s_lock(ready: Gator, monkeypatch: pytest.MonkeyPatch) -> None:
    held = LocalStore(ready.project.root / ".reconcile/default/state.json").lock("apply")
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 1:
            assert ready.requested() == {SCHEMA}
            held.__exit__(None, None, None)
        else:
            raise KeyboardInterrupt

    monkeypatch.setattr(schema_requests, "_sleep", sleep)
    ready.project.write("manifests/all.yaml", MANIFEST.replace("city", "town"))
    ready.person("ui/get-schema")
    held.__enter__()
    result = ready.project.run("schema-requests", "--watch", "--interval", "7", "--auto-approve")
    assert (result.code, len(slept)) == (130, 2), result.err
    assert "[lock-held]" in result.err
    assert not ready.requested()
    assert set(ready.schema()["Contact"]) == {"email", "city", "town"}


def test_watching_asks_before_it_begins(ready: Gator) -> None:
    assert ready.project.run("schema-requests", "--watch").code == 3


def test_as_json(ready: Gator) -> None:
    ready.publish()
    result = ready.project.run("schema-requests", "--auto-approve", "--format", "json")
    assert '"type": "FieldMappingUpdates"' in result.out
    assert '"file": ' in result.out


@pytest.mark.parametrize(("alias", "words"), [("gatormial", "no provider of type gatormail"), ("x", "There are:")])
def test_another_alias(ready: Gator, alias: str, words: str) -> None:
    result = ready.project.run("schema-requests", alias)
    assert (result.code, words in result.err) == (64, True), result.err
