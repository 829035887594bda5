"""Characters that look like YAML's own: the finding that comes of one names it, and texts may have them."""

import pytest

from reconcile.errors import Diagnostic, Location, Severity
from reconcile.manifests.parse import parse_yaml
from reconcile.manifests.typography import explained

WRONG = {
    "a:\u00a01\nb: 2\n": ("1:3", "plain space in its place"),
    "a: 1\n\u00a0b: 2\nc: [\n": ("4:1", None),
    "a\uff1a 1\nb: 2\n": ("1:2", "looks like a colon (U+FF1A)"),
    "a:\n  b: 1\n  \u200bc\n": ("3:3", "An invisible character (U+200B)"),
    "a: {b: \u201cx: y\u201d, c: [}\n": ("1:8", "A typographic quote (U+201C)"),
    "a\uff1a 1\n": ("1:2", "looks like a colon"),
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_yaml_for_such_a_character_says_so(text: str) -> None:
    findings: list[Diagnostic] = []
    parse_yaml(text.encode(), "a.yaml", findings)
    (finding,) = explained(findings, {"a.yaml": text})
    assert finding.location is not None
    place, hint = WRONG[text]
    assert f"{finding.location.line}:{finding.location.column}" == place
    assert (hint in (finding.hint or "")) if hint else "stands here: " not in (finding.hint or "")


@pytest.mark.parametrize(
    ("text", "column", "hint"),
    [
        ("x: \u201cyes\u201d", 4, "A typographic quote (U+201C)"),
        ("x: {name: \u2018a\u2019}", 11, "A typographic quote (U+2018)"),
        ("  \u2013 news", 3, "A long dash (U+2013)"),
        ("\u00a0lists: 1", 1, "A space that YAML takes for a letter (U+00A0)"),
        # Of another value in the line, and within a text: these may be meant.
        ("x: {name: \u201ca\u201d, colour: 1}", 16, None),
        ("x: {subject: 10\u00a0\u20ac, colour: 1}", 20, None),
        ("x: plain", 4, None),
    ],
)
def test_a_finding_at_such_a_character_names_it(text: str, column: int, hint: str | None) -> None:
    finding = Diagnostic("wrong-value", "x", "x", None, Location("a.yaml", 1, column), "before")
    (told,) = explained([finding], {"a.yaml": text})
    assert hint in str(told.hint) if hint else told == finding
    warning = Diagnostic("links", "x", "x", None, Location("a.yaml", 1, column), None, Severity.WARNING)
    assert explained([warning], {"a.yaml": text}) == [warning]
