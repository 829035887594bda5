"""policy.renderedSends: review: what the platform made of a template is looked at before it is scheduled."""

import json
from pathlib import Path
from typing import Any

import pytest

from reconcile.engine.run import Rights
from reconcile.model.policy import Policy, RenderedSends
from reconcile.planner.plan import Right
from tests.cli.conftest import Project
from tests.engine.stories import buyers, launch, readers, rendered
from tests.engine.test_schedule import DAY
from tests.outside import colleague, operator
from tests.world import NOW, World, address, failures

REVIEW = Policy(rendered_sends=RenderedSends.REVIEW)
UNATTENDED = Rights(frozenset(Right) - {Right.REVIEW}, deletes=9)
SEEN = Rights(UNATTENDED.granted, deletes=9, approved=True)
CAMPAIGN = address("campaign", "c")


def world() -> World:
    made = World(may_send=True, policy=REVIEW)
    assert made.apply(readers())[0] == 0
    return made


def scheduled(made: World) -> list[dict[str, Any]]:
    return made.rows("Mail", "published==2")


def test_the_first_apply_makes_it_and_the_second_schedules_what_was_seen() -> None:
    made = world()
    code, events, shown = made.apply(rendered(), UNATTENDED)
    assert code == 0, failures(events)
    assert "policy.renderedSends" in (shown.steps[CAMPAIGN].note or "")
    assert not scheduled(made)
    made.clear_log()
    code, events, shown = made.apply(rendered(), UNATTENDED)
    assert code == 3
    assert "approval of what came of it" in " ".join(failures(events))
    assert shown.steps[CAMPAIGN].rendered == {"body": "<p>1</p>"}
    assert not made.writes()
    code, events, _ = made.apply(rendered(), SEEN)
    assert code == 0, failures(events)
    assert len(scheduled(made)) == 1
    assert not made.plan(rendered()).has_changes


def test_a_yes_to_the_first_plan_schedules_nothing() -> None:
    made = world()
    code, events, _ = made.apply(rendered(), SEEN)
    assert code == 0, failures(events)
    assert not scheduled(made)


def test_what_is_made_anew_is_looked_at_anew() -> None:
    made = world()
    made.apply(rendered(), SEEN)
    made.apply(rendered(), SEEN)
    (before,) = scheduled(made)
    code, events, _ = made.apply(rendered(word="2"), SEEN)
    assert code == 0, failures(events)
    assert not scheduled(made), "neither the former mail nor what nobody has seen"
    code, _, shown = made.apply(rendered(word="2"), UNATTENDED)
    assert code == 3
    assert shown.steps[CAMPAIGN].rendered == {"body": "<p>2</p>"}
    assert made.apply(rendered(word="2"), SEEN)[0] == 0
    (after,) = scheduled(made)
    assert after["mailid"] != before["mailid"]


def test_what_was_seen_may_be_moved_and_cancelled() -> None:
    made = world()
    made.apply(rendered(), SEEN)
    made.apply(rendered(), SEEN)
    assert made.apply(rendered(NOW + 2 * DAY), UNATTENDED)[0] == 0
    assert len(scheduled(made)) == 1
    assert made.apply(readers(), UNATTENDED)[0] == 0
    assert not scheduled(made)


def test_mail_of_its_own_needs_no_second_look() -> None:
    made = World(may_send=True, policy=REVIEW)
    made.apply(buyers())
    operator(made).people()
    code, events, _ = made.apply(launch(), UNATTENDED)
    assert code == 0, failures(events)
    assert [row["status"] for row in operator(made).campaigns()] == ["Queued"]


PROJECT = "policy: {renderedSends: review}\nchecks: {no-unsubscribe: off}\n"
MANIFEST = """\
squalomail:
  lists: {news: {name: News}}
  templates: {base: {subject: Base, body: "<html><body><p>{{x}}</p></body></html>"}}
  campaigns:
    spring:
      subject: Spring
      template: base
      templateCustomAttributes: {texts: {x: {value: Good news}}}
      lists: [news]
      schedule: 2037-12-01T09:00:00+01:00
"""


def test_the_saved_plan_that_shows_the_mail_is_the_approval(project: Project, tmp_path: Path) -> None:
    file = project.root / "reconcile.yaml"
    file.write_text(file.read_text() + PROJECT)
    project.write("manifests/all.yaml", MANIFEST)
    first = project.run("apply", "--auto-approve", "--allow-send")
    assert first.code == 0, first.err
    assert '"published": 2' not in project.run("api", "squalomail", "get-data", "entity=Mail").out
    refused = project.run("apply", "--auto-approve", "--allow-send")
    assert refused.code == 3
    assert "rendered-unseen" in refused.err
    page = tmp_path / "page"
    told = project.run("plan", "-o", str(tmp_path / "a.plan"), "--page", str(page)).out
    assert 'words: 2, the first: "Good news"' in told
    assert "needs --approved" in told
    assert any("Good news" in found.read_text() for found in page.rglob("*.html"))
    plan = json.loads((tmp_path / "a.plan").read_text())["reconcile"]
    assert [step["rendered"] for step in plan["steps"] if "rendered" in step] != []
    apply = ("apply", str(tmp_path / "a.plan"), "--allow-send")
    assert project.run(*apply).code == 3, "nobody says that he has seen it"
    done = project.run(*apply, "--approved", plan["digest"])
    assert done.code == 0, done.err
    assert project.run("plan", "--detailed-exitcode").code == 0


def test_what_was_edited_after_the_look_is_not_scheduled() -> None:
    made = world()
    made.apply(rendered(), SEEN)
    shown = made.plan(rendered())
    (row,) = (row for row in made.rows("Mail") if row["subject"] == "Spring")
    colleague(made).edit("campaign", str(row["mailid"]), body="<p>hers</p>")
    code, _, again = made.apply(rendered(), Rights(frozenset({Right.SEND})))
    assert code == 3
    assert again.steps[CAMPAIGN].digest != shown.steps[CAMPAIGN].digest
    assert not scheduled(made)


@pytest.mark.parametrize("value", ["allow", "review"])
def test_both_words_are_understood(project: Project, value: str) -> None:
    file = project.root / "reconcile.yaml"
    file.write_text(f"{file.read_text()}policy: {{renderedSends: {value}}}\n")
    assert project.run("validate").code == 0
