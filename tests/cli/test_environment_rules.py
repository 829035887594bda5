"""The rules of an environment, from the project file to the exit code."""

import pytest

from tests.cli.conftest import PROJECT, Project

ENVIRONMENTS = """\
environments:
  staging:
    policy: {targets: {lists: [testers], maxAudience: 50}}
  production: {}
"""
TESTERS = "  lists:\n    testers: {name: Testers}\n"


@pytest.fixture
def staged(project: Project) -> Project:
    project.write("reconcile.yaml", PROJECT + ENVIRONMENTS)
    project.replace("manifests/all.yaml", "  lists:\n", TESTERS)
    return project


def test_an_environment_is_for_its_lists_only(staged: Project) -> None:
    shown = staged.run("plan", "--env", "staging")
    assert shown.code == 0
    assert "policy.targets.lists" in shown.out
    plan = str(staged.root / "p.plan")
    assert staged.run("plan", "--env", "staging", "-o", plan).code == 0
    for arguments in (("apply", "--auto-approve"), ("apply", plan)):
        refused = staged.run(*arguments, "--env", "staging", "--target", "squalomail.campaign.hello")
        assert refused.code in (3, 4, 6), refused
    staged.run("apply", "--auto-approve", "--env", "staging")
    refused = staged.run("apply", "--auto-approve", "--env", "staging")
    assert refused.code == 3
    assert "error[target-not-allowed]" in refused.err
    assert "add the list to policy.targets.lists" in refused.err
    staged.replace("manifests/all.yaml", "lists: [news]", "lists: [testers]")
    assert staged.run("apply", "--auto-approve", "--env", "staging").code == 0
    assert staged.run("apply", "--auto-approve", "--env", "production").code == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{lists: testers}", "lists"),
        ("{list: [testers]}", 'Did you mean "lists"?'),
        ("{maxAudience: -1}", "maxAudience"),
        ("{maxAudience: many}", "maxAudience"),
        ("[testers]", "targets"),
    ],
)
def test_rules_that_are_none(staged: Project, text: str, message: str) -> None:
    staged.replace("reconcile.yaml", "{lists: [testers], maxAudience: 50}", text)
    for environment in ("staging", "production"):
        result = staged.run("validate", "--env", environment)
        assert result.code == 1
        assert message in result.err, result.err
