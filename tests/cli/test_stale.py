"""A checkout that does not have what was applied last removes nothing of it, and undoes nothing unseen."""

from pathlib import Path

import pytest

from tests.cli.team import PROJECT, Clone, Team

LISTS = "squalomail:\n  lists:\n    news: {name: News, description: one}\n"
MORE = LISTS + "    more: {name: More}\n"
MAIL = LISTS + (
    '  campaigns:\n    c: {subject: C, body: "<p>x</p>", lists: [news], fromEmail: a@example.com, fromName: A,'
    ' schedule: "2027-01-20T09:00:00Z"}\n'
)


@pytest.fixture
def team(tmp_path: Path) -> Team:
    return Team(tmp_path)


def newer(team: Team, manifests: str) -> tuple[Clone, Clone]:
    """A clone with a newer commit, which is applied, and one without it."""
    ours = team.begin(LISTS)
    stale = team.clone(ours)
    ours.write("manifests/all.yaml", manifests)
    ours.commit("Newer")
    assert ours.apply("--allow-send").code == 0
    return ours, stale


def test_what_a_newer_commit_added_is_not_removed(team: Team) -> None:
    ours, stale = newer(team, MAIL + "  templates:\n    t: {subject: T, body: <p>t</p>}\n")
    before = ours.bound()
    planned = stale.run("plan")
    assert planned.code == 0
    assert "warning[stale-checkout]" in planned.out
    refused = stale.apply("--allow-delete", "2")
    assert refused.code == 3
    assert "git pull" in refused.err
    assert "--allow-stale" in refused.err
    assert ours.bound() == before
    assert ours.run("plan", "--detailed-exitcode").code == 0  # still there, and still scheduled


@pytest.mark.parametrize("manifests", [MORE, MAIL], ids=["a list", "a mail that is to go out"])
def test_nor_by_a_plan_that_somebody_has_seen(team: Team, manifests: str) -> None:
    ours, stale = newer(team, manifests)
    before = ours.bound()
    path = str(team.folder / "less.plan")
    assert stale.run("plan", "-o", path).code == 0
    digest = stale.run("show", path).err.split("Digest: ")[1].split()[0]
    apply = ("apply", path, "--approved", digest, "--allow-delete", "1")
    refused = stale.run(*apply)
    assert refused.code == 3, refused.err
    assert "stale-checkout" in refused.err
    assert ours.bound() == before
    assert ours.run("plan", "--detailed-exitcode").code == 0
    assert stale.run(*apply, "--allow-stale").code == 0
    assert list(ours.bound()) == ["squalomail.list.news"]


def test_the_way_out_is_a_git_pull(team: Team) -> None:
    ours, stale = newer(team, MORE)
    assert stale.apply("--allow-delete", "1").code == 3
    stale.git("pull", "-q")
    assert "stale" not in stale.run("plan").out
    stale.write("manifests/all.yaml", LISTS)
    stale.commit("Less")
    assert stale.apply("--allow-delete", "1").code == 0
    assert list(ours.bound()) == ["squalomail.list.news"]


def test_or_a_flag(team: Team) -> None:
    ours, stale = newer(team, MORE)
    assert stale.apply("--allow-delete", "1", "--allow-stale").code == 0
    assert list(ours.bound()) == ["squalomail.list.news"]


@pytest.mark.parametrize("fetched", [False, True], ids=["not fetched", "fetched"])
def test_a_newer_change_is_not_undone_unseen(team: Team, fetched: bool) -> None:
    ours, stale = newer(team, LISTS.replace("one", "two"))
    if fetched:
        stale.git("fetch", "-q")
    refused = stale.apply()
    assert refused.code == 3
    assert "changes it back" in refused.err
    assert '"two"' in team.live(ours)
    # A plan that somebody has seen may go back.
    assert stale.run("plan", "-o", str(team.folder / "back.plan")).code == 0
    digest = stale.run("show", str(team.folder / "back.plan")).err.split("Digest: ")[1].split()[0]
    assert stale.run("apply", str(team.folder / "back.plan"), "--approved", digest).code == 0
    assert '"one"' in team.live(ours)


def test_what_a_newer_commit_removed_is_not_made_again(team: Team) -> None:
    ours = team.begin(MORE)
    stale = team.clone(ours)
    ours.write("manifests/all.yaml", LISTS)
    ours.commit("Less")
    assert ours.apply("--allow-delete", "1").code == 0
    assert stale.apply().code == 3
    assert list(ours.bound()) == ["squalomail.list.news"]


