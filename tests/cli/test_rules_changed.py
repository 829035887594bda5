"""A plan opens with the rules that let more through than at the last apply, in every format, until an apply has run."""

import json

import pytest

from tests.cli.conftest import Project

LOOSE = "policy: {freeze: 30m, sends: allow, maxDeleteCount: 99}\n"


@pytest.fixture
def loosened(project: Project) -> Project:
    assert project.run("apply", "--auto-approve").code == 0
    project.write("reconcile.yaml", (project.root / "reconcile.yaml").read_text() + LOOSE)
    return project


def test_they_stand_at_the_top(loosened: Project) -> None:
    text = loosened.run("plan").out
    assert text.startswith("Rules changed\n  policy.freeze: 60m -> 30m\n  policy.maxDeleteCount: 10 -> 99\n"), text
    assert "policy.sends: ask -> allow" in text
    markdown = loosened.run("plan", "--format", "markdown").out
    assert markdown.index("Rules changed") < markdown.index("Nothing will be sent")
    page = loosened.run("plan", "--format", "html").out
    assert page.index("Rules changed") < page.index("Nothing will be sent")
    found = json.loads(loosened.run("plan", "--format", "json").out)["reconcile"]["rules_changed"]
    assert found[0] == {"rule": "policy.freeze", "before": "60m", "after": "30m"}


def test_a_record_has_them_too_and_an_apply_settles_them(loosened: Project) -> None:
    file = str(loosened.root / "a.plan")
    assert loosened.run("plan", "-o", file).code == 0
    assert "policy.freeze: 60m -> 30m" in loosened.run("show", file).out
    assert loosened.run("apply", "--auto-approve").code == 0
    assert "Rules changed" not in loosened.run("plan").out


def test_rules_that_are_stricter_are_no_news(project: Project) -> None:
    assert project.run("apply", "--auto-approve").code == 0
    strict = "policy: {freeze: 2h, sends: deny}\n"
    project.write("reconcile.yaml", (project.root / "reconcile.yaml").read_text() + strict)
    assert "Rules changed" not in project.run("plan").out
    assert project.run("apply", "--auto-approve").code == 0
    project.write("reconcile.yaml", (project.root / "reconcile.yaml").read_text().replace(strict, ""))
    assert project.run("plan").out.startswith(
        "Rules changed\n  policy.freeze: 120m -> 60m\n  policy.sends: deny -> ask"
    )


def test_a_refused_run_approves_of_no_rules(loosened: Project) -> None:
    loosened.write("manifests/all.yaml", "squalomail: {}\n")
    assert loosened.run("apply", "--auto-approve").code == 3
    assert loosened.run("plan").out.startswith("Rules changed")


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("text", "Rules changed\n  policy.freeze: 60m -> 30m\n"),
        ("markdown", "**Rules changed**\n\n- `policy.freeze`: 60m -> 30m\n"),
        ("json", None),
    ],
)
def test_who_applies_a_record_made_before_is_told_and_settles_nothing(
    project: Project, form: str, told: str | None
) -> None:
    """A rule was loosened after the record was made: nobody who approved of the record has seen that."""
    assert project.run("apply", "--auto-approve").code == 0
    project.replace("manifests/all.yaml", "#336699", "#112233")
    file = str(project.root / "a.plan")
    assert project.run("plan", "-o", file).code == 0
    project.write("reconcile.yaml", (project.root / "reconcile.yaml").read_text() + LOOSE)
    applied = project.run("apply", file, "--format", form)
    assert applied.code == 0, applied.err
    if told is not None:
        assert applied.out.startswith(told), applied.out
    else:
        assert json.loads(applied.out)["rules_changed"][0] == {
            "rule": "policy.freeze",
            "before": "60m",
            "after": "30m",
        }
    assert project.run("plan").out.startswith("Rules changed"), "no record has shown it yet"


def test_a_record_that_shows_them_settles_them(loosened: Project) -> None:
    loosened.replace("manifests/all.yaml", "#336699", "#112233")
    file = str(loosened.root / "a.plan")
    assert loosened.run("plan", "-o", file).code == 0
    applied = loosened.run("apply", file)
    assert applied.code == 0, applied.err
    assert applied.out.startswith("Rules changed\n  policy.freeze: 60m -> 30m\n")
    assert "Rules changed" not in loosened.run("plan").out
