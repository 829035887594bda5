"""The generated pages of the docs are current. To write them anew: ``pytest tests/test_docs.py --update-cases``."""

import re
from pathlib import Path

import pytest

from reconcile.cli.main import COMMANDS
from reconcile.manifests.validate import META
from reconcile.providers import types
from tests import check_pages, codes, reference_pages, state_page

DOCS = Path(__file__).parents[1] / "docs"
PAGES = {
    "checks.md": check_pages.page,
    "codes.md": codes.page,
    "commands.md": reference_pages.commands,
    "kinds.md": reference_pages.kinds,
    "project.md": reference_pages.project,
    "state.md": state_page.page,
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
            section = section.split("\n## ")[0]
            for name, member in kind.spec.model_fields.items():
                (row,) = re.findall(rf"^\| `{name}` \| (.*) \|$", section, re.MULTILINE)
                type_told, absent, about, read_back, change = re.split(r"(?<!\\) \| ", row)
                assert type_told and about and read_back and change, (kind.plural, name)  # noqa: PT018
                assert (absent == "needed") == member.is_required()
    for name in META:
        assert f"\n| `{name}` | " in page.partition("## On any entry")[2]


@pytest.mark.parametrize(
    ("kind", "field", "said"),
    [
        ("squalomail: campaigns", "utmSource", "no: seen from what was last applied"),
        ("squalomail: campaigns", "template", "makes the object anew, and so does a change of what it names"),
        ("squalomail: campaigns", "schedule", "is made in place; people get mail by it"),
        ("squalomail: campaigns", "templateCustomAttributes.texts.NAME.url", "makes the object anew"),
        ("squalomail: fields", "type", "is told to a person, who makes it"),
        ("squalomail: audiences", "gdpr.language", "no: the people are"),
        ("gatormail: campaigns", "email.htmlFile", "as `html`"),
        ("gatormail: campaigns", "type", "makes the object anew"),
        ("gatormail: schema", "entities.NAME.attributes.NAME.dataType", "is made in place"),
    ],
)
def test_what_is_told_of_a_field_is_so(kind: str, field: str, said: str) -> None:
    page = (DOCS / "kinds.md").read_text(encoding="utf-8")
    platform, plural = kind.split(": ")
    section = page.partition(f"## `{platform}`")[2].partition(f"### `{plural}`")[2].split("\n### ")[0]
    assert [row for row in section.splitlines() if row.startswith(f"| `{field}` |") and said in row]


def test_every_command_and_option_is_in_the_reference() -> None:
    page = (DOCS / "commands.md").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"\n## `{name}" not in page] == []
    assert "--allow-send" in page
    codes_told = re.findall(r"^\| (\d+) \| ", page, re.MULTILINE)
    assert codes_told == ["0", "1", "2", "3", "4", "5", "6", "7", "64", "130"]
