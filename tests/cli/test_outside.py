"""A colleague edits in the web interface: drift, pull, conflicts, export and history, as a user runs them."""

import json
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from reconcile.cli.options import Options
from reconcile.sandbox import Sandbox
from tests.cli.conftest import Project
from tests.outside import Colleague
from tests.repository import git


class Person:
    """Edits the objects behind a project's addresses."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._sandbox = Sandbox(project.state.with_name("sandbox.sqlite"), account="4711")
        self._colleague = Colleague(self._sandbox)

    def edit(self, kind: str, name: str, /, **members: Any) -> None:
        self._colleague.edit(kind, self._id(kind, name), **members)

    def delete(self, kind: str, name: str) -> None:
        self._colleague.delete(kind, self._id(kind, name))

    def close(self) -> None:
        self._sandbox.close()

    def _id(self, kind: str, name: str) -> str:
        bound: dict[str, str] = json.loads(self._project.run("state", "list", "--format", "json").out)
        return bound[f"squalomail.{kind}.{name}"]


@pytest.fixture
def person(quickstart: Project) -> Iterator[Person]:
    """Somebody with access to the account that the quickstart was applied to."""
    assert quickstart.run("apply", "--auto-approve").code == 0
    somebody = Person(quickstart)
    yield somebody
    somebody.close()


@pytest.fixture
def says_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Options, "may_ask", lambda _: True)
    monkeypatch.setattr(click, "confirm", lambda *_, **__: True)


def everything(folder: Path) -> dict[str, bytes]:
    """All files but the emulator's."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and "sandbox.sqlite" not in path.name)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


# Drift


def test_drift_needs_no_manifests_and_writes_nothing(quickstart: Project, person: Person) -> None:
    assert quickstart.run("drift").code == 0
    person.edit("list", "italia", color="#000000")
    shutil.rmtree(quickstart.root / "manifests")
    before = everything(quickstart.root)
    found = quickstart.run("drift")
    assert found.code == 2
    assert '  ~ squalomail.list.italia was edited outside\n      color: "#4c5a23" -> "#000000"\n' in found.out
    assert everything(quickstart.root) == before


def test_drift_formats(quickstart: Project, person: Person) -> None:
    person.delete("campaign", "natale")
    report = json.loads(quickstart.run("drift", "--format", "json").out)
    assert [(entry["address"], entry["verdict"]) for entry in report["entries"]] == [
        ("squalomail.campaign.natale", "deleted outside")
    ]
    assert quickstart.run("drift", "--format", "markdown").out.startswith(
        "### Drift: 1 deleted outside, of 12 objects."
    )
    assert quickstart.run("drift", "--format", "html").code == 64


def test_drift_takes_no_lock(quickstart: Project, person: Person) -> None:
    from reconcile.state.local import LocalStore

    with LocalStore(quickstart.state).lock("a long apply"):
        assert quickstart.run("drift").code == 0
        assert quickstart.run("pull").code == 5


def test_what_only_a_person_can_change_counts_with_strict(project: Project) -> None:
    project.write("manifests/fields.yaml", "squalomail:\n  fields:\n    city: {fieldname: City}\n")
    project.run("plan")  # makes the account
    with Sandbox(project.state.with_name("sandbox.sqlite"), account="4711") as sandbox:
        colleague = Colleague(sandbox)
        field = colleague.make("field", namekey="city", fieldname="City", type="text")
        assert project.run("apply", "--auto-approve").code == 0
        colleague.edit("field", field, fieldname="Town")
        assert project.run("drift").code == 0
        assert project.run("drift", "--strict").code == 2
        assert project.run("pull").code == 0
        assert "fieldname: Town" in (project.root / "manifests/fields.yaml").read_text()
        assert project.run("drift", "--strict").code == 0


def test_drift_before_the_first_apply(project: Project) -> None:
    found = project.run("drift")
    assert (found.code, found.out) == (0, "No drift: nothing was applied yet.\n")


# Pull


def test_pull_then_plan_is_empty(quickstart: Project, person: Person) -> None:
    before = everything(quickstart.root)
    body = (quickstart.root / "emails/harvest-letter.html").read_text().replace("Dear", "Hello")
    person.edit("list", "slovenija", color="#0055aa", listTags=["slovenija", "nova"])
    person.edit("campaign", "harvest-letter", body=body, fromName="Elena & Matej")
    pulled = quickstart.run("pull")
    assert pulled.code == 0, pulled.err
    assert pulled.out.endswith("Pulled 4 values into 3 files.\n")
    after = everything(quickstart.root)
    changed = {name for name in after if after[name] != before.get(name) and not name.startswith(".reconcile")}
    assert changed == {"manifests/lists.yaml", "manifests/campaigns/en.yaml", "emails/harvest-letter.html"}
    assert after["emails/harvest-letter.html"].decode() == body
    assert quickstart.run("plan", "--detailed-exitcode").code == 0
    assert quickstart.run("drift").code == 0
    assert quickstart.run("fmt", "--check").code == 0
    assert quickstart.run("pull").out == "Nothing to pull: no outside edits.\n"


