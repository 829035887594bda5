"""The mails of the examples can be read, in light and in dark, and our measure of it is that of axe-core."""

import re
from pathlib import Path
from typing import Any

import pytest

from reconcile.mail.contrast import Scheme, pairs
from tests.review.conftest import Net, launched

EXAMPLES = Path(__file__).parents[2] / "examples"
MAILS = sorted(EXAMPLES.glob("*/emails/*.html"))
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
Measured = dict[tuple[str, str, float], float]


def spoilt(source: str) -> str:
    """A mail with colours that can't be read, in its styles for light and for dark."""
    fourth = iter(range(10_000))
    worse = ("#8f8f8f", "rgba(60, 60, 60, 0.55)", "lightsteelblue")
    return re.sub(
        r"#[0-9a-fA-F]{6}\b(?=[ ;!\"])", lambda found: found[0] if (n := next(fourth)) % 4 else worse[n % 3], source
    )


def by_axe(browser: Any, path: Path, scheme: Scheme) -> Measured:
    from axe_playwright_python.sync_playwright import Axe

    page = browser.new_context(color_scheme=scheme, viewport={"width": 800, "height": 900}).new_page()
    page.goto(path.as_uri())
    told = Axe().run(page, options={"runOnly": ["color-contrast"]}).response
    page.close()
    nodes = [node for each in (*told["passes"], *told["violations"]) for node in each["nodes"]]
    found = [node["any"][0]["data"] for node in nodes if node["any"] and node["any"][0]["data"].get("fgColor")]
    assert found, "axe looked at nothing"
    return {
        (each["fgColor"], each["bgColor"], float(each["expectedContrastRatio"].partition(":")[0])): each[
            "contrastRatio"
        ]
        for each in found
    }


def differences(ours: Measured, axe: Measured) -> list[object]:
    """The pairs that one of the two has alone, but for colours that differ by a rounding."""

    def near(pair: tuple[str, str, float], others: Measured) -> bool:
        return any(pair[2] == other[2] and all(close(pair[n], other[n]) for n in (0, 1)) for other in others)  # type: ignore[arg-type]

    def close(one: str, two: str) -> bool:
        return all(abs(int(one[n : n + 2], 16) - int(two[n : n + 2], 16)) <= 1 for n in (1, 3, 5))

    lone = [("ours", pair) for pair in ours if not near(pair, axe)] + [
        ("axe", pair) for pair in axe if not near(pair, ours)
    ]
    return lone + [
        (pair, ours[pair], axe[pair]) for pair in ours.keys() & axe.keys() if abs(ours[pair] - axe[pair]) > 0.05
    ]


def test_it_agrees_with_axe_on_all_mails_and_on_spoilt_ones(net: Net, tmp_path: Path) -> None:
    worst = tmp_path / "spoilt.html"
    worst.write_text(spoilt((EXAMPLES / "quickstart" / "emails" / "gift-guide.html").read_text()))
    poor = 0
    with launched("chromium", net) as browser:
        for path in (*MAILS, worst):
            for scheme in SCHEMES:
                found = [pair for pair in pairs(path.read_text(), scheme) if pair.color != pair.behind]
                ours = {(pair.color, pair.behind, pair.enough): pair.ratio for pair in found}
                assert differences(ours, by_axe(browser, path, scheme)) == [], (path.name, scheme)
                poor += path == worst and sum(pair.poor for pair in found)
    assert poor > 5, "the spoilt mail can be read"


def test_there_are_mails_to_look_at() -> None:
    assert len(MAILS) == 6


@pytest.mark.parametrize("path", MAILS, ids=lambda path: path.stem)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_mail_can_be_read(path: Path, scheme: Scheme) -> None:
    found = pairs(path.read_text(), scheme)
    assert found
    assert [pair for pair in found if pair.poor] == []


@pytest.mark.parametrize("path", [path for path in MAILS if "quickstart" in str(path)], ids=lambda path: path.stem)
def test_both_schemes_are_written_for(path: Path) -> None:
    assert "prefers-color-scheme: dark" in path.read_text()


@pytest.mark.parametrize(
    ("html", "scheme", "expected"),
    [
        ("<p>a</p>", "dark", ("#000000", "#ffffff", 4.5)),  # nothing says that it is made for the dark
        ('<meta name="color-scheme" content="light dark"><p>a</p>', "dark", ("#ffffff", "#121212", 4.5)),
        ('<meta name="color-scheme" content="light dark"><p>a</p>', "light", ("#000000", "#ffffff", 4.5)),
        ('<p><a href="x">a</a></p>', "light", ("#0000ee", "#ffffff", 4.5)),
        ('<td bgcolor="336699"><font color="white">a</font></td>', "light", ("#ffffff", "#336699", 4.5)),
        ('<h1 style="color:#777">a</h1>', "light", ("#777777", "#ffffff", 3.0)),
        ('<p style="font:bold 14pt serif">a</p>', "light", ("#000000", "#ffffff", 3.0)),
        (
            '<div style="background:rgba(0,0,0,.5)"><p style="opacity:.5">a</p></div>',
            "light",
            ("#404040", "#808080", 4.5),
        ),
        ("<style>@media (max-width:600px){p{color:#eee}}</style><p>a</p>", "light", ("#000000", "#ffffff", 4.5)),
        ("<style>@media screen{p{color:#eee}}</style><p>a</p>", "light", ("#eeeeee", "#ffffff", 4.5)),
        ("<style media=print>p{color:#eee}</style><p>a</p>", "light", ("#000000", "#ffffff", 4.5)),
        (
            "<style>#b p{color:red}p{color:blue!important}</style><div id=b><p>a</p></div>",
            "light",
            ("#0000ff", "#ffffff", 4.5),
        ),
    ],
)
def test_a_mail_looks_as_a_browser_would_show_it(html: str, scheme: Scheme, expected: tuple[str, str, float]) -> None:
    (pair,) = pairs(html.replace("<td", "<table><tr><td"), scheme)
    assert (pair.color, pair.behind, pair.enough) == expected


@pytest.mark.parametrize(
    "html",
    [
        '<div style="background:url(a.png)"><p>a</p></div>',
        '<p style="display:none">a</p>',
        '<p style="font-size:0">a</p>',
        '<p style="visibility:hidden">a</p>',
        '<p style="color:transparent">a</p>',
        '<img alt="a" src="x">',
        "<p>·</p>",
        "",
    ],
)
def test_what_can_t_be_told_or_is_not_seen(html: str) -> None:
    assert pairs(html, "light") == ()
