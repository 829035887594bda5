"""The generated pages of the docs are current. To write them anew: ``pytest tests/test_docs.py --update-cases``."""

from pathlib import Path

import pytest

from reconcile.providers import types
from reconcile.report import kinds
from tests import check_pages, codes

DOCS = Path(__file__).parents[1] / "docs"
PAGES = {"checks.md": check_pages.page, "codes.md": codes.page, "kinds.md": lambda: kinds.render(types())}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_current(name: str, update_cases: bool) -> None:
    page = PAGES[name]()
    if update_cases:
        (DOCS / name).write_text(page, encoding="utf-8")
    assert (DOCS / name).read_text(encoding="utf-8") == page, "write it anew: see the top of this file"
