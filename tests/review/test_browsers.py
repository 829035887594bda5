"""The page in Debian's browsers: from disk, without a network, with and without its script."""

import itertools
import re
from pathlib import Path
from typing import Any

import pytest

from reconcile.review.page import render
from tests.review.conftest import Browsing, Net, Open
from tests.review.plans import CONTEXT, story

FRAME = "document.querySelector('{}').contentDocument"
OLD, NEW = FRAME.format("#m1 .f-old iframe"), FRAME.format("#m1 .f-new iframe")


@pytest.fixture(scope="module")
def made() -> str:
    return render(story(), CONTEXT)


@pytest.fixture(params=["script", "no script"])
def page(request: pytest.FixtureRequest, made: str, tmp_path: Path) -> Path:
    """The page as it is, and with its script taken out under a policy that allows none."""
    path = tmp_path / "page.html"
    if request.param == "no script":
        made = re.sub(r"<script>.*?</script>", "<script>document.title = 'ran'</script>", made, flags=re.DOTALL)
    path.write_text(made)
    return path


def until(page: Any, condition: str) -> None:
    """Until an expression holds. The page's policy lets nothing be evaluated in it from a text, so it is asked anew."""
    for _ in range(200):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never: {condition}")


def choose(browsing: Browsing, selector: str) -> None:
    browsing.page.locator(f"#m1 {selector}").check(force=True)
    browsing.page.wait_for_timeout(100)


def style(browsing: Browsing, document: str, selector: str, name: str) -> Any:
    code = (
        f"(d => d.defaultView.getComputedStyle(d.querySelector('{selector}')).getPropertyValue('{name}'))({document})"
    )
    return browsing.page.evaluate(code)


def test_it_opens_from_disk_asks_nobody_and_says_nothing(browse: Open, made: str, tmp_path: Path, net: Net) -> None:
    path = tmp_path / "page.html"
    path.write_text(made)
    browsing = browse(path)
    for number in range(browsing.page.locator("iframe").count()):
        browsing.page.locator("iframe").nth(number).scroll_into_view_if_needed()
    browsing.page.wait_for_timeout(1000)
    assert browsing.console == []
    assert net.from_mails == []
    old, new = (browsing.page.evaluate(f"{document}.body.innerText") for document in (OLD, NEW))
    assert "Presents that get finished" in old
    assert "Presents that get eaten" in new


def test_the_counting_server_counts(browse: Open, tmp_path: Path, net: Net) -> None:
    path = tmp_path / "page.html"
    path.write_text("<img src='http://canary.example/x.png'><script>console.log('heard')</script>")
    browsing = browse(path)
    browsing.page.wait_for_timeout(500)
    assert net.from_mails
    assert "heard" in browsing.console


def test_every_switch_works(browse: Open, page: Path) -> None:
    browsing = browse(page)
    assert browsing.page.title() != "ran"
    choose(browsing, ".v-new")
    assert not browsing.page.locator("#m1 .f-old").is_visible()
    choose(browsing, ".v-old")
    assert not browsing.page.locator("#m1 .f-new").is_visible()
    choose(browsing, ".v-diff")
    assert style(browsing, "document", "#m1 .f-new", "mix-blend-mode") == "difference"
    choose(browsing, ".v-both")
    assert browsing.page.locator("#m1 .f-new").is_visible()
    choose(browsing, ".w-phone")
    assert browsing.page.evaluate(f"{NEW}.defaultView.innerWidth") in range(360, 376)
    choose(browsing, ".w-desk")
    dark = f"{NEW}.defaultView.matchMedia('(prefers-color-scheme: dark)').matches"
    assert browsing.page.evaluate(dark) is False
    choose(browsing, ".s-dark")
    assert browsing.page.evaluate(dark) is True


def test_the_switches_into_the_frames(browse: Open, page: Path) -> None:
    browsing = browse(page)
    for forced, pictures, marks in itertools.product((False, True), repeat=3):
        choose(browsing, ".s-forced" if forced else ".s-light")
        choose(browsing, ".i-on" if pictures else ".i-off")
        choose(browsing, ".k-on" if marks else ".k-off")
        for document in (OLD, NEW):
            assert (style(browsing, document, "html", "filter") != "none") is forced
            assert (style(browsing, document, "img", "display") != "none") is pictures
            assert (style(browsing, document, ".rcm-alt", "display") == "none") is pictures
            assert (style(browsing, document, "[data-rcm]", "outline-width") != "0px") is marks


