"""Texts that look alike, and texts that don't."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.model.likeness import alike, differ_unseen, named, plain, spelled, tokens

LONG = "Newsletter of the trade association for its members in Italy"

ALIKE = [
    ("Novità", unicodedata.normalize("NFD", "Novità")),
    ("News", "news"),
    ("STRASSE", "straße"),
    ("News  Italia", "News Italia"),
    ("News Italia", " News\u00a0Italia "),
    ("News", "Ne\u200bws"),
    ("Q&A", "Q&amp;A"),
    ("Q&A", "Q&amp;amp;A"),
    ("News 🎉", "News ?"),
    ("News 🎉", "News ????"),
    ("News 🎉", "News \ufffd"),
    ("News 🎉", "News"),
    ("News 🎉 today", "News "),
    ("News 🎉 today", "News  today"),
    ("Novità", "Novit?"),
    ("Why? Novità", "Why? Novit?"),
    (LONG + " and abroad", LONG),
]
UNLIKE = [
    ("News", "News Italia"),
    ("News 1", "News 2"),
    ("Novità", "Novita"),
    ("Città", "Cittè"),
    ("🎉", "🎂"),
    ("News?", "News!"),
    ("Newsletter 1?", "Newsletter 2?"),
    ("", "News"),
    (LONG + " 1", LONG + " 2"),
    ("Привет", "Пока"),
]


@pytest.mark.parametrize(("left", "right"), ALIKE)
def test_alike(left: str, right: str) -> None:
    assert alike(left, right)
    assert alike(right, left)
    assert tokens((left,)) & tokens((right,))


@pytest.mark.parametrize(("left", "right"), UNLIKE)
def test_not_alike(left: str, right: str) -> None:
    assert not alike(left, right)
    assert not alike(right, left)


def test_keys_are_alike_part_by_part() -> None:
    assert alike(("News", 1), ("news", 1))
    assert not alike(("News", 1), ("news", 2))
    assert not alike(("News",), ("news", 2))
    assert not alike(1, "1")


@given(st.text(max_size=30))
def test_what_is_plain_is_alike_and_found(text: str) -> None:
    for other in (text.upper().lower(), f" {text}\u00a0", unicodedata.normalize("NFD", text), plain(text)):
        if plain(other) == plain(text):
            assert alike(text, other)
            assert tokens((text,)) & tokens((other,))


def test_what_cant_be_seen_is_spelled_out() -> None:
    assert differ_unseen("News", "Ne\u200bws")
    assert differ_unseen("News Italia", "News\u00a0Italia")
    assert differ_unseen("Novità", unicodedata.normalize("NFD", "Novità"))
    assert not differ_unseen("News", "news")
    assert not differ_unseen("News", "News")
    assert named("Ne\u200bws\u00a0Italia\t") == "Ne<U+200B>ws<U+00A0>Italia<U+0009>"
    assert spelled(unicodedata.normalize("NFD", "à")) == "a<U+0300>"