def test_pull_in_part(quickstart: Project, person: Person) -> None:
    person.edit("campaign", "olio-nuovo", subject="Nuovo", replyToName="Elena")
    pulled = quickstart.run("pull", "--format", "json")
    assert pulled.code == 6
    report = json.loads(pulled.out)
    assert [(one["attribute"], one["after"]) for one in report["written"]] == [("replyToName", "Elena")]
    assert [finding["location"]["line"] for finding in report["left"]] == [7]
    assert "not-pulled" in pulled.err
    assert quickstart.run("pull").code == 1


def test_pull_wants_an_address_that_there_is(quickstart: Project, person: Person) -> None:
    refused = quickstart.run("pull", "squalomail.list.itlaia")
    assert refused.code == 1
    assert 'Did you mean "squalomail.list.italia"?' in refused.err


def test_detach(quickstart: Project, person: Person) -> None:
    person.edit("campaign", "natale", body="<p>by hand</p>")
    assert quickstart.run("pull").code == 1
    detached = quickstart.run("pull", "squalomail.campaign.natale", "--detach")
    assert detached.code == 0, detached.err
    assert (quickstart.root / "emails/natale.html").read_text() == "<p>by hand</p>\n"
    assert quickstart.run("plan", "--detailed-exitcode").code == 0


# Conflicts


def test_a_conflict_is_shown_and_needs_more_than_a_yes(
    quickstart: Project, person: Person, says_yes: None, tmp_path: Path
) -> None:
    person.edit("list", "italia", color="#000000")
    quickstart.replace("manifests/lists.yaml", "#4c5a23", "#ffffff")
    person.edit("campaign", "natale", fromName="Elena")
    shown = quickstart.run("plan", "-o", str(tmp_path / "seen.plan"))
    assert "last changed: " in shown.out
    assert "conflict: changed in the manifest and, differently, outside" in shown.out
    refused = quickstart.run("apply")
    assert refused.code == 3
    assert "error[conflict]" in refused.err
    assert "reconcile pull squalomail.list.italia" in refused.err
    assert '"#000000" -> "#ffffff"' in quickstart.run("plan").out
    assert quickstart.run("apply", str(tmp_path / "seen.plan")).code == 0
    assert quickstart.run("plan", "--detailed-exitcode").code == 0


def test_a_yes_overwrites_what_only_changed_outside(quickstart: Project, person: Person, says_yes: None) -> None:
    person.edit("list", "italia", color="#000000")
    assert quickstart.run("apply", "--auto-approve").code == 3
    assert quickstart.run("apply").code == 0


def test_overwrite_drift_settles_a_conflict(quickstart: Project, person: Person) -> None:
    person.edit("list", "italia", color="#000000")
    quickstart.replace("manifests/lists.yaml", "#4c5a23", "#ffffff")
    assert quickstart.run("apply", "--auto-approve").code == 3
    assert quickstart.run("apply", "--auto-approve", "--overwrite-drift").code == 0


# Export


def test_the_plan_of_an_export_is_empty(quickstart: Project, person: Person, tmp_path: Path) -> None:
    folder = tmp_path / "exported"
    done = quickstart.run("export", str(folder))
    assert done.code == 0, done.err
    assert done.out.startswith(f"Exported 4 lists, 6 campaigns, 2 templates to {folder}.")
    there = Project(folder)
    assert there.run("plan", "--detailed-exitcode").code == 0
    assert there.run("drift").code == 0
    assert there.run("validate").code == 0
    assert there.run("fmt", "--check").code == 0
    assert "`templateCustomAttributes`" in (folder / "EXPORT.md").read_text()
    assert (folder / "manifests/lists.yaml").read_text().startswith("# yaml-language-server: $schema=../schemas/")
    assert "command" in json.loads(there.run("history", "--format", "json").out)[0]
    again = quickstart.run("export", str(folder))
    assert (again.code, "not empty" in again.err) == (1, True)


def test_an_export_of_an_environment_has_no_credentials(quickstart: Project, tmp_path: Path) -> None:
    quickstart.replace("reconcile.yaml", "${env.SQUALOMAIL_STAGING_API_KEY}", "a-literal-secret")
    assert quickstart.run("--env", "staging", "apply", "--auto-approve").code == 0
    folder = tmp_path / "exported"
    assert quickstart.run("--env", "staging", "export", str(folder), "--provider", "squalomail").code == 0
    text = (folder / "reconcile.yaml").read_text()
    assert "a-literal-secret" not in text
    assert 'apiKey: "${env.SQUALOMAIL_API_KEY}"' in text
    assert 'account: "4712"' in text
    assert Project(folder).run("plan", "--detailed-exitcode").code == 0
    assert quickstart.run("export", str(tmp_path / "other"), "--provider", "squalomial").code == 1


