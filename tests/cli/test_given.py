"""What comes from the environment is marked sensitive in JSON; no credential is in a saved plan in any encoding."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from reconcile.masks import forms
from tests.cli.conftest import Project

SECRET = "k3y/with+signs=77Zq"
MANIFEST = """\
squalomail:
  lists:
    news: {name: "News ${env.SEASON}", color: "#336699"}
    plain: {name: "Plain${var.suffix}", description: "${env.NOTE:-none}"}
  campaigns:
    hello:
      subject: "Hello${var.season}"
      template: base
      templateCustomAttributes: {texts: {head: {value: "In ${env.SEASON}"}}}
      lists: [news]
  templates:
    base: {subject: Base, bodyFile: emails/hello.html}
"""


@pytest.fixture
def given(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    project.write("manifests/all.yaml", MANIFEST)
    project.write("emails/hello.html", "<p>{{head}}</p>\n")
    text = (project.root / "reconcile.yaml").read_text()
    project.write("reconcile.yaml", text + 'variables: {suffix: "!", season: "${env.SEASON}"}\n')
    monkeypatch.setenv("SEASON", "spring")
    monkeypatch.setenv("SQUALOMAIL_API_KEY", SECRET)
    return project


def sensitive(document: Any) -> dict[str, list[str]]:
    return {change["address"]: sorted(change["change"]["after_sensitive"]) for change in document["resource_changes"]}


def test_what_the_environment_gives_is_marked_sensitive(given: Project) -> None:
    told = given.run("plan", "--format", "json", "-o", str(given.root / "a.plan"))
    assert told.code == 0, told.err
    expected = {
        "squalomail.list.news": ["name"],
        "squalomail.list.plain": ["description"],
        "squalomail.campaign.hello": ["subject", "templateCustomAttributes"],
        "squalomail.template.base": [],
    }
    assert sensitive(json.loads(told.out)) == expected
    saved = given.run("show", str(given.root / "a.plan"), "--format", "json")
    assert sensitive(json.loads(saved.out)) == expected
    values = json.loads(told.out)["planned_values"]["root_module"]["resources"]
    assert {each["address"]: sorted(each["sensitive_values"]) for each in values} == expected
    assert given.run("apply", str(given.root / "a.plan")).code == 0


def test_a_saved_plan_has_no_credential_in_any_encoding(given: Project) -> None:
    folder = given.root / "review"
    told = given.run("plan", "-o", str(given.root / "a.plan"), "--page", str(folder))
    assert told.code == 0, told.err
    files = [given.root / "a.plan", *folder.rglob("*")]
    assert len(files) > 1
    for path in files:
        text = path.read_text(errors="replace")
        assert not [form for form in forms(SECRET) if form in text], path
    assert SECRET not in told.out + told.err


def test_what_holds_secrets_is_for_its_owner_alone(given: Project) -> None:
    assert given.run("init").code == 0
    assert given.run("apply", "--auto-approve").code == 0
    page = given.root / "review"
    assert given.run("plan", "-o", str(given.root / "a.plan"), "--page", str(page)).code == 0
    assert given.run("snapshot", "-o", str(given.root / "live.json")).code == 0
    kept = [path for path in (given.root / ".reconcile").rglob("*") if path.is_file()]
    private = [*kept, given.root / "a.plan", given.root / "live.json", *page.rglob("*.html")]
    assert {path.name for path in private} >= {
        "key",
        "state.json",
        "sandbox.sqlite",
        "a.plan",
        "live.json",
        "index.html",
    }
    assert {path: oct(mode_of(path)) for path in private if mode_of(path) & 0o077} == {}
    assert mode_of(given.root / ".reconcile") & 0o077 == 0


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
