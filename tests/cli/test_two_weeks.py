"""Two weeks of a team: two clones, merges made by git, and a colleague who edits in the web interface every day.

Nothing that the colleague did is overwritten unseen, drift is empty in the end, and no entry is written by hand: what
was edited is pulled, what was made is taken in, what was deleted is taken out, and what can't be written is accepted.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.team import Clone, Team

MANIFEST = """\
squalomail:
  lists:
    ours:
      name: Ours
      color: "#111111"

    # Everybody.
    news:
      name: News
      description: day 0
      color: "#000000"

    club:
      name: Club
      description: members
  campaigns:
    letter:
      subject: Letter
      bodyFile: emails/letter.html
      lists: [news]

    sale:
      subject: "Sale${var.suffix}"
      bodyFile: emails/sale.html
      lists: [news, club]
"""
pytestmark = pytest.mark.slow
DAYS = 14


class Weeks:
    """The team, and what the colleague has done: by object and member, which must stay until somebody decides."""

    def __init__(self, folder: Path) -> None:
        self.team = Team(folder)
        self.ada = Clone(folder / "ada")
        for name in ("letter", "sale"):
            self.ada.write(f"emails/{name}.html", f"<p>{name} 0</p>\n")
        self.ada = self.team.begin(MANIFEST.replace("${var.suffix}", ""), "ada")
        self.ada.write("manifests/all.yaml", MANIFEST)
        settings = (self.ada.root / "reconcile.yaml").read_text()
        self.ada.write("reconcile.yaml", settings + "variables: {suffix: ''}\n")
        self.ada.commit("Have a suffix")
        hub = folder / "hub.git"
        self.ada.git("clone", "-q", "--bare", str(self.ada.root), str(hub))
        self.ada.git("remote", "add", "origin", f"file://{hub}")
        self.ada.git("fetch", "-q")
        self.ada.git("branch", "-q", "--set-upstream-to", "origin/main", "main")
        self.ben = self.team.clone(self.ada, "ben")
        self.ben.git("remote", "set-url", "origin", f"file://{hub}")
        self.theirs: dict[tuple[str, str, str], str] = {}
        self.gone: set[str] = set()
        self.accepted = 0

    def id_of(self, address: str) -> str:
        return self.ada.bound()[f"squalomail.{address}"]

    def edit(self, kind: str, id_: str, **members: str) -> None:
        self.team.edit(kind, id_, **members)
        self.theirs |= {(kind, id_, name): value for name, value in members.items()}

    def check(self) -> None:
        """All that the colleague did is as they left it."""
        lists = {str(one["id"]): one for one in json.loads(self.team.live(self.ada, "get-lists-details"))["lists"]}
        mails = json.loads(self.ada.run("api", "squalomail", "get-data", "entity=Mail").out)
        live = {("list", id_): one for id_, one in lists.items()}
        live |= {("campaign", str(one["mailid"])): one for one in mails}
        for (kind, id_, name), value in self.theirs.items():
            assert live[kind, id_][name].strip() == value, (kind, id_, name)
        assert not self.gone & {one["name"] for one in lists.values()}

    # The colleague's days

    def describes(self, day: int) -> None:
        self.edit("list", self.id_of("list.news"), description=f"day {day}")

    def makes_a_list(self, day: int) -> None:
        id_ = self.team.make("list", name=f"Day {day}", color="#abcdef")
        self.theirs["list", id_, "name"] = f"Day {day}"

    def rewrites(self, day: int) -> None:
        self.edit("campaign", self.id_of("campaign.letter"), body=f"<p>letter {day}</p>")

    def deletes(self, day: int) -> None:
        address = next(address for address in self.ada.bound() if ".list.day-" in address)
        id_ = self.ada.bound()[address]
        self.team.delete("list", id_)
        self.gone.add(self.theirs["list", id_, "name"])
        self.theirs = {key: value for key, value in self.theirs.items() if key[:2] != ("list", id_)}

    def renames_the_sale(self, day: int) -> None:
        self.edit("campaign", self.id_of("campaign.sale"), subject=f"Sale of day {day}")

    def makes_a_campaign(self, day: int) -> None:
        news = int(self.id_of("list.news"))
        id_ = self.team.make("campaign", subject=f"Theirs {day}", body=f"<p>{day}</p>", listIds=[news])
        self.theirs["campaign", id_, "subject"] = f"Theirs {day}"

    def paints(self, day: int) -> None:
        self.edit("list", self.id_of("list.news"), color=f"#0000{day:02d}")

    def day(self, number: int) -> Callable[[int], None]:
        days = (
            self.describes,
            self.makes_a_list,
            self.rewrites,
            self.deletes,
            self.renames_the_sale,
            self.makes_a_campaign,
            self.paints,
        )
        return days[number % len(days)]

    # The team's days

    def works_meanwhile(self, day: int) -> None:
        """Ben changes what is his, and has it applied from main before anything was pulled; on Sundays he renames."""
        self.ben.git("pull", "-q")
        text = (self.ben.root / "manifests/all.yaml").read_text()
        before = text.split("name: Ours\n      color: ")[1].split("\n")[0]
        after = f'"#2222{day:02d}"'
        self.ben.replace(
            "manifests/all.yaml", f"name: Ours\n      color: {before}", f"name: Ours\n      color: {after}"
        )
        if day % 7 == 0:
            former = "club" if day == 7 else "circle"
            now = "circle" if day == 7 else "ring"
            self.ben.replace("manifests/all.yaml", f"    {former}:\n", f"    {now}:\n      was: [{former}]\n")
            self.ben.replace("manifests/all.yaml", f"lists: [news, {former}]", f"lists: [news, {now}]")
            if day > 7:
                self.ben.replace("manifests/all.yaml", "      was: [club]\n", "")
        self.ben.commit(f"Work of day {day}")
        self.ben.git("push", "-q")
        done = self.ben.apply()
        assert done.code in (0, 3, 6), done.err

    def pulls(self, day: int) -> None:
        """Ada takes over what the night has brought, on a branch."""
        self.ada.git("checkout", "-q", "-b", f"day-{day}")
        pulled = self.ada.run("pull")
        if pulled.code:
            assert "an expression stands there" in pulled.err
            until = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
            reason = ("--reason", f"their name for it, of day {day}", "--until", until)
            assert self.ada.run("accept", "squalomail.campaign.sale.subject", *reason).code == 0
            self.accepted += 1
        found = json.loads(self.ada.run("unmanaged", "--format", "json").out)
        if found:
            taken = self.ada.run("export", "--into", str(self.ada.root), *(one["address"] for one in found))
            assert taken.code == 0, taken.err
        if self.ada.git("status", "--porcelain"):
            self.ada.commit(f"What the night of day {day} has brought")

    def merges(self, day: int) -> None:
        self.ada.git("fetch", "-q")
        self.ada.git("checkout", "-q", "main")
        self.ada.git("pull", "-q")
        self.ada.git("merge", "-q", "--no-edit", f"day-{day}")
        self.ada.git("push", "-q", "origin", "main")


def test_two_weeks(tmp_path: Path) -> None:
    weeks = Weeks(tmp_path)
    assert weeks.ada.apply().code == 0
    for day in range(1, DAYS + 1):
        weeks.day(day - 1)(day)
        assert weeks.ada.run("drift").code == (0 if day % 7 in (2, 6) else 2), day
        steps = [weeks.works_meanwhile, weeks.pulls]
        if day % 7 == 4:
            steps.reverse()  # what was deleted is made anew by an apply that comes before the pull
        for step in steps:
            step(day)
            weeks.check()
        weeks.merges(day)
        done = weeks.ada.apply()
        assert done.code == 0, (day, done.out, done.err)
        weeks.ben.git("pull", "-q")
        assert weeks.ben.run("plan", "--detailed-exitcode").code == 0, day
        assert weeks.ben.run("drift", "--strict").code == 0, day
        weeks.check()
    assert weeks.accepted == 2
    assert "0 objects that no entry is bound to." in weeks.ben.run("unmanaged").out
    assert len(weeks.ben.run("history").out.splitlines()) > 2 * DAYS
    assert weeks.ben.run("history").code == 0
    text = (weeks.ben.root / "manifests/all.yaml").read_text()
    assert "# Everybody." in text
    assert '"Sale${var.suffix}"' in text
    assert weeks.ben.run("fmt", "--check").code == 0