def test_a_mail_is_not_taken_back_by_an_older_commit_that_says_so(team: Team) -> None:
    ours = team.begin(MAIL.replace('"2027-01-20T09:00:00Z"', "null"))
    stale = team.clone(ours)
    ours.write("manifests/all.yaml", MAIL)
    ours.commit("Schedule")
    assert ours.apply("--allow-send").code == 0
    refused = stale.apply()
    assert refused.code == 3, refused.err
    assert ours.run("plan", "--detailed-exitcode").code == 0
    # Whoever wants it stopped now writes that now, and is not held up by what others have committed.
    stale.write("manifests/all.yaml", MAIL.replace('"2027-01-20T09:00:00Z"', "null") + "# stop\n")
    assert stale.apply().code == 0
    assert ours.run("plan", "--detailed-exitcode").code == 2


def test_a_clone_that_was_cut_off_removes_nothing_and_changes_as_ever(team: Team) -> None:
    ours = team.begin(LISTS)
    ours.write("manifests/all.yaml", MORE)
    ours.commit("More")
    assert ours.apply().code == 0
    for number in range(2):
        ours.write("manifests/other.yaml", f"# {number}\n")
        ours.commit()
    ours.write("manifests/all.yaml", LISTS.replace("one", "two"))
    ours.commit("Less")
    shallow = team.clone(ours, "shallow", "--depth", "1")
    partly = shallow.apply("--allow-delete", "1")
    assert partly.code == 6
    assert "--unshallow" in partly.err
    assert '"two"' in team.live(ours)
    assert "squalomail.list.more" in ours.bound()
    shallow.git("fetch", "-q", "--unshallow")
    assert shallow.apply("--allow-delete", "1").code == 0


def test_a_branch_that_was_squashed_is_as_good_as_merged(team: Team) -> None:
    ours = team.begin(LISTS)
    ours.git("checkout", "-q", "-b", "branch")
    ours.write("manifests/all.yaml", MORE)
    ours.commit("More")
    assert ours.apply().code == 0
    ours.git("checkout", "-q", "main")
    ours.git("merge", "-q", "--squash", "branch")
    ours.commit("Squashed")
    main = team.clone(ours, "main", "--single-branch")
    assert main.apply().code == 0
    main.write("manifests/all.yaml", LISTS)
    main.commit("Less")
    assert main.apply("--allow-delete", "1").code == 0


def test_a_branch_that_went_another_way_is_told(team: Team) -> None:
    ours, other = newer(team, MORE)
    other.git("checkout", "-q", "--detach")
    other.write("manifests/all.yaml", LISTS.replace("one", "two"))
    other.commit("Another way")
    other.git("fetch", "-q")
    mixed = other.apply("--allow-delete", "1")
    assert mixed.code == 6  # its own change is made, the other's list stays
    assert "does not have" in mixed.err
    assert "squalomail.list.more" in ours.bound()


def test_what_was_applied_beside_a_commit_is_not_in_it(team: Team) -> None:
    ours = team.begin(LISTS)
    clean = team.clone(ours)
    ours.write("manifests/all.yaml", MORE)
    assert ours.apply().code == 0
    assert clean.apply("--allow-delete", "1").code == 3
    # Whoever wrote it may take it out again, committed or not.
    ours.write("manifests/all.yaml", LISTS)
    ours.write("manifests/other.yaml", "# more to come\n")
    assert ours.apply("--allow-delete", "1").code == 0


def test_a_project_in_a_subfolder(team: Team) -> None:
    outer = Clone(team.folder / "outer")
    inner = Clone(outer.root / "mail" / "project")
    inner.write("reconcile.yaml", PROJECT.replace("../", "../../../"))
    inner.write("manifests/all.yaml", LISTS)
    outer.git("init", "-q", "-b", "main")
    outer.commit()
    assert inner.apply().code == 0
    stale = Clone(team.clone(outer, "copy").root / "mail" / "project")
    inner.write("manifests/all.yaml", MORE)
    outer.commit()
    outer.write("elsewhere.txt", "not the project's")
    assert inner.apply().code == 0
    assert stale.apply("--allow-delete", "1").code == 3
    assert "squalomail.list.more" in inner.bound()


def test_without_git_nothing_changes(team: Team) -> None:
    project = Clone(team.folder / "plain")
    project.write("reconcile.yaml", PROJECT)
    project.write("manifests/all.yaml", MORE)
    assert project.apply().code == 0
    project.write("manifests/all.yaml", LISTS)
    assert project.apply("--allow-delete", "1").code == 0
    assert '"commit": ' not in (team.folder / "state" / "state.json").read_text()


def test_destroy_means_everything(team: Team) -> None:
    ours, stale = newer(team, MORE)
    assert stale.run("destroy", "--auto-approve", "--allow-delete", "2").code == 0
    assert ours.bound() == {}


def test_an_apply_that_changes_nothing_writes_nothing(team: Team) -> None:
    ours = team.begin(LISTS)
    before = (team.folder / "state" / "state.json").read_bytes()
    assert ours.apply().code == 0
    assert (team.folder / "state" / "state.json").read_bytes() == before
