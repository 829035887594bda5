"""The report over all accounts, in Debian's browsers: inert, whole without script, usable by keyboard and narrow."""

import json
import re
from collections.abc import Iterator
from datetime import UTC
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from reconcile.fleet.report import render, write
from reconcile.fleet.results import Folder
from reconcile.fleet.standing import Edit, Failure, Going, Outcome, Standing, Verdict, Waiting, as_json, from_json
from tests.review.conftest import Net, Open, browse, browser, net, nowhere  # noqa: F401  # fixtures

NOW = 1_764_000_000.0
EVIL = "<script>document.title='ran'</script><img src=http://a.example/x onerror=alert(1)>"


def standings(count: int) -> list[Standing]:
    """A failing, a drifted, a waiting account, one with mails, and many in sync."""
    return list(_standings(count))


def _standings(count: int) -> Iterator[Standing]:
    edits = (Edit("mail.list.news", "edited outside", ("name", "color")),)
    yield Standing(
        "acme", "production", NOW, edits, NOW - 90000, failure=Failure("drift", 7, EVIL + " refused", NOW - 60, NOW)
    )
    yield Standing("bakery", "default", NOW - 60, edits, NOW - 3600)
    waiting = Waiting("ab" * 32, NOW - 600, NOW + 86400, {"create": 2, "update": 1}, sends=1, refusals=1)
    going = Going("mail.campaign.spring", NOW + 90000, f"Spring {EVIL}", ("mail.list.news",), 12000, approved=False)
    yield Standing("brewery", "default", NOW - 60, waiting=waiting, sends=(going,))
    mails = tuple(Going(f"mail.campaign.{name}", NOW + 7200 + 600 * at, name) for at, name in enumerate("ab"))
    yield Standing("club", "default", NOW, sends=mails)
    yield Standing("dairy", "default")
    for number in range(count - 5):
        yield Standing(f"client-{number:04}", "default", NOW - number)


@pytest.fixture(scope="module")
def page() -> str:
    return render(standings(300), now=NOW, zone=UTC, reviews={"brewery@default": "review/brewery@default/index.html"})


def test_it_puts_first_what_needs_somebody(page: str) -> None:
    text = re.sub(r"<[^>]+>", " ", page)
    found = [text.index(part) for part in ("300 accounts", "acme@production", "bakery@default", "brewery@default")]
    assert found == sorted(found)
    assert page.index("brewery@default</h3>") < page.index("Mails that go out") < page.index("client-0000")
    assert "once approved" in page
    assert page.count("goes out within the hour") == 2
    assert "12,000 people" in page
    assert EVIL not in page
    assert unescape(page).count(EVIL) == 2, "what failed, and what goes out"
    assert "<script>document" not in page


def test_it_is_inert_and_says_nothing(browse: Open, net: Net, page: str, tmp_path: Path) -> None:  # noqa: F811
    path = tmp_path / "index.html"
    path.write_text(page)
    browsing = browse(path)
    assert browsing.page.title().startswith("Fleet: 1 failing, 1 drifted, 1 waiting")
    browsing.page.wait_for_timeout(500)
    assert browsing.console == []
    assert net.from_mails == []


def test_an_account_is_found_by_keyboard(browse: Open, page: str, tmp_path: Path) -> None:  # noqa: F811
    path = tmp_path / "index.html"
    path.write_text(page)
    shown = browse(path).page
    for _ in range(12):
        shown.keyboard.press("Tab")
        if shown.evaluate("document.activeElement.id") == "find":
            break
    shown.keyboard.type("client-0123")
    shown.wait_for_timeout(400)
    assert shown.locator("[data-name]:visible").count() == 1
    assert shown.locator("#found").inner_text() == "1 found"
    assert shown.locator("[data-group]:visible").count() == 1, "a group of none takes no place"
    shapes = shown.evaluate(
        "[...new Set([...document.querySelectorAll('li')].map(each => getComputedStyle(each).display))]"
    )
    assert "list-item" not in shapes, "hiding one of thousands would number all others anew: a minute"


def test_it_is_whole_without_script_and_when_narrow(browse: Open, page: str, tmp_path: Path) -> None:  # noqa: F811
    path = tmp_path / "index.html"
    path.write_text(re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL))
    shown = browse(path, width=375, height=800).page
    assert shown.evaluate("document.documentElement.scrollWidth") <= 375
    assert shown.locator("#find").is_hidden()
    assert shown.locator("li.account").count() == 3


def test_axe_finds_nothing_serious(browse: Open, page: str, tmp_path: Path) -> None:  # noqa: F811
    from axe_playwright_python.sync_playwright import Axe

    path = tmp_path / "index.html"
    path.write_text(page)
    browsing = browse(path)
    if browsing.name == "firefox":
        pytest.skip("axe looks at the same document in either browser")
    for scheme in ("light", "dark"):
        browsing.page.emulate_media(color_scheme=scheme)
        found: list[dict[str, Any]] = Axe().run(browsing.page).response["violations"]
        assert not [each for each in found if each["impact"] in ("serious", "critical")], scheme


def test_json_and_pages_are_written_for_their_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    write(folder, standings(6), Folder(tmp_path / "results"), now=NOW, zone=UTC)
    content = json.loads((folder / "report.json").read_text())
    assert content["counts"] == {
        "failing": 1,
        "drifted": 1,
        "waiting for approval": 1,
        "in sync": 2,
        "not looked at": 1,
    }
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())


@pytest.mark.parametrize("standing", standings(6), ids=lambda standing: standing.account)
def test_a_standing_survives_json(standing: Standing) -> None:
    assert from_json(json.loads(json.dumps(as_json(standing)))) == standing


def outcome(mode: str, code: int, at: float, **seen: Any) -> Outcome:
    return Outcome("a", "default", mode, code, at, at + 1, "said" if code not in (0, 2) else "", **seen)


def test_what_a_run_did_not_look_at_stays() -> None:
    edits = (Edit("mail.list.news", "edited outside"),)
    waiting = Waiting("cd" * 32, 1.0, 99.0)
    known = Standing("a", "default").after(outcome("drift", 2, 10.0, edits=edits, sends=()))
    assert (known.verdict, known.drifted) == (Verdict.DRIFTED, 10.0)
    known = known.after(outcome("plan", 2, 20.0, planned=True, waiting=waiting, sends=()))
    assert (known.edits, known.waiting) == (edits, waiting)
    known = known.after(outcome("drift", 1, 30.0)).after(outcome("drift", 7, 40.0))
    assert known.verdict is Verdict.FAILING
    assert known.failure is not None
    assert (known.failure.since, known.failure.at, known.failure.code) == (30.0, 41.0, 7)
    assert (known.edits, known.drifted, known.waiting) == (edits, 10.0, waiting)
    known = known.after(outcome("drift", 2, 50.0, edits=edits, sends=()))
    assert (known.verdict, known.drifted) == (Verdict.DRIFTED, 10.0)
    failed = known.after(outcome("apply", 6, 60.0))
    assert failed.after(outcome("drift", 0, 70.0, edits=(), sends=())).verdict is Verdict.FAILING
    assert failed.after(outcome("apply", 0, 70.0, sends=())).waiting is None
