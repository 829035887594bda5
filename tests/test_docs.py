"""The generated pages of the docs are current. To write them anew: ``pytest tests/test_docs.py --update-cases``."""

import re
from pathlib import Path

import pytest

from reconcile.cli.main import COMMANDS
from reconcile.providers import types
from reconcile.report import kinds
from tests import check_pages, codes, reference_pages

DOCS = Path(__file__).parents[1] / "docs"
PAGES = {
    "checks.md": check_pages.page,
    "codes.md": codes.page,
    "commands.md": reference_pages.commands,
    "kinds.md": lambda: kinds.render(types()),
    "project.md": reference_pages.project,
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_current(name: str, update_cases: bool) -> None:
    page = PAGES[name]()
    if update_cases:
        (DOCS / name).write_text(page, encoding="utf-8")
    assert (DOCS / name).read_text(encoding="utf-8") == page, "write it anew: see the top of this file"


def test_every_field_of_every_kind_is_in_the_reference() -> None:
    page = (DOCS / "kinds.md").read_text(encoding="utf-8")
    for type_ in types():
        for kind in type_.kinds.values():
            section = page.partition(f"## `{type_.name}`")[2].partition(f"### `{kind.plural}`")[2].split("\n### ")[0]
            for name, member in kind.spec.model_fields.items():
                (row,) = re.findall(rf"^\| `{name}` \| (.*) \|$", section.split("\n## ")[0], re.MULTILINE)
                cells = re.split(r"(?<!\\) \| ", row)
                assert len(cells) == 4
                assert cells[0], (kind.plural, name)
                assert not member.is_required() or "needed" in cells[3]


def test_every_command_and_option_is_in_the_reference() -> None:
    page = (DOCS / "commands.md").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"\n## `{name}" not in page] == []
    assert "--allow-send" in page
    codes_told = re.findall(r"^\| (\d+) \| ", page, re.MULTILINE)
    assert codes_told == ["0", "1", "2", "3", "4", "5", "6", "7", "64", "130"]
