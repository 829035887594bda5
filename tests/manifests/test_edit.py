"""Edits of a manifest's text: whatever the value and however the one before was written, nothing else changes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.errors import Diagnostic
from reconcile.manifests.comments import comments
from reconcile.manifests.edit import with_value, without, written_value
from reconcile.manifests.parse import parse_yaml
from reconcile.manifests.scalars import scalar_text
from reconcile.manifests.text_change import Unwritable
from reconcile.manifests.yaml_positions import spans, walk

PATH = ("p", "kinds", "it", "s")
ENTRIES = [
    "p:\n  kinds:\n    it:\n      s: {}\n      z: 1  # z\n    # end\n",
    "# top\np:\n  kinds:\n    it:  # it\n      a: 1\n\n      s: {}\n\n# end",
    "p: {{kinds: {{it: {{a: 1, s: {}, z: [2]}}}}}}  # all\n",
    "p:\r\n  kinds:\r\n    it:\r\n      s: {}\r\n      # end\r\n      z: 1\r\n",
]
BEFORE = ["old", "'o''ld'", '"o\\tld"', "12", "true", "null", "", "&x old", "2026-12-01T09:00:00Z"]
OVER_LINES = [
    "|-\n        old\n          two",
    ">\n        old\n        two\n",
    "|+\n        old\n\n",
    "|2-\n         old",
]
# What YAML may take for something else, and what it has to escape.
NASTY = st.sampled_from(
    [
        *("", " ", "a: b", "a #b", "- x", "? x", "[a", "{a}", "*a", "&a", "!t", "|", ">-", "%x", "@x", "`x", "'", '"'),
        *("yes", "null", "~", "1.5", "0x1", "---", "...", "<<", "=", "a\nb", "\na", "a\n\n", "  a\nb", "a\n---\nb"),
        *("a, b]", "\\", "tab\there", "\x07", "\x85", "\u2028", "\ufeff", "😀", "a\r\nb", "\n", "x\n  \ny"),
    ]
)
texts = NASTY | st.text(max_size=30) | st.lists(NASTY, max_size=4).map("".join)
values = texts | st.integers(-(10**9), 10**9) | st.booleans() | st.none()


def root_of(text: str) -> object:
    findings: list[Diagnostic] = []
    document = parse_yaml(text.encode("utf-8", "surrogatepass"), "a.yaml", findings)
    assert not findings
    return document.root


@settings(max_examples=300)
@given(st.sampled_from(ENTRIES), st.sampled_from(BEFORE), values)
def test_any_value_in_place_of_any_other(entry: str, before: str, value: object) -> None:
    text = entry.format(before)
    edited = with_value(text, "a.yaml", PATH, value)
    assert written_value(edited, "a.yaml", PATH) == value
    assert comments(edited) == comments(text)
    assert without_value(edited) == without_value(text)


@settings(max_examples=150)
@given(st.sampled_from(ENTRIES[:2]), st.sampled_from(OVER_LINES), texts)
def test_any_text_in_place_of_one_over_lines(entry: str, before: str, value: str) -> None:
    text = entry.format(before)
    edited = with_value(text, "a.yaml", PATH, value)
    assert written_value(edited, "a.yaml", PATH) == value
    assert comments(edited) == comments(text)


@settings(max_examples=100)
@given(st.sampled_from(ENTRIES), values)
def test_a_new_member(entry: str, value: object) -> None:
    text = entry.format("old")
    edited = with_value(text, "a.yaml", (*PATH[:-1], "new"), value)
    assert written_value(edited, "a.yaml", (*PATH[:-1], "new")) == value
    if "\n" not in str(value):
        assert without(edited, "a.yaml", (*PATH[:-1], "new")) == text


def without_value(text: str) -> tuple[str, str]:
    """What stands before and behind the value."""
    span = spans(text).members["p"].value.members["kinds"].value.members["it"].value.members["s"].value
    return text[: span.begin].rstrip(), text[span.end :].partition("\n")[2]


@given(texts, st.booleans(), st.sampled_from(["", "'", '"']))
def test_scalars_read_as_themselves(text: str, flow: bool, quote: str) -> None:
    rendered = scalar_text(text, flow=flow, quote=quote)
    source = f"{{a: {rendered}, b: 1}}" if flow else f"a: {rendered}\nb: 1\n"
    assert written_value(source, "a.yaml", ("a",)) == text


@pytest.mark.parametrize("text", ["a: 1\n", "a: {b: [1, 'x'], c: d}\n", "a:\n  - b: 1\n    c: |\n      x\n"])
def test_spans_are_what_they_hold(text: str) -> None:
    for span in walk(spans(text)):
        assert text[span.start : span.end] == text[span.start : span.end].strip()


def test_what_is_shared_is_left_alone() -> None:
    text = "p:\n  kinds:\n    it: &it {s: 1}\n    other: *it\n"
    with pytest.raises(Unwritable, match="other entries are aliases"):
        with_value(text, "a.yaml", PATH, 2)
    with pytest.raises(Unwritable, match="is an alias"):
        with_value(text, "a.yaml", ("p", "kinds", "other", "s"), 2)


def test_a_comment_is_never_lost() -> None:
    text = "p:\n  kinds:\n    it:\n      s: [a,  # first\n        b]\n"
    with pytest.raises(Unwritable, match="a comment would be lost"):
        with_value(text, "a.yaml", PATH, ["b"])
