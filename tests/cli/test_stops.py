"""Runs that can't be carried out stop at least the mail that is not to go out any more, and say what could not be."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconcile.errors import ApiError
from reconcile.providers.squalomail.client import SqualoMail
from tests.cli.conftest import Project

SOON = (datetime.now(UTC) + timedelta(days=3)).strftime("%Y-%m-%dT%H:00:00Z")
CAMPAIGN = 'squalomail: {{campaigns: {{hello: {{subject: Hello, body: "<p>1</p>", lists: [news], schedule: {}}}}}}}\n'


@pytest.fixture
def scheduled(project: Project) -> Project:
    """The mail waits, and its entry says that it is not to go out any more."""
    project.write("manifests/all.yaml", "squalomail: {lists: {news: {name: News}}}\n")
    project.write("manifests/c.yaml", CAMPAIGN.format(SOON))
    assert project.run("apply", "--auto-approve", "--allow-send").code == 0
    assert waits(project)
    project.write("manifests/c.yaml", CAMPAIGN.format("null"))
    return project


def waits(project: Project) -> bool:
    found = json.loads(project.run("api", "squalomail", "get-data", "entity=Mail").out)
    return any(row["published"] == 2 for row in found)


def test_a_malformed_row_in_another_entry_s_file_holds_nothing_back(scheduled: Project) -> None:
    scheduled.write("people.csv", "email\nbroken\n")
    scheduled.write("manifests/a.yaml", "squalomail: {audiences: {a: {source: people.csv, columns: {email: email}}}}\n")
    for targets in ([], ["--target", "squalomail.campaign.hello"]):
        result = scheduled.run("apply", "--auto-approve", *targets)
        assert result.code in (1, 6)
        assert "broken" not in result.out + result.err
        assert not waits(scheduled)


def test_a_right_that_others_need_is_not_waited_for(scheduled: Project) -> None:
    other = CAMPAIGN.format(SOON).replace("hello", "other").replace("Hello", "Other")
    scheduled.write("manifests/other.yaml", other)
    result = scheduled.run("apply", "--auto-approve")
    assert result.code == 6
    assert "--allow-send" in result.err
    assert not waits(scheduled)


def test_reads_that_it_does_not_need_may_fail(scheduled: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, "get-lists-details")
    result = scheduled.run("apply", "--auto-approve")
    assert result.code == 6
    assert "500" in result.err
    monkeypatch.undo()
    assert not waits(scheduled)


def test_an_import_that_never_began_is_not_waited_for(scheduled: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """An earlier run left word of an import; this one stops the mail before it begins to wait."""
    from reconcile.cli import apply as command

    monkeypatch.setattr(command, "_awaits", lambda *_: True)

    def forever(*_: Any) -> None:
        assert not waits_directly
        raise ApiError("It takes for ever.")

    waits_directly: list[bool] = []
    monkeypatch.setattr("reconcile.engine.workflow.settle", forever)
    assert scheduled.run("apply", "--auto-approve").code in (1, 6)
    monkeypatch.undo()
    assert not waits(scheduled)


def test_without_a_yes_nothing_is_stopped(scheduled: Project) -> None:
    scheduled.write("people.csv", "email\nbroken\n")
    scheduled.write("manifests/a.yaml", "squalomail: {audiences: {a: {source: people.csv, columns: {email: email}}}}\n")
    assert scheduled.run("apply", "--no-input").code == 1
    assert waits(scheduled)


def test_manifests_that_were_moved_stop_no_mail(scheduled: Project) -> None:
    (scheduled.root / "manifests").rename(scheduled.root / "elsewhere")
    result = scheduled.run("apply", "--auto-approve")
    assert result.code == 3
    assert "moved" in result.err
    assert waits(scheduled)
    assert "squalomail.campaign.hello" in result.err[result.err.index("error[not-stopped]") :]


def test_what_could_not_be_stopped_is_the_last_word(scheduled: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, "cancel-sending-newsletter")
    monkeypatch.setattr("time.sleep", lambda _: None)
    result = scheduled.run("apply", "--auto-approve")
    assert result.code != 0
    assert result.out.rstrip().splitlines()[-1].startswith("NOT STOPPED: squalomail.campaign.hello")


def answering(monkeypatch: pytest.MonkeyPatch, operation: str) -> None:
    """The platform answers 500 to one operation."""
    send = SqualoMail.send

    def failing(self: SqualoMail, call: Any, *args: Any, **options: Any) -> Any:
        if call.operation == operation:
            raise ApiError("The platform answered 500.")
        return send(self, call, *args, **options)

    monkeypatch.setattr(SqualoMail, "send", failing)