# History


def runs(project: Project) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(project.run("history", "--format", "json").out)
    return found


def test_every_run_leaves_a_line(quickstart: Project, tmp_path: Path) -> None:
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        git(quickstart.root, *command)
    commit = git(quickstart.root, "rev-parse", "HEAD")
    assert quickstart.run("history").out == "No history yet: nothing was applied.\n"
    plan = tmp_path / "first.plan"
    quickstart.run("plan", "-o", str(plan))
    assert not runs(quickstart)
    quickstart.run("apply", str(plan))
    quickstart.run("apply", str(plan))  # nothing is left to do
    quickstart.run("apply", "--auto-approve")
    person = Person(quickstart)
    person.edit("list", "italia", color="#000000")
    quickstart.run("apply", "--auto-approve")  # refused
    quickstart.run("pull")
    person.close()
    quickstart.run("destroy", "--auto-approve", "--allow-delete", "12")
    lines = runs(quickstart)
    assert [(line["command"], line["serial"], line["outcome"]) for line in lines] == [
        ("apply", [0, 1], 0),
        ("apply", [1, 1], 0),
        ("apply", [1, 1], 0),
        ("apply", [1, 1], 3),
        ("pull", [1, 2], 0),
        ("destroy", [2, 3], 6),
    ]
    assert lines[0]["writes"] == {"create-list": 4, "create-newsletter": 4, "create-newsletter-from-template": 4}
    assert lines[0]["plan"] == json.loads(plan.read_bytes())["reconcile"]["digest"]
    assert lines[3]["writes"] == {}
    assert {line["commit"] for line in lines} == {commit}
    assert not [line for line in lines if line["broken"]]
    path = quickstart.state.with_name("state.json.history")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert quickstart.run("state", "show", "squalomail.list.club").code == 0


def test_adopt_and_import_leave_a_line(quickstart: Project) -> None:
    quickstart.run("apply", "--auto-approve")
    state = json.loads(quickstart.run("state", "list", "--format", "json").out)
    for path in quickstart.state.parent.glob("state.json*"):
        path.unlink()
    assert quickstart.run("import", "squalomail.list.club", state["squalomail.list.club"]).code == 0
    assert quickstart.run("adopt").code == 0
    assert [line["command"] for line in runs(quickstart)] == ["import", "adopt"]


@pytest.mark.parametrize("damage", ["changed", "removed", "cut short"])
def test_a_history_that_was_changed_says_where(quickstart: Project, damage: str) -> None:
    for _ in range(3):
        quickstart.run("apply", "--auto-approve")
    path = quickstart.state.with_name("state.json.history")
    lines = path.read_bytes().splitlines(keepends=True)
    if damage == "changed":
        path.write_bytes(b"".join([lines[0].replace(b'"outcome":0', b'"outcome":3'), *lines[1:]]))
    elif damage == "removed":
        path.write_bytes(b"".join([lines[0], lines[2]]))
    else:
        path.write_bytes(b"".join([*lines[:2], lines[2][:40]]))
        assert quickstart.run("apply", "--auto-approve").code == 0
    found = quickstart.run("history")
    assert found.code == 1
    assert "error[history-broken]" in found.err
    broken = [line["line"] for line in runs(quickstart) if line["broken"]]
    assert broken == {"changed": [1, 2], "removed": [2], "cut short": [3]}[damage]


def test_a_history_that_cant_be_written_stops_nothing(quickstart: Project) -> None:
    quickstart.run("apply", "--auto-approve")
    path = quickstart.state.with_name("state.json.history")
    path.unlink()
    path.symlink_to(os.devnull)
    quickstart.replace("manifests/lists.yaml", "#4c5a23", "#ffffff")
    applied = quickstart.run("apply", "--auto-approve")
    assert applied.code == 0
    assert "warning[no-history]" in applied.err


def test_a_history_that_lost_its_end_is_told(quickstart: Project) -> None:
    quickstart.run("apply", "--auto-approve")
    quickstart.replace("manifests/lists.yaml", "#4c5a23", "#ffffff")
    quickstart.run("apply", "--auto-approve")
    assert quickstart.run("history").code == 0
    path = quickstart.state.with_name("state.json.history")
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    found = quickstart.run("history")
    assert found.code == 1
    assert "error[history-cut-short]" in found.err
    assert "serial 2" in found.err
    path.unlink()
    assert quickstart.run("history").code == 1, "nothing was applied would be untrue"
