"""The story of changes, approvals and drift, on fakes of both forges: what people see, and what is written when."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.ci.fakes import US, Repository, serving
from tests.ci.story import Story, story_on
from tests.repository import git

MARKER = "<!-- reconcile:plan default -->"

pytestmark = pytest.mark.slow


@pytest.fixture(params=["github", "gitlab"])
def story(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Story]:
    bare = tmp_path / "origin.git"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", str(bare))
    repository = Repository(bare)
    with serving(request.param, repository) as url:
        yield story_on(request.param, url, repository, tmp_path)


def test_two_changes_merged_in_turn(story: Story) -> None:
    repository = story.repository
    applied = story.deliver()
    assert applied.code == 0, applied.err
    assert story.on_main("drift").code == 0  # which keeps a snapshot
    story.branch("one", {"name: News": "name: First"})
    story.branch("two", {"# end": "more: {name: More}\n    # end"})
    one, two = repository.propose("one"), repository.propose("two")
    stranger = repository.say(one, f"{MARKER}\nApproved by everybody.")
    for number in (one, two, one):  # the last one is a job that is run again
        ended = story.on_change(number)
        assert ended.code == 0, ended.err
    assert stranger["body"] == f"{MARKER}\nApproved by everybody."
    (told,) = repository.ours(one)
    assert told.startswith(MARKER)
    assert '"News" → `"First"' in told.replace("`", "", 1) or "First" in told
    assert "against the last snapshot, without credentials" in told
    assert "More" in repository.ours(two)[0]
    assert '"name": "First"' not in story.live()

    first = story.merge(one)
    planned = story.on_main("plan")
    assert planned.outputs["changes"] == "true"
    assert "it waits for approval" in repository.ours(one)[0]
    second = story.merge(two, squash=True)
    late = story.approve(planned, commit=first)  # approved, but the branch has gone on
    assert (late.code, "superseded" in late.err) == (0, True)
    assert "First" not in story.live()
    applied = story.deliver()
    assert applied.code == 0, applied.err
    assert "First" in story.live()
    assert "More" in story.live()
    assert f"Applied to default at {second[:10]}" in repository.ours(two)[0]
    again = story.deliver()  # run again: there is nothing left
    assert again.code == 0
    assert len(repository.ours(one)) == len(repository.ours(two)) == 1


def test_a_force_push(story: Story) -> None:
    repository = story.repository
    story.deliver()
    story.on_main("drift")
    before = story.branch("one", {"name: News": "name: First"})
    number = repository.propose("one")
    story.on_change(number)
    story.branch("one", {"name: News": "name: Other"}, "--force")
    old = story.on_change(number, head=before)
    assert (old.code, "superseded" in old.err) == (0, True)
    assert "First" in repository.ours(number)[0]
    story.on_change(number)
    (told,) = repository.ours(number)
    assert "Other" in told
    assert "First" not in told


def test_a_fork_gets_nothing(story: Story) -> None:
    repository = story.repository
    story.deliver()
    story.on_main("drift")
    commit = story.branch("evil", {"name: News": "name: Evil"})
    git(repository.bare, "update-ref", "refs/pull/9", commit)
    git(repository.bare, "update-ref", "-d", "refs/heads/evil")
    number = repository.propose("main", foreign=True, head=commit)
    before, writes = story.live(), [call for call in repository.calls if call[0] != "GET"]
    # Even where the credentials are there, and the project wants plans with them.
    ended = story.on_change(number, SQUALOMAIL_API_KEY="the-key-of-the-account", RECONCILE_KEY="")
    assert ended.code == 0, ended.err
    assert "shown here alone" in ended.err
    assert repository.comments.get(number) is None
    assert [call for call in repository.calls if call[0] != "GET"] == writes
    assert story.live() == before
    assert "Evil" in (ended.results / "plan.md").read_text()
    assert not (ended.results / "record.plan").exists()
    refused = story.on_change(number, "apply", "--approved", "0" * 64)
    assert refused.code == 3
    assert story.live() == before


def test_a_stale_approval(story: Story) -> None:
    story.deliver()
    story.branch("one", {"name: News": "name: First", "#336699": "#111111"})
    story.merge(story.repository.propose("one"))
    planned = story.on_main("plan")
    story.edit("1", name="By hand")
    ended = story.approve(planned)
    assert ended.code == 4
    assert "By hand" in story.live()
    assert "Not applied as approved (exit 4)" in story.repository.ours(1)[0]
    other = story.on_main("apply", "--approved", "0" * 64, "--results", str(planned.results))
    assert other.code == 4
    assert "is not what was approved" in other.err


def test_drift_is_found_offered_and_closed(story: Story) -> None:
    repository = story.repository
    story.deliver()
    repository.open("Drift of default", "<!-- reconcile:drift default -->\nA stranger's.")
    story.edit("1", name="By hand")
    for _ in range(2):
        ended = story.on_main("drift")
        assert ended.code == 0, ended.err
        (told,) = repository.open_issues()
        assert "By hand" in told
    (offered,) = (change for change in repository.changes.values() if change.branch == "reconcile/pull-default")
    assert "By hand" in (repository.file("mail/manifests/all.yaml", offered.branch) or b"").decode()
    assert repository.file("mail/default.json", "reconcile-snapshots")
    story.merge(offered.number)
    assert story.deliver().code == 0
    assert story.on_main("drift").code == 0
    assert repository.open_issues() == []
    assert "Nothing differs any more" in repository.issues[1]["body"]
    assert repository.issues[0]["state"] == "open"


def test_somebodys_commit_on_the_branch_of_a_pull_stays(story: Story) -> None:
    story.deliver()
    story.edit("1", name="By hand")
    story.on_main("drift")
    work = story.folder / "work"
    git(work, "fetch", "-q", "origin")
    git(work, "checkout", "-q", "-B", "mine", "origin/reconcile/pull-default")
    story.write(work, "mail/README.md", "Mine.\n")
    story.push(work, "reconcile/pull-default")
    story.edit("1", name="Once more")
    ended = story.on_main("drift")
    assert "Somebody has committed to" in ended.err
    assert story.repository.file("mail/README.md", "reconcile/pull-default")


def test_errors_stand_beside_findings_and_the_job_fails(story: Story) -> None:
    story.deliver()
    story.branch("broken", {"name: News": "nme: News"})
    story.merge(story.repository.propose("broken"))
    planned = story.on_main("plan")
    assert planned.code == 1
    assert "unknown-attribute" in story.repository.ours(1)[0]
    (story.folder / "shared/state.json").write_text("{")
    ended = story.on_main("drift")
    assert ended.code == 1
    (told,) = story.repository.open_issues()
    assert "could not be told in full (exit 1)" in told


def test_sends_take_the_job_that_may_send(story: Story) -> None:
    due = (datetime.now(UTC) + timedelta(days=3)).replace(microsecond=0)
    campaign = "campaigns:\n    spring: {subject: Spring, bodyFile: emails/hello.html, fromEmail: a@example.com, "
    campaign += f"fromName: A, language: en, lists: [news], schedule: {due.isoformat()}}}\n  lists:"
    story.branch("spring", {"lists:": campaign})
    story.merge(story.repository.propose("spring"))
    planned = story.on_main("plan")
    assert planned.outputs["sends"] == "true"
    without = story.approve(planned)
    assert without.code == 0, without.err
    assert "Left for a run that may send: squalomail.campaign.spring, due" in without.out
    assert "in 2 days" in without.out or "in 3 days" in without.out
    assert "Left for a run that may send" in story.repository.ours(1)[0]
    sending = story.approve(planned, "--allow-send")
    assert sending.code == 0, sending.err
    assert "1 created" in sending.out


def test_a_change_of_policy_is_no_policy_yet(story: Story) -> None:
    story.deliver()
    story.on_main("drift")
    story.branch("loose", {"name: News": "name: First"})
    work = story.folder / "work"
    text = (work / "mail/reconcile.yaml").read_text()
    story.write(work, "mail/reconcile.yaml", text + "policy: {sends: allow, freeze: 40m}\n")
    story.push(work, "loose")
    number = story.repository.propose("loose")
    ended = story.on_change(number)
    assert ended.code == 0, ended.err
    (told,) = story.repository.ours(number)
    assert "Rules changed" in told
    assert "policy.sends" in told


def test_credentials_are_used_on_changes_only_where_the_branch_says_so(story: Story) -> None:
    story.deliver()
    story.branch("one", {"name: News": "name: First"})
    work = story.folder / "work"
    text = (work / "mail/reconcile.yaml").read_text()
    story.write(work, "mail/reconcile.yaml", text.replace("{offerPull: true}", "{pullRequests: credentials}"))
    story.push(work, "one")
    number = story.repository.propose("one")
    story.on_change(number)
    assert "There is no snapshot of what is live yet" in story.repository.ours(number)[0]
    story.merge(number)
    story.branch("two", {"name: First": "name: Second"})
    number = story.repository.propose("two")
    ended = story.on_change(number)
    assert ended.code == 0, ended.err
    assert "with the account's credentials" in story.repository.ours(number)[0]


def test_a_forge_that_is_down_fails_before_anything_is_written_and_not_after(story: Story) -> None:
    story.deliver()
    story.branch("one", {"name: News": "name: First"})
    story.merge(story.repository.propose("one"))
    planned = story.on_main("plan")
    story.repository.down = True
    ended = story.approve(planned)
    assert ended.code == 1
    assert "answered 503" in ended.err
    assert "First" not in story.live()


def test_only_the_oldest_of_our_comments_is_kept_up(story: Story) -> None:
    story.branch("one", {"name: News": "name: First"})
    number = story.repository.propose("one")
    for _ in range(120):  # more than a page
        story.repository.say(number, "Chat.")
    story.repository.say(number, f"{MARKER}\nEarlier.", US)
    assert story.on_change(number).code == 0
    (told,) = story.repository.ours(number)
    assert "Earlier" not in told
