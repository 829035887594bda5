"""The flows of the vendor's page, step by step over real HTTP: mappings (3.1-3.7) and data feed (4.1-4.3)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.gator import Gator, own_instance
from tests.cli.test_datafeed import ANN, ids

MANIFEST = """\
gatormail:
  schema:
    entities:
      Contact: {{attributes: {{email: {{dataType: string}}, score: {{dataType: {type}}}}}}}
    mappings: {{Contact.email: emailLogin}}
"""
# Read to see whose account it is, before anything else; and what is there, to plan by.
ACCOUNT = "gatormail_campaignList"


@pytest.fixture
def gator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gator]:
    yield from own_instance(tmp_path, monkeypatch)


def documented(calls: list[str], *flow: str) -> list[str]:
    """The calls of a flow's operations, in their order; there may be no others but the look at the account."""
    assert set(calls) <= {*flow, ACCOUNT}, calls
    return [call for call in calls if call != ACCOUNT]


def test_the_mappings_flow(gator: Gator) -> None:
    schema, requests = "gatormail_getSchema", "gatormail_getIntegrationRequests"
    delete, satisfied = "gatormail_deleteSchema", "gatormail_getIntegrationRequestSatisfied"
    entity, attribute = "gatormail_postSchemaEntity", "gatormail_postSchemaAttribute"
    flow = (schema, requests, delete, entity, attribute, satisfied)
    gator.project.write("manifests/all.yaml", MANIFEST.format(type="string"))
    assert gator.project.run("apply", "--auto-approve").code == 0
    gator.operations()
    # The user asks for the schema of the other system, in which a type has changed, so that it is cleared.
    gator.project.write("manifests/all.yaml", MANIFEST.format(type="integer"))
    gator.person("ui/get-schema")
    result = gator.project.run("schema-requests", "--auto-approve")
    assert result.code == 0, result.err
    calls = documented(gator.operations(), *flow)
    writes = [call for call in calls if call not in (schema, requests)]
    # 3.1 clear, 3.2 add, 3.4 reset the schema status; 3.3, the check for the request, is made before and after.
    assert writes == [delete, entity, attribute, attribute, satisfied]
    reads = [schema, requests]
    looked_at = [each for write in (delete, entity, attribute, attribute) for each in (*reads, write)]
    # The plan; a look right before each write; the schema read back before people are told; verified.
    assert calls == [requests, *reads, *looked_at, *reads, *reads, satisfied, *reads, requests]
    assert not gator.requested()
    assert gator.schema() == {"Contact": {"email": "string", "score": "integer"}}
    # The user maps and publishes; 3.5 see whether, 3.6 pull them down, 3.7 mark as complete.
    gator.publish(("Contact", "email", "EmailLogin"))
    result = gator.project.run("schema-requests", "--auto-approve")
    assert result.code == 0, result.err
    assert documented(gator.operations(), *flow) == [requests, schema, satisfied, schema]
    assert '"EmailLogin"' in (gator.project.root / "mappings/gatormail.yaml").read_text()
    assert not gator.requested()
    assert gator.project.run("plan", "--detailed-exitcode").code == 0


def test_the_data_feed_flow(gator: Gator, tmp_path: Path) -> None:
    options, chosen = "gatormail_getDatafeedOptions", "gatormail_postDatafeedOptions"
    fetch, mark = "gatormail_getDatafeed", "gatormail_getDatafeedBatchIdentifier"
    gator.person("api/contact", {"emailLogin": ANN})
    gator.person("ui/options", {"feeds": {"emailOpened": False}}, "PUT")
    gator.operations()
    # 4.1 the options: those that are not declared stay as they are.
    gator.project.write("manifests/all.yaml", "gatormail:\n  datafeed: {batchSize: 2, feeds: {emailSent: false}}\n")
    assert gator.project.run("apply", "--auto-approve").code == 0
    # Read to plan by, once more right before the write, and after it.
    assert documented(gator.operations(), options, chosen)[-3:] == [options, chosen, options]
    feeds = gator.person("api/datafeed/options", method="GET")["feeds"]
    assert {name for name, on in feeds.items() if not on} == {"emailOpened", "emailSent"}
    assert gator.project.run("plan", "--detailed-exitcode").code == 0
    gator.operations()
    # 4.2 a batch, 4.3 mark it, until there is none.
    for kind in ("LinkClicked", "EmailOpened", "FileDownloaded", "SurveyAnswered"):
        gator.person("activity", {"activityType": kind, "contact": ANN})
    file = tmp_path / "feed.sqlite"
    assert gator.project.run("datafeed", "pull", "--to", str(file), "--auto-approve").code == 0
    assert documented(gator.operations(), fetch, mark) == [fetch, mark, fetch, mark, fetch]
    assert len(ids(file)) == 3
