"""A colleague schedules a draft of ours in the web interface: it is told, and no unattended run rewrites that mail."""

from pathlib import Path

from tests.cli.team import Team

DRAFT = (
    "squalomail:\n  lists:\n    news: {name: News}\n"
    '  campaigns:\n    c: {subject: C, body: "<p>one</p>", lists: [news], fromEmail: a@example.com, fromName: A}\n'
)


def test_it_is_told_and_not_rewritten(tmp_path: Path) -> None:
    team = Team(tmp_path)
    ours = team.begin(DRAFT)
    team.edit("campaign", ours.bound()["squalomail.campaign.c"], schedule="2027-01-20T09:00:00+00:00")
    assert "scheduled-outside" in ours.run("plan").out
    assert ours.run("drift").code == 2
    ours.write("manifests/all.yaml", DRAFT.replace("one", "two"))
    refused = ours.apply("--allow-send")
    assert refused.code == 3
    assert "scheduled-outside" in refused.err
    assert ours.run("plan", "--detailed-exitcode").code == 2  # the body is still to be written
    # Declared, it is ours from the next apply on.
    scheduled = DRAFT.replace("fromName: A}", "fromName: A, schedule: 2027-01-20T09:00:00Z}")
    ours.write("manifests/all.yaml", scheduled)
    assert ours.run("plan", "--detailed-exitcode").code == 0
    assert ours.apply().code == 0
    assert ours.run("drift").code == 0


def test_a_yes_of_somebody_who_knows_rewrites_it(tmp_path: Path) -> None:
    team = Team(tmp_path)
    ours = team.begin(DRAFT)
    team.edit("campaign", ours.bound()["squalomail.campaign.c"], schedule="2027-01-20T09:00:00+00:00")
    ours.write("manifests/all.yaml", DRAFT.replace("one", "two"))
    assert ours.apply("--allow-send", "--overwrite-drift").code == 0
    assert ours.run("plan", "--detailed-exitcode").code == 0
