"""The quickstart's own mails can be read, in light and in dark."""

from pathlib import Path

import pytest

from tests.review.conftest import Net, launched

MAILS = sorted((Path(__file__).parents[2] / "examples" / "quickstart" / "emails").glob("*.html"))


def test_every_mail_has_enough_contrast(net: Net) -> None:
    from axe_playwright_python.sync_playwright import Axe

    poor = []
    with launched("chromium", net) as browser:
        for path in MAILS:
            for scheme in ("light", "dark"):
                page = browser.new_context(color_scheme=scheme, viewport={"width": 800, "height": 900}).new_page()
                page.goto(path.as_uri())
                found = Axe().run(page, options={"runOnly": ["color-contrast"]}).response
                assert found["passes"], "axe looked at nothing"
                for violation in found["violations"]:
                    poor += [(path.name, scheme, node["html"][:100]) for node in violation["nodes"]]
                page.close()
    assert poor == []


def test_there_are_mails_to_look_at() -> None:
    assert len(MAILS) == 4


@pytest.mark.parametrize("path", MAILS, ids=lambda path: path.stem)
def test_both_schemes_are_written_for(path: Path) -> None:
    assert "prefers-color-scheme: dark" in path.read_text()
