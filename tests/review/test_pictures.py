"""The pictures of the docs: taken of the page as it is now. ``make pictures`` keeps them in docs/pictures."""

import os
import struct
from pathlib import Path

import pytest

from reconcile.report.graph import svg
from reconcile.review.page import render
from tests.review.conftest import Net, launched
from tests.review.plans import CLUB, CONTEXT, NOW, Send, changed, mail, nine_edits, plan

KEPT = Path(__file__).parents[2] / "docs" / "pictures"
# Name -> width, height, what is pressed before the picture is taken.
PICTURES = {
    "review-page": (1440, 1000, ()),
    "review-dark": (1440, 1000, (".s-dark", ".w-phone")),
    "review-phone": (375, 900, ()),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures go: into the docs only if that is asked for."""
    if os.environ.get("PICTURES") != "1":
        return tmp_path_factory.mktemp("pictures")
    KEPT.mkdir(parents=True, exist_ok=True)
    return KEPT


def test_pictures_of_the_page(folder: Path, tmp_path: Path, net: Net) -> None:
    guide = mail("gift-guide")
    send = Send(None, NOW + 13 * 86_400, (CLUB,), 4812)
    path = tmp_path / "page.html"
    path.write_text(render(plan(changed("gift-guide", guide, nine_edits(guide), send=send)), CONTEXT))
    with launched("chromium", net) as browser:
        for name, (width, height, pressed) in PICTURES.items():
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme="null")
            page = context.new_page()
            page.goto(path.as_uri())
            for selector in pressed:
                page.locator(selector).check(force=True)
            page.locator("#m1").evaluate("e => scrollTo(0, e.offsetTop - 4)")
            page.wait_for_timeout(300)
            taken = page.screenshot(path=folder / f"{name}.png")
            assert struct.unpack(">II", taken[16:24]) == (width, height)
            assert 20_000 < len(taken) < 400_000
            context.close()


def test_the_drawing_in_the_docs_is_current() -> None:
    drawing = KEPT / "quickstart-graph.svg"
    current = _graph_of_the_quickstart() + "\n"
    if os.environ.get("PICTURES") == "1":
        drawing.write_text(current)
    assert drawing.read_text() == current


def test_the_docs_have_their_pictures() -> None:
    for name in PICTURES:
        assert (KEPT / f"{name}.png").is_file(), "make pictures"


def _graph_of_the_quickstart() -> str:
    from click.testing import CliRunner

    from reconcile.cli.main import cli

    outcome = CliRunner().invoke(
        cli, ["-C", str(KEPT.parents[1] / "examples" / "quickstart"), "graph", "--as", "svg"], catch_exceptions=False
    )
    assert outcome.exit_code == 0
    assert outcome.output.startswith(svg([], [])[:20])
    return outcome.output.rstrip("\n")
