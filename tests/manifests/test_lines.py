"""Which texts have a line end, or a NUL, where none may be."""

from typing import Any

import pytest

from reconcile.manifests.validate import unwanted_in
from reconcile.model.kind import Rule

ONE_LINE, LINES, BODY = Rule(), Rule(lines=True), Rule(text=True)


@pytest.mark.parametrize(
    ("value", "rule", "found"),
    [
        ("News", ONE_LINE, None),
        ("Ne\nws", ONE_LINE, "\n"),
        ("Ne\u2028ws", ONE_LINE, "\u2028"),
        ("Ne\x85ws", ONE_LINE, "\x85"),
        ("Ne\nws", LINES, None),
        ("Ne\0ws", LINES, "\0"),
        ("Ne\0\nws", BODY, None),
        (["a", "b\r"], ONE_LINE, "\r"),
        ({"texts": {"a": "x\ny"}}, ONE_LINE, None),
        ({"texts": {"a": ["x\0y"]}}, ONE_LINE, "\0"),
        ("x\ny", None, None),
        (5, ONE_LINE, None),
    ],
)
def test_what_may_not_be_in_a_text_is_found(value: Any, rule: Rule | None, found: str | None) -> None:
    assert unwanted_in(value, rule) == found
