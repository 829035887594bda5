import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.sandbox.rendering import (
    Attributes,
    Content,
    parse_attributes,
    placeholder_body,
    render_body,
    render_text,
)

IMAGE = '<img alt="x" src="/images/SqualoMail-templates/_placeholders/{}/5x4.png" width="200">'


def texts(**contents: str | Content) -> Attributes:
    return Attributes(
        texts={
            name: content if isinstance(content, Content) else Content(content) for name, content in contents.items()
        }
    )


@pytest.mark.parametrize(
    ("body", "rendered"),
    [
        ("<h1>{{a}}</h1>", "<h1><b>New</b></h1>"),
        ("{{ a }} and {{a}}", "<b>New</b> and <b>New</b>"),
        ("{{A}} {{aa}} {a} {{b}}", "{{A}} {{aa}} {a} {{b}}"),
    ],
)
def test_texts_replace_their_tags_as_they_are(body: str, rendered: str) -> None:
    assert render_body(body, texts(a="<b>New</b>")) == rendered


def test_a_text_with_a_url_becomes_a_link() -> None:
    attributes = texts(a=Content("Buy & go", 'https://e.test/?a=1&b="2"'))
    assert render_body("{{a}}", attributes) == '<a href="https://e.test/?a=1&amp;b=&quot;2&quot;">Buy & go</a>'


def test_the_plain_text_has_no_markup_and_the_address_in_parentheses() -> None:
    attributes = texts(a=Content("<b>Buy</b> &amp; go", "https://e.test/"), b="x<br>y")
    assert render_text("{{a}} {{b}} {{c}}", attributes) == "Buy & go (https://e.test/) xy {{c}}"


def test_a_value_that_looks_like_a_tag_stays() -> None:
    assert render_body("{{a}}{{b}}", texts(a="{{b}}", b="{{a}}")) == "{{b}}{{a}}"


def test_names_are_taken_literally() -> None:
    attributes = Attributes(texts={"a.b": Content("1"), "a|b": Content("2"), "column1-heading": Content("3")})
    assert render_body("{{a.b}}{{axb}}{{a|b}}{{column1-heading}}", attributes) == "1{{axb}}23"


def pictures(**contents: Content) -> Attributes:
    return Attributes(images={name.removeprefix("n"): content for name, content in contents.items()})


def test_a_picture_takes_the_place_of_its_placeholder() -> None:
    rendered = render_body(IMAGE.format(0) + IMAGE.format(1), pictures(n0=Content("https://e.test/a.png?x=1&y=2")))
    assert rendered == '<img alt="x" src="https://e.test/a.png?x=1&amp;y=2" width="200">' + IMAGE.format(1)


def test_a_picture_with_a_url_is_put_into_a_link() -> None:
    rendered = render_body(IMAGE.format(0), pictures(n0=Content("p.png", "https://e.test/?a&b")))
    assert rendered == '<a href="https://e.test/?a&amp;b"><img alt="x" src="p.png" width="200"></a>'


def test_a_link_directly_around_the_placeholder_is_changed() -> None:
    body = f'<a class="c" href="https://other.test/">\n {IMAGE.format(2)} </a>'
    rendered = render_body(body, pictures(n2=Content("p.png", "https://e.test/")))
    assert rendered == '<a class="c" href="https://e.test/">\n <img alt="x" src="p.png" width="200"> </a>'
    kept = render_body(body, pictures(n2=Content("p.png")))
    assert 'href="https://other.test/"' in kept
    assert 'src="p.png"' in kept


@pytest.mark.parametrize(
    "body",
    [
        '<img src="https://e.test/x.png">',
        '<img src="/x.png?y=/_placeholders/0/">',
        '<img alt="/_placeholders/0/" src="/x.png">',
        '<img data-src="/_placeholders/0/a.png">',
        "<imgx src='/_placeholders/0/a.png'>",
        '<img src="http://[/_placeholders/0/a.png">',
        "no picture",
    ],
)
def test_other_pictures_stay(body: str) -> None:
    assert render_body(body, pictures(n0=Content("p.png"))) == body


@pytest.mark.parametrize(
    ("body", "rendered"),
    [
        ("<IMG SRC='/_placeholders/0/a.png'/>", '<IMG src="p.png"/>'),
        ("<img src=/_placeholders/0/a.png>", '<img src="p.png">'),
        ('<img alt="a > b" src="https://h.test/_placeholders/0/a.png">', '<img alt="a > b" src="p.png">'),
    ],
)
def test_spellings_of_pictures(body: str, rendered: str) -> None:
    assert render_body(body, pictures(n0=Content("p.png"))) == rendered


def test_of_several_items_with_one_id_the_last_counts_and_numbers_end_at_nine() -> None:
    raw = {
        "texts": [{"itemId": "a", "itemContent": {"value": "1"}}, {"itemId": "a", "itemContent": {"value": "2"}}],
        "images": [{"itemId": "10", "itemContent": {"value": "x"}}, {"itemId": 9, "itemContent": {"value": "y"}}],
    }
    attributes = parse_attributes(raw)
    assert attributes.texts == {"a": Content("2")}
    assert attributes.images == {"9": Content("y")}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ([], "templateCustomAttributes should be an object"),
        ({"texts": {}}, "templateCustomAttributes.texts should be an array"),
        ({"texts": ["x"]}, "templateCustomAttributes.texts[0] should be an object"),
        ({"images": [{"itemContent": {}}]}, "templateCustomAttributes.images[0].itemId is missing"),
        ({"texts": [{"itemId": "a"}]}, "templateCustomAttributes.texts[0].itemContent should be an object"),
        (
            {"texts": [{"itemId": "a", "itemContent": {"value": []}}]},
            "templateCustomAttributes.texts[0].itemContent.value should be a text",
        ),
    ],
)
def test_wrong_shapes_are_named(raw: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parse_attributes(raw)


def test_nothing_given_changes_nothing() -> None:
    body = placeholder_body(["a"], ["0", "1"])
    assert render_body(body, parse_attributes(None)) == body
    assert "{{a}}" in body
    assert "/_placeholders/1/" in body


@given(st.text(alphabet="<>img src=\"'/_{}a0placeholders", max_size=80))
def test_no_body_breaks_it(body: str) -> None:
    attributes = Attributes(texts={"a": Content("x")}, images={"0": Content("y", "z")})
    assert isinstance(render_body(body, attributes), str)
