"""`was` on a provider: its account has another alias, and what the state has of it is taken along."""

import pytest

from tests.cli.conftest import PROJECT, Project

MANIFEST = """\
{alias}:
  lists: {{news: {{name: News}}, other: {{name: Other}}}}
  campaigns: {{hello: {{subject: Hello, body: "<p>Hi</p>", lists: [news]}}}}
"""
RENAMED = PROJECT.replace("  squalomail:\n", "  mail:\n    was: [squalomail]\n")


@pytest.fixture
def renamed(project: Project) -> Project:
    """Applied under the alias squalomail; by now the account is called mail."""
    project.write("manifests/all.yaml", MANIFEST.format(alias="squalomail"))
    applied = project.run("apply", "--auto-approve")
    assert applied.code == 0, applied.err
    project.write("reconcile.yaml", RENAMED)
    project.write("manifests/all.yaml", MANIFEST.format(alias="mail"))
    return project


def test_everything_moves_without_a_call(renamed: Project) -> None:
    before = renamed.state.read_bytes()
    planned = renamed.run("plan", "--detailed-exitcode")
    assert planned.code == 2
    assert "here from squalomail.list.news, without an API call" in planned.out
    assert renamed.state.read_bytes() == before
    applied = renamed.run("apply", "--auto-approve")
    assert applied.code == 0, applied.err
    listed = [word for word in renamed.run("state", "list").out.split() if "." in word]
    assert sorted(listed) == ["mail.campaign.hello", "mail.list.news", "mail.list.other"]
    assert renamed.run("plan", "--detailed-exitcode").code == 0
    assert renamed.run("drift").code == 0
    # Once that is on record, nobody needs the word any more.
    renamed.replace("reconcile.yaml", "    was: [squalomail]\n", "")
    assert renamed.run("plan", "--detailed-exitcode").code == 0


def test_what_is_removed_and_changed_at_once_is_the_same_object(renamed: Project) -> None:
    renamed.replace("manifests/all.yaml", ", other: {name: Other}", "")
    renamed.replace("manifests/all.yaml", "{name: News}", "{name: News, description: New}")
    applied = renamed.run("apply", "--auto-approve")
    assert applied.code == 0, applied.err
    shown = renamed.run("api", "mail", "get-lists-details").out
    assert shown.count('"name": "News"') == 1
    assert '"description": "New"' in shown
    assert "Other" not in shown
    assert renamed.run("plan", "--detailed-exitcode").code == 0


def test_a_saved_plan_of_the_move_is_good(renamed: Project) -> None:
    file = str(renamed.root / "a.plan")
    renamed.replace("manifests/all.yaml", "{name: News}", "{name: News, description: New}")
    assert renamed.run("plan", "-o", file).code == 0
    applied = renamed.run("apply", file)
    assert applied.code == 0, applied.err + applied.out
    assert renamed.run("plan", "--detailed-exitcode").code == 0


def test_a_refused_apply_moves_nothing(renamed: Project) -> None:
    before = renamed.state.read_bytes()
    renamed.write("manifests/all.yaml", "{}\n")
    assert renamed.run("apply", "--auto-approve").code == 3
    assert renamed.state.read_bytes() == before


def test_commands_on_the_state_go_by_the_present_alias(renamed: Project) -> None:
    assert "mail.list.news" in renamed.run("state", "list").out
    moved = renamed.run("state", "mv", "mail.list.other", "mail.list.another")
    assert moved.code == 0, moved.err
    renamed.replace("manifests/all.yaml", "other: {name", "another: {name")
    assert renamed.run("apply", "--auto-approve").code == 0
    assert renamed.run("plan", "--detailed-exitcode").code == 0


def test_without_the_word_the_way_out_is_told(renamed: Project) -> None:
    renamed.replace("reconcile.yaml", "    was: [squalomail]\n", "")
    refused = renamed.run("plan")
    assert refused.code == 1
    assert "`was: [squalomail]`" in refused.err


def test_two_objects_of_one_address_are_not_mixed_up(project: Project) -> None:
    two = PROJECT + PROJECT.partition("providers:\n")[2].replace("  squalomail:", "  mail:")
    project.write("reconcile.yaml", two)
    lists = "{}: {{lists: {{news: {{name: {}}}}}}}\n"
    project.write("manifests/all.yaml", lists.format("squalomail", "One") + lists.format("mail", "Two"))
    assert project.run("apply", "--auto-approve").code == 0
    project.write("reconcile.yaml", RENAMED)
    project.write("manifests/all.yaml", lists.format("mail", "Two"))
    refused = project.run("apply", "--auto-approve")
    assert refused.code == 1
    assert "mail.list.news" in refused.err
    assert "reconcile state mv" in refused.err
    # The way out that it tells.
    project.write("reconcile.yaml", two)
    assert project.run("state", "mv", "squalomail.list.news", "squalomail.list.one").code == 0
    project.write("reconcile.yaml", RENAMED)
    project.write("manifests/all.yaml", "mail: {lists: {news: {name: Two}, one: {name: One}}}\n")
    assert project.run("apply", "--auto-approve").code == 0
    assert project.run("plan", "--detailed-exitcode").code == 0


def test_another_account_is_not_the_one_that_it_was(renamed: Project) -> None:
    renamed.replace("reconcile.yaml", 'account: "4711"', 'account: "4712"')
    refused = renamed.run("apply", "--auto-approve")
    assert refused.code == 7
    assert "4711" in refused.err


@pytest.mark.parametrize(
    ("providers", "told"),
    [
        ('  mail: {type: squalomail, url: "sandbox:", was: [mail]}\n', "says that it was itself"),
        (
            '  mail: {type: squalomail, url: "sandbox:", was: [old]}\n  old: {type: squalomail, url: "sandbox:"}\n',
            "which is still declared",
        ),
        (
            '  mail: {type: squalomail, url: "sandbox:", was: [old]}\n'
            '  post: {type: squalomail, url: "sandbox:", was: [old]}\n',
            "Only one of them can be",
        ),
        ('  mail: {type: squalomail, url: "sandbox:", was: old}\n', "was"),
        ('  mail: {type: squalomail, url: "sandbox:", was: ["a b"]}\n', "was"),
    ],
)
def test_what_cannot_be_is_told(project: Project, providers: str, told: str) -> None:
    project.write("reconcile.yaml", f"version: 1\nproviders:\n{providers}")
    project.write("manifests/all.yaml", "{}\n")
    result = project.run("validate")
    assert result.code == 1
    assert told in result.err
    assert "reconcile.yaml:" in result.err
