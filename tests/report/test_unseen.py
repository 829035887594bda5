"""A difference that a reader can't see is spelled out."""

from datetime import UTC

import pytest

from reconcile.model.address import Address
from reconcile.model.kind import Action
from reconcile.planner.plan import AttributeChange, Cause, Plan, Step
from reconcile.report import to_terminal

NEWS = Address("squalomail", "list", "news")


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("News Italia", "News\u00a0Italia", "News<U+00A0>Italia"),
        ("News", "Ne\u200bws", "Ne<U+200B>ws"),
        ("Novità", "Novita\u0300", "Novita<U+0300>"),
    ],
)
def test_what_cant_be_seen_is_named(before: str, after: str, words: str) -> None:
    change = AttributeChange("name", before, after, Cause.MANIFEST)
    plan = Plan({NEWS: Step(NEWS, Action.UPDATE, Cause.MANIFEST, (change,), id="1")})
    text = to_terminal.render(plan, color=False, now=0.0, zone=UTC)
    assert words in text
    assert "spelled out" in text


def test_what_can_be_seen_is_shown_as_it_is() -> None:
    change = AttributeChange("name", "News", "NEWS", Cause.MANIFEST)
    plan = Plan({NEWS: Step(NEWS, Action.UPDATE, Cause.MANIFEST, (change,), id="1")})
    assert "spelled out" not in to_terminal.render(plan, color=False, now=0.0, zone=UTC)
