"""What is pulled is settled where manifests that hold it are planned; for everybody else it is an outside edit."""

from pathlib import Path

import pytest

from tests.cli.team import Clone, Team

LISTS = "squalomail:\n  lists:\n    news: {name: News, description: ours}\n    other: {name: Other}\n"


@pytest.fixture
def team(tmp_path: Path) -> Team:
    return Team(tmp_path)


def pulled(team: Team) -> tuple[Clone, Clone]:
    """A clone into which an edit was pulled, on a branch, and one at main."""
    ours = team.begin(LISTS)
    main = team.clone(ours, "main")
    team.edit("list", ours.bound()["squalomail.list.news"], description="edited")
    ours.git("checkout", "-q", "-b", "pull")
    done = ours.run("pull")
    assert done.code == 0, done.err
    assert "description: edited" in (ours.root / "manifests/all.yaml").read_text()
    ours.commit("Pull")
    return ours, main


def test_before_its_merge_it_is_an_edit_and_after_it_is_none(team: Team) -> None:
    ours, main = pulled(team)
    assert main.run("drift").code == 2
    told = main.run("plan")
    assert "pulled it on" in told.out
    refused = main.apply()
    assert refused.code == 3
    assert '"edited"' in team.live(main)
    assert ours.run("plan", "--detailed-exitcode").code == 0
    assert ours.run("drift").code == 0
    assert ours.run("pull").out == "Nothing to pull: no outside edits.\n"
    main.git("pull", "-q", "origin", "pull")
    assert main.run("plan", "--detailed-exitcode").code == 0
    assert main.apply().code == 0
    assert main.run("drift").code == 0
    state = (team.folder / "state" / "state.json").read_text()
    assert '"pulled"' not in state
    assert '"edited"' in state


def test_an_edit_after_the_pull_is_one_for_both(team: Team) -> None:
    ours, main = pulled(team)
    team.edit("list", ours.bound()["squalomail.list.news"], description="edited again")
    assert ours.apply().code == 3
    assert ours.run("drift").code == 2
    assert ours.run("pull").code == 0
    ours.commit("Pull again")
    assert ours.apply().code == 0
    assert main.apply().code == 3
    assert '"edited again"' in team.live(main)


def test_a_merge_that_keeps_the_other_side_overwrites_nothing_unseen(team: Team) -> None:
    ours, _ = pulled(team)
    ours.git("checkout", "-q", "main")
    ours.git("merge", "-q", "-s", "ours", "--no-edit", "pull")
    assert ours.apply().code == 3
    assert '"edited"' in team.live(ours)
    assert ours.apply("--overwrite-drift").code == 0
    assert '"ours"' in team.live(ours)
    assert ours.run("drift").code == 0


def test_another_change_of_main_goes_through_meanwhile(team: Team) -> None:
    _, main = pulled(team)
    main.write("manifests/all.yaml", LISTS.replace("name: Other", "name: Others"))
    main.commit("Another")
    assert main.apply().code == 6
    live = team.live(main)
    assert '"Others"' in live
    assert '"edited"' in live


def test_a_pull_that_is_thrown_away_is_pulled_again(team: Team) -> None:
    ours, main = pulled(team)
    ours.git("checkout", "-q", "main")
    ours.git("branch", "-q", "-D", "pull")
    assert main.run("pull").code == 0
    assert "description: edited" in (main.root / "manifests/all.yaml").read_text()
    assert main.apply().code == 0
    assert main.run("drift").code == 0


def test_an_edit_that_somebody_wrote_down_by_hand_is_no_drift(team: Team) -> None:
    ours = team.begin(LISTS)
    team.edit("list", ours.bound()["squalomail.list.news"], description="by hand")
    ours.write("manifests/all.yaml", LISTS.replace("ours", "by hand"))
    told = ours.run("drift")
    assert told.code == 0
    assert "the next apply puts on record: squalomail.list.news" in told.out
    assert ours.apply().code == 0
    assert "next apply" not in ours.run("drift").out


COMMENTED = """\
squalomail:
  lists:
    news: {name: News}

    # For the shop.
    # Ask Ada before you delete it.
    other:
      name: Other  # theirs

    third: {name: Third}
  campaigns:
    mail: {subject: Mail, bodyFile: emails/mail.html, lists: [news, other]}
"""


def deleted(team: Team, manifests: str = COMMENTED) -> Clone:
    """A project of which a colleague has deleted a list."""
    ours = Clone(team.folder / "ours")
    ours.write("emails/mail.html", "<p>x</p>\n")
    ours = team.begin(manifests)
    team.delete("list", ours.bound()["squalomail.list.other"])
    return ours


def test_a_deletion_is_pulled_and_comments_above_it_are_told(team: Team) -> None:
    ours = deleted(team)
    done = ours.run("pull")
    assert done.code == 0, done.err
    assert "squalomail.list.other: deleted outside, and its entry is taken out (manifests/all.yaml)" in done.out
    assert "a comment above it stays: # Ask Ada before you delete it." in done.out
    text = (ours.root / "manifests/all.yaml").read_text()
    assert text == COMMENTED.replace("    other:\n      name: Other  # theirs\n", "").replace(", other]", "]")
    assert ours.run("drift").code == 0
    ours.commit("Pull")
    assert ours.apply().code == 0
    assert "squalomail.list.other" not in ours.bound()
    assert ours.run("plan", "--detailed-exitcode").code == 0


def test_what_was_deleted_and_pulled_is_not_made_anew_by_others_unseen(team: Team) -> None:
    ours = deleted(team)
    main = team.clone(ours, "main")
    ours.git("checkout", "-q", "-b", "pull")
    assert ours.run("pull").code == 0
    ours.commit("Pull")
    told = main.run("plan")
    assert "It was deleted outside, and" in " ".join(told.out.split())
    assert main.apply().code == 3
    assert '"Other"' not in team.live(main)
    main.git("pull", "-q", "origin", "pull")
    assert main.apply().code == 0
    assert main.run("drift").code == 0
    assert '"Other"' not in team.live(main)


def test_the_last_entry_of_a_kind_and_the_file_that_nobody_needs(team: Team) -> None:
    ours = Clone(team.folder / "ours")
    ours.write("emails/mail.html", "<p>x</p>\n")
    ours = team.begin(COMMENTED)
    team.delete("campaign", ours.bound()["squalomail.campaign.mail"])
    done = ours.run("pull", "squalomail.campaign.mail")
    assert "no entry points at this any more: emails/mail.html" in done.out
    assert (ours.root / "manifests/all.yaml").read_text().endswith("third: {name: Third}\n  campaigns: {}\n")
    assert ours.apply().code == 0


def test_an_entry_that_others_refer_to_stays(team: Team) -> None:
    ours = deleted(team)
    done = ours.run("pull", "squalomail.list.other")
    assert done.code == 1
    assert (ours.root / "manifests/all.yaml").read_text() == COMMENTED


def test_a_pull_that_discards_a_change_of_the_manifests_does_not_end_well(team: Team) -> None:
    ours = team.begin(LISTS)
    team.edit("list", ours.bound()["squalomail.list.news"], description="theirs")
    ours.replace("manifests/all.yaml", "description: ours", "description: ours anew")
    ours.commit("Ours")
    done = ours.run("pull")
    assert done.code == 6
    assert "# conflict: the manifest's own change is gone" in done.out
    assert "1 change of the manifests, not applied yet, made way" in done.err
    assert "description: theirs" in (ours.root / "manifests/all.yaml").read_text()
    assert ours.run("pull").code == 0