def test_a_click_on_a_change_brings_it_into_view(browse: Open, page: Path) -> None:
    browsing = browse(page)
    links = browsing.page.locator("#m1 .changes li").nth(4).locator("a")
    for number in range(links.count()):
        links.nth(number).click()
        browsing.page.wait_for_timeout(200)
    for document in (OLD, NEW):
        until(browsing.page, f"{document}.defaultView.scrollY > 100")
        until(
            browsing.page,
            f"(d => {{ const r = d.querySelector('[data-rcm-n=\"5\"]').getBoundingClientRect();"
            f" return r.top >= 0 && r.bottom <= d.defaultView.innerHeight + 1 }})({document})",
        )


def test_the_panes_scroll_in_step(browse: Open, made: str, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(made)
    browsing = browse(path)
    browsing.page.wait_for_selector("#m1[data-step]")
    tops = (
        "Object.fromEntries([...{}.querySelectorAll('[data-rcm-a]')]"
        ".map(e => [e.dataset.rcmA, Math.round(e.getBoundingClientRect().top)]))"
    )
    for position in (400, 2000, 5000):
        browsing.page.evaluate(f"{OLD}.defaultView.scrollTo(0, {position})")
        until(browsing.page, f"{NEW}.defaultView.scrollY > {position / 2}")
        browsing.page.wait_for_timeout(300)
        left, right = (browsing.page.evaluate(tops.format(document)) for document in (OLD, NEW))
        shown = {number: top for number, top in left.items() if 0 < top < 740}
        assert shown
        assert max(abs(top - right[number]) for number, top in shown.items()) < 40


def test_keys_go_from_change_to_change_and_swap_the_panes(browse: Open, made: str, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(made)
    browsing = browse(path)
    browsing.page.wait_for_selector("#m1[data-step]")
    for key in ("n", "n", "n", "p"):
        browsing.page.keyboard.press(key)
        browsing.page.wait_for_timeout(100)
    until(browsing.page, f"{NEW}.querySelector('.rcm-now')?.dataset.rcmN === '2'")
    browsing.page.keyboard.press("b")
    browsing.page.locator("#m1 .f-new").wait_for(state="hidden")
    browsing.page.keyboard.press("b")
    browsing.page.locator("#m1 .f-old").wait_for(state="hidden")


def test_a_click_on_any_link_leaves_the_frames_alive(browse: Open, page: Path, net: Net) -> None:
    browsing = browse(page)
    count = browsing.page.locator("iframe").count()
    for number in range(count):
        frame = f"document.querySelectorAll('iframe')[{number}].contentDocument"
        words = browsing.page.evaluate(f"{frame}.body.innerText.length")
        assert words > 50
        browsing.page.evaluate(f"for (const e of {frame}.querySelectorAll('a, button, input')) e.click()")
        browsing.page.wait_for_timeout(300)
        assert browsing.page.evaluate(f"{frame}.body.innerText.length") == words
    assert browsing.page.url.startswith("file:")
    assert browsing.page.locator("iframe").count() == count
    assert net.from_mails == []


def test_the_hostile_mail_does_nothing(browse: Open, page: Path, net: Net) -> None:
    browsing = browse(page)
    number = browsing.page.evaluate("document.querySelector('iframe[title=\"evil, proposed\"]').name").removeprefix(
        "new"
    )
    frame = FRAME.format(f"#m{number} .f-new iframe")
    browsing.page.locator(f"#m{number} iframe").first.scroll_into_view_if_needed()
    choose_dark = browsing.page.locator(f"#m{number} .s-dark")
    choose_dark.check(force=True)
    browsing.page.wait_for_timeout(1000)
    assert browsing.page.title().startswith("Plan:")
    assert net.from_mails == []
    assert [line for line in browsing.console if "ran" not in line and "inline script" not in line] == [] or (
        "no script" in str(page)
    )
    # What is its own still works: its text, its style for dark, our marks.
    assert "another text" in browsing.page.evaluate(f"{frame}.body.innerText")
    assert style(browsing, frame, "#d", "width") == "77px"
    assert (
        browsing.page.evaluate(f"{frame}.querySelectorAll('script, iframe, object, embed, link, base, meta').length")
        == 0
    )


def test_axe_finds_nothing_serious(browse: Open, page: Path) -> None:
    from axe_playwright_python.sync_playwright import Axe

    browsing = browse(page)
    for details in browsing.page.locator("details").all():
        details.evaluate("e => e.open = true")
    found = Axe().run(browsing.page, options={"iframes": False})
    serious = [each for each in found.response["violations"] if each["impact"] in ("serious", "critical")]
    assert [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in serious] == []


def test_nothing_is_cut_on_a_phone(browse: Open, page: Path) -> None:
    browsing = browse(page, width=375, height=800)
    for details in browsing.page.locator("details").all():
        details.evaluate("e => e.open = true")
    for selector in (".w-desk", ".w-phone", ".v-new", ".v-diff"):
        choose(browsing, selector)
        assert browsing.page.evaluate("document.documentElement.scrollWidth") <= 375
        beyond = browsing.page.evaluate(
            "[...document.querySelectorAll('body *:not(.skip)')].filter(e => e.getClientRects().length &&"
            " e.getBoundingClientRect().right > 376).map(e => e.outerHTML.slice(0, 90))"
        )
        assert beyond == []


def test_keys_work_after_a_click_into_a_pane_and_go_on_from_a_clicked_change(
    browse: Open, made: str, tmp_path: Path
) -> None:
    path = tmp_path / "page.html"
    path.write_text(made)
    browsing = browse(path)
    browsing.page.wait_for_selector("#m1[data-step]")
    browsing.page.locator("#m1 .changes li").nth(3).locator("a").last.click()
    until(browsing.page, f"{NEW}.querySelector('.rcm-now')?.dataset.rcmN === '4'")
    browsing.page.keyboard.press("n")
    until(browsing.page, f"{NEW}.querySelector('.rcm-now')?.dataset.rcmN === '5'")
    pane = browsing.page.locator("#m1 .f-new iframe")
    pane.scroll_into_view_if_needed()
    box = pane.bounding_box()
    assert box is not None
    browsing.page.mouse.click(box["x"] + 20, box["y"] + 30)
    assert browsing.page.evaluate("document.activeElement.tagName") == "IFRAME"
    browsing.page.keyboard.press("n")
    until(browsing.page, f"{NEW}.querySelector('.rcm-now')?.dataset.rcmN === '6'")
    browsing.page.mouse.click(box["x"] + 20, box["y"] + 30)
    browsing.page.keyboard.press("b")
    browsing.page.locator("#m1 .f-new").wait_for(state="hidden")


def test_no_pane_is_cut_at_any_width(browse: Open, made: str, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(made)
    browsing = browse(path)
    cut = "(e => e.scrollWidth - e.clientWidth)(document.querySelector('#m1 .panes'))"
    for selector in (".w-desk", ".w-phone", ".v-new", ".v-diff", ".w-desk"):
        choose(browsing, selector)
        for width in (1600, 1441, 1400, 1261, 1150, 1131, 1000, 901, 800):
            browsing.page.set_viewport_size({"width": width, "height": 900})
            browsing.page.wait_for_timeout(50)
            assert browsing.page.evaluate(cut) <= 1, (selector, width)


def test_the_labels_of_a_difference_do_not_overlap(browse: Open, page: Path) -> None:
    browsing = browse(page)
    choose(browsing, ".v-diff")
    shown = (
        "[...document.querySelectorAll('#m1 figcaption')].filter(e => e.checkVisibility({visibilityProperty: true}))"
    )
    assert browsing.page.evaluate(f"{shown}.map(e => e.innerText)") == ["Live"]
    places = "[...document.querySelectorAll('#m1 iframe')].map(e => Math.round(e.getBoundingClientRect().top))"
    assert len(set(browsing.page.evaluate(places))) == 1


@pytest.mark.parametrize("switch", [".w-phone", ".i-off"])
def test_a_switch_keeps_the_place(browse: Open, made: str, tmp_path: Path, switch: str) -> None:
    path = tmp_path / "page.html"
    path.write_text(made)
    browsing = browse(path)
    browsing.page.wait_for_selector("#m1[data-step]")
    browsing.page.evaluate(f"{NEW}.defaultView.scrollTo(0, 4200)")
    browsing.page.wait_for_timeout(500)
    first = "e => e.offsetHeight && e.getBoundingClientRect().top >= 0"
    number = browsing.page.evaluate(f"[...{NEW}.querySelectorAll('[data-rcm-a]')].find({first}).dataset.rcmA")
    top = f"{NEW}.querySelector('[data-rcm-a=\"{number}\"]').getBoundingClientRect().top"
    before = browsing.page.evaluate(top)
    choose(browsing, switch)
    until(browsing.page, f"Math.abs({top} - {before}) < 30")


def test_on_paper_nothing_is_folded(browse: Open, page: Path) -> None:
    # Firefox can't be told to take the screen for paper, so the rules for paper are made those of the screen.
    browsing = browse(page)
    folded = browsing.page.locator("#m1 details:not([open]) td").first
    assert folded.evaluate("e => e.checkVisibility({contentVisibilityAuto: true})") is False
    page.write_text(page.read_text().replace("@media print{", "@media screen{"))
    browsing.page.reload()
    until(browsing.page, "document.querySelector('#m1 details:not([open]) td').getBoundingClientRect().height > 10")
    assert folded.evaluate("e => e.checkVisibility({contentVisibilityAuto: true})") is True
