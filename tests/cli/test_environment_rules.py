"""The rules of an environment, from the project file to the exit code."""

import json
import time

import pytest

from tests.cli.conftest import PROJECT, Project, Result

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
    target = ("--target", "squalomail.campaign.hello")
    for arguments in (("apply", "--auto-approve", *target), ("apply", plan)):
        refused = staged.run(*arguments, "--env", "staging")
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
        ("{group: [testers]}", 'Did you mean "groups"?'),
        ("{groups: testers}", "groups"),
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


BOTH = (
    PROJECT
    + """\
  gatormail:
    type: gatormail
    url: "sandbox:"
    instance: acme_lz
    timezone: Europe/Rome
environments:
  staging:
    policy: {targets: {lists: [testers], groups: [testers], maxAudience: 2}}
"""
)
MANIFEST = """\
squalomail:
  lists:
    testers: {name: Testers}
    news: {name: News}
  campaigns:
    hello: {subject: Hello, body: <p>Hello</p>, lists: [testers]}
gatormail:
  groups:
    testers: {name: Testers}
    news: {name: News}
  campaigns:
    hello:
      name: Hello
      subject: Hello
      fromAddress: a@example.com
      startDate: 2099-12-01T09:00:00Z
      group: testers
      email: {html: <p>Hello</p>}
"""


def attached(name: str, id_: int) -> str:
    """The argument that refers to an object by its id."""
    return f'{name}={{"id": {id_}}}'


class Staging:
    """The environment staging of a project with both platforms, and single calls made in it."""

    def __init__(self, project: Project) -> None:
        project.write("reconcile.yaml", BOTH)
        project.write("manifests/all.yaml", MANIFEST)
        self._project = project
        applied = project.run("apply", "--auto-approve", "--env", "staging")
        assert applied.code == 0, applied.err
        listed = project.run("state", "list", "--format", "json", "--env", "staging")
        self.ids: dict[str, int] = {address: int(id_) for address, id_ in json.loads(listed.out).items()}

    def api(self, *arguments: str) -> Result:
        return self._project.run("api", *arguments, "--auto-approve", "--allow-send", "--env", "staging")

    def made(self, *arguments: str) -> None:
        result = self.api(*arguments)
        assert result.code == 0, result.err

    def goes_out(self) -> bool:
        found = self.api("squalomail", "get-data", "entity=Mail", 'filter=subject=="Hello"')
        return any(row["published"] for row in json.loads(found.out))


def test_a_newsletter_is_not_sent_by_hand_to_others(project: Project) -> None:
    staging = Staging(project)
    ids = staging.ids
    mail, due = ids["squalomail.campaign.hello"], int(time.time()) + 86400
    send = ("squalomail", "send-newsletter", f"newsletterId={mail}", f"sendDate={due}")
    update = ("squalomail", "update-newsletter", f"id={mail}", "subject=Hello", "body=b")
    staging.made(*update, f"listIds=[{ids['squalomail.list.news']}]")
    refused = staging.api(*send)
    assert refused.code == 3
    assert "squalomail.list.news, and policy.targets.lists" in refused.err
    assert not staging.goes_out()
    on_testers = f"listIds=[{ids['squalomail.list.testers']}]"
    staging.made(*update, on_testers)
    for number in range(3):
        staging.made(
            "squalomail",
            "create-recipient",
            f"email={number}@example.com",
            f"listIds=[{ids['squalomail.list.testers']}]",
        )
        result = staging.api(*send)
        assert result.code == (0 if number < 2 else 3), result.err
    assert "3 people" in result.err
    widened = staging.api(*update, f"listIds=[{ids['squalomail.list.news']}]")  # it is scheduled
    assert widened.code == 3
    staging.made("squalomail", "cancel-sending-newsletter", f"newsletterId={mail}")


def test_a_campaign_is_not_initiated_by_hand_for_others(project: Project) -> None:
    staging = Staging(project)
    ids = staging.ids
    campaign, group = ids["gatormail.campaign.hello"], ids["gatormail.group.testers"]
    initiate = ("gatormail", "gatormail_initiateCampaign", f"campaignId={campaign}")
    whole = (
        "gatormail",
        "gatormail_updateCampaign",
        f"campaignId={campaign}",
        "name=Hello",
        "type=Static",
        "subject=Hello",
        "fromAddress=a@example.com",
        "startDate=2099-12-01T09:00:00",
    )
    email = json.loads(staging.api("gatormail", "gatormail_getCampaign", f"campaignId={campaign}").out)["email"]["id"]
    content = attached("email", email)

    def include(to: int, *people: str) -> None:
        contacts = json.dumps([{"emailLogin": f"{name}@example.com"} for name in people])
        staging.made("gatormail", "gatormail_groupIncludedContactpost", f"groupId={to}", f"contacts={contacts}")

    include(ids["gatormail.group.news"], "ada")
    staging.made(*whole, attached("group", ids["gatormail.group.news"]), content)
    refused = staging.api(*initiate)
    assert refused.code == 3
    assert "gatormail.group.news, and policy.targets.groups" in refused.err
    staging.made(*whole, attached("group", group), content)
    include(group, "ada", "bea", "cleo")
    refused = staging.api(*initiate)
    assert refused.code == 3
    assert "3 people" in refused.err
    staging.made(
        "gatormail",
        "gatormail_groupExcludedContactpost",
        f"groupId={group}",
        'contacts=[{"emailLogin": "cleo@example.com"}]',
    )
    staging.made(*initiate)
    moved = staging.api(*whole, attached("group", ids["gatormail.group.news"]), content)
    assert moved.code == 3
