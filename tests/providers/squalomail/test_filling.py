"""What we expect of a template is what the emulator, written from the platform's documentation, makes of it."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.providers.squalomail.filling import fill_html, fill_text
from reconcile.sandbox.rendering import parse_attributes, render_body, render_text

NAMES = ["headline", "column1-cta", "a.b", "a", "ab"]
URLS = ["", "https://e.example/?a=1&b=2", 'https://e.example/"x"']
PICTURE = '<img alt="a > b" src="https://e.example/_placeholders/{}/5x4.png?x=1" width=200>'
PIECES = [
    *(f"{{{{{name}}}}}" for name in NAMES),
    "{{ headline }}",
    "{{unknown}}",
    "<p>text</p>",
    PICTURE.format(0),
    f'<a class="x" href="https://old.example/">\n{PICTURE.format(1)} </a>',
    f"<a name=x>{PICTURE.format(2)}</a>",
    "<img src=/images/_placeholders/3/1x1.png>",
    "<img src='https://e.example/own.png'>",
    f"<abbr>{PICTURE.format(1)}</abbr>",
]
ITEM = st.fixed_dictionaries(
    {"value": st.sampled_from(["New", "<b>now</b> &amp; then", "{{a}}", "https://e.example/p.png?x=1&y=2", ""])},
    optional={"url": st.sampled_from(URLS)},
)
TEXTS, IMAGES = (st.dictionaries(st.sampled_from(names), ITEM) for names in (NAMES, "0123"))
ATTRIBUTES = st.fixed_dictionaries({}, optional={"texts": TEXTS, "images": IMAGES})


def as_sent(attributes: dict[str, Any]) -> Any:
    """The attributes as the API takes them."""
    rows = {
        kind: [{"itemId": name, "itemContent": item} for name, item in items.items()]
        for kind, items in attributes.items()
    }
    return parse_attributes(_lower(rows))


def _lower(value: Any) -> Any:
    if isinstance(value, dict):
        return {key.lower(): _lower(member) for key, member in value.items()}
    return [_lower(member) for member in value] if isinstance(value, list) else value


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=6), ATTRIBUTES)
def test_a_template_is_filled_as_the_platform_fills_it(pieces: list[str], attributes: dict[str, Any]) -> None:
    body = "\n".join(pieces)
    assert fill_html(body, attributes) == render_body(body, as_sent(attributes))
    assert fill_text(body, attributes) == render_text(body, as_sent(attributes))
