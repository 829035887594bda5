"""No check finds anything in twenty sound mails of different make."""

import json
from pathlib import Path

import pytest

from reconcile.mail.source_reader import read
from tests.cli.conftest import Project

MAILS = sorted((Path(__file__).parents[1] / "mail" / "sound").glob("*.html"))
FIELDS = "  fields: {city: {fieldname: City, type: text, published: true}}\n"


def plain(html: str) -> str:
    """The same words and links without markup."""
    source = read(html)
    words = "\n\n".join(block.text for block in source.blocks if block.text and not block.hidden)
    return (
        words + "\n\n" + "\n".join(target for _, target in source.links) + "\n{unsubscribe}Unsubscribe{/unsubscribe}\n"
    )


def language(html: str) -> str:
    return next((name for name in ("de", "it", "sl", "ar") if f'lang="{name}"' in html), "en")


@pytest.fixture
def sound(project: Project) -> Project:
    rows = []
    for path in MAILS:
        html = path.read_text(encoding="utf-8")
        project.write(f"emails/{path.name}", html)
        project.write(f"emails/{path.stem}.txt", plain(html))
        spoken = f", language: {language(html)}" if language(html) in ("en", "de", "it", "sl") else ""
        rows.append(
            f"    {path.stem}: {{subject: A letter about {path.stem.replace('-', ' ')}, lists: [news],"
            f" bodyFile: emails/{path.name}, altBodyFile: emails/{path.stem}.txt{spoken}}}\n"
        )
    text = "squalomail:\n  lists:\n    news: {name: News}\n" + FIELDS + "  campaigns:\n" + "".join(rows)
    project.write("manifests/all.yaml", text)
    return project


def test_nothing_is_found_in_them(sound: Project) -> None:
    assert len(MAILS) == 20
    result = sound.run("validate", "--format", "json")
    told = json.loads(result.out)
    assert [(one["code"], one["location"], one["detail"]) for one in told["diagnostics"]] == []
    assert result.code == 0


def test_they_are_looked_at(sound: Project) -> None:
    for path in MAILS:
        html = path.read_text(encoding="utf-8")
        sound.write(f"emails/{path.name}", html + '<p style="color:#f0f0f0;background:#ffffff">Lorem ipsum</p>')
    told = json.loads(sound.run("validate", "--format", "json").out)
    for code in ("placeholder", "contrast"):
        assert len({one["address"] for one in told["diagnostics"] if one["code"] == code}) == 20
