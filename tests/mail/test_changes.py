"""Known edits of made-up mails are listed as what they are, nothing else is, and marks leave no trace."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.mail.change import Change, Kind, Part
from reconcile.mail.changes import changes
from reconcile.mail.marks import mark, unmark
from tests.mail.mails import EDITS, SHAPES, Mail, indented, minified, section


def listed(before: str, after: str) -> list[Change]:
    found = changes(before, after)
    for source, insertions in ((before, found.before), (after, found.after)):
        marked = mark(source, insertions)
        assert unmark(marked) == source
    return list(found.items)


@st.composite
def edited(draw: st.DrawFn) -> tuple[Mail, Mail, list[tuple[Kind, int | None]]]:
    """A mail, the mail after some edits, and what has to be listed: a kind, and the section that it is about."""
    shapes = draw(st.lists(st.sampled_from(SHAPES), min_size=12, max_size=24))
    sections = [section(shape, number, draw(st.integers(3, 9))) for number, shape in enumerate(shapes)]
    before, after, expected = Mail(tuple(sections)), list(sections), []
    spots = draw(st.lists(st.integers(0, len(sections) // 3 - 1), unique=True, max_size=4))
    fresh = 100
    for spot in spots:
        old = sections[spot * 3 + 1]  # neighbours stay, so that what belongs to what is beyond doubt
        kind = draw(st.sampled_from([*EDITS, Kind.ADDED, Kind.REMOVED]))
        where = after.index(old)
        if kind is Kind.ADDED:
            after.insert(where, section(draw(st.sampled_from(SHAPES)), fresh, 4))
            expected.append((kind, fresh))
            fresh += 1
        elif kind is Kind.REMOVED:
            del after[where]
            expected.append((kind, old.number))
        elif old.shape in EDITS[kind][0]:
            after[where] = EDITS[kind][1](old)
            expected.append((kind, old.number))
    preheader = before.preheader
    if draw(st.booleans()):
        preheader = "What an inbox shows now"
        expected.append((Kind.PREHEADER, None))
    return before, Mail(tuple(after), preheader), expected


def assert_listed(before: str, after: str, expected: list[tuple[Kind, int | None]]) -> None:
    found = listed(before, after)
    assert sorted(change.kinds[0] for change in found) == sorted(kind for kind, _ in expected)
    for kind, number in expected:
        matching = [change for change in found if change.kinds[0] is kind]
        if number is not None:
            assert any(f"{number}word" in repr(change) or f"Picture {number}" in repr(change) for change in matching)
    assert all(len(change.kinds) == 1 for change in found), found


@given(edited())
@settings(max_examples=60, deadline=None)
def test_each_edit_is_listed_as_its_kind_and_none_is_invented(
    case: tuple[Mail, Mail, list[tuple[Kind, int | None]]],
) -> None:
    before, after, expected = case
    assert_listed(before.html, after.html, expected)


@given(edited(), st.sampled_from([indented, minified]))
@settings(max_examples=40, deadline=None)
def test_white_space_hides_no_edit(case: tuple[Mail, Mail, list[tuple[Kind, int | None]]], written: object) -> None:
    before, after, expected = case
    assert callable(written)
    assert_listed(before.html, written(after.html), expected)
    assert listed(before.html, written(before.html)) == []


@given(st.lists(st.sampled_from(SHAPES), min_size=6, max_size=20), st.data())
@settings(max_examples=40, deadline=None)
def test_what_was_moved_is_one_change(shapes: list[str], data: st.DataObject) -> None:
    sections = [section(shape, number, 4) for number, shape in enumerate(shapes)]
    start = data.draw(st.integers(0, len(sections) - 1))
    end = data.draw(st.integers(0, len(sections) - 1).filter(lambda end: abs(end - start) >= 2))
    moved = sections[:start] + sections[start + 1 :]
    moved.insert(end, sections[start])
    found = listed(Mail(tuple(sections)).html, Mail(tuple(moved)).html)
    assert [change.kinds for change in found] == [(Kind.MOVED,)]
    # Which of two neighbours went past the other is a matter of view: the smaller one is told.
    low, high = sorted((start, end))
    assert any(f"{number}word" in found[0].pieces[0].text for number in range(low, high + 1))


SOUP = st.lists(
    st.sampled_from(
        [
            "<",
            ">",
            "</",
            "<p",
            "<td ",
            "<tr>",
            "</td>",
            "<!--",
            "-->",
            "<!--[if mso]>",
            "<style>",
            "</style",
            "<a href='",
            "'",
            '"',
            "=",
            " ",
            "&nbsp;",
            "{{ x }}",
            "é",
            "word",
            "rcm",
            "<rcm-w>",
            "\r\n",
            "<img src=x alt=",
            "/>",
            "\x00",
            "<br>",
        ]
    ),
    max_size=40,
).map("".join)


@given(SOUP, SOUP)
@settings(max_examples=200, deadline=None)
def test_soup_is_compared_and_marked_without_a_trace(before: str, after: str) -> None:
    listed(before, after)
    assert listed(before, before) == []


def body(*parts: str) -> str:
    return f"<body>{''.join(parts)}</body>"


@pytest.mark.parametrize(
    ("before", "after", "kinds"),
    [
        ("<p>re<b>al</b></p>", "<p><b>real</b></p>", [Kind.LOOK]),
        ("<p>a b</p>", "<p>a&nbsp;b</p>", []),
        ("<p>one two three</p>", "<p>one <b>two</b> three</p>", [Kind.LOOK]),
        ("<div role=article><p>x</p></div>", "<div role=article><div class=o><p>x</p></div></div>", [Kind.LOOK]),
        ("<p>a &amp; b</p>", "<p>a &#38; b</p>", []),
        ("<p>ab</p>", "<p>a b</p>", [Kind.WORDS]),
        ("<p>a</p><p>b</p>", "<p>a<p>b", []),
        ("<p>Hi {{name}}</p>", "<p>Hi {{first name}}</p>", [Kind.MERGE_TAG]),
        ("<p>{{a}}</p>", "<p>{{b}}</p>", [Kind.MERGE_TAG]),
        ("<h2>Old name</h2><p>x</p>", "<h2>Something else</h2><p>x</p>", [Kind.WORDS]),
        ("<h2>a</h2>", "<h3>a</h3>", [Kind.LOOK]),
        ("<p>x</p><hr>", "<p>x</p>", [Kind.LOOK]),
        ("<style>p{color:red}</style><p>x</p>", "<style>p { color : blue }</style><p>x</p>", [Kind.LOOK]),
        ("<style>p{color:red}</style><p>x</p>", "<style>/* c */ p { color: red; }</style><p>x</p>", []),
        ("<p>x</p><!-- a comment -->", "<p>x</p>", []),
        (
            "<p>x</p><!--[if mso]><v:rect fillcolor='#ffffff'>Click</v:rect><![endif]-->",
            "<p>x</p><!--[if mso]><v:rect fillcolor='#ffffff'>Press</v:rect><![endif]-->",
            [Kind.WORDS],
        ),
        ("<p title=a>x</p>", "<p title=b>x</p>", [Kind.WORDS]),
        ("<div><p>x</p></div>", "<p>x</p>", [Kind.MARKUP]),
        ("<p>x <img src=a.png alt=A></p>", "<p>x</p>", [Kind.PICTURE]),
        ("<p><a href=/a>one</a> <a href=/b>two</a></p>", "<p><a href=/a>one</a> <a href=/c>two</a></p>", [Kind.LINK]),
    ],
)
def test_single_edits(before: str, after: str, kinds: list[Kind]) -> None:
    assert [kind for change in listed(body(before), body(after)) for kind in change.kinds] == kinds


def test_several_edits_of_one_block_are_one_change() -> None:
    before = '<td bgcolor="#fff"><a href="https://a.example/">Buy now</a></td>'
    after = '<td bgcolor="#000"><a href="https://b.example/">Buy today</a></td>'
    (change,) = listed(f"<table><tr>{before}</tr></table>", f"<table><tr>{after}</tr></table>")
    assert change.kinds == (Kind.WORDS, Kind.LINK, Kind.LOOK)
    assert [(piece.part, piece.text) for piece in change.pieces] == [
        (Part.SAME, "Buy"),
        (Part.REMOVED, "now"),
        (Part.ADDED, "today"),
    ]
    assert [(detail.name, detail.before, detail.after) for detail in change.details] == [
        ("link", "https://a.example/", "https://b.example/"),
        ("bgcolor", "#fff", "#000"),
    ]


def test_a_change_is_found_under_its_heading() -> None:
    before = body("<h2>Wines</h2><p>red and white</p><h2>Oils</h2><p>from the coast</p>")
    (change,) = listed(before, before.replace("coast", "hills"))
    assert change.heading == "Oils"


def test_a_mail_of_a_megabyte() -> None:
    mail = Mail(tuple(section(SHAPES[number % 6], number, 9) for number in range(5000)))
    after = list(mail.sections)
    after[2501] = replace(after[2501], words=("new", *after[2501].words[1:]))
    assert len(listed(mail.html, Mail(tuple(after)).html)) == 1
    assert len(mail.html) > 1_000_000


MAIL = "<p>Hello to all, this is a mail with several words</p>{}"


@pytest.mark.parametrize(
    ("written", "kind", "name"),
    [
        ("<map name=m><area shape=rect href='{}' alt=q></map>", Kind.LINK, "link of area"),
        ("<base href='{}'><a href=x>q</a>", Kind.LINK, "link of base"),
        ("<form action='{}'><input name=mail><button>Go</button></form>", Kind.LINK, "action of form"),
        ("<form><button formaction='{}'>Go</button></form>", Kind.LINK, "formaction of button"),
        ("<svg><a xlink:href='{}'><text>q</text></a></svg>", Kind.LINK, "link of a"),
        ("<a href='{}'></a>", Kind.LINK, "link of a"),
        ("<!--[if mso]><a href='{}'>Buy</a><![endif]-->", Kind.LINK, "link"),
        ("<!--[if mso]>{}<![endif]-->", Kind.WORDS, None),
        ("<!--[if mso]><v:roundrect href='{}'>Buy</v:roundrect><![endif]-->", Kind.LINK, "link of v:roundrect"),
        ("<img src=a srcset='{}'>", Kind.PICTURE, "srcset of img"),
        ("<picture><source srcset='{}'><img src=a></picture>", Kind.PICTURE, "srcset of source"),
        ("<video src='{}'></video>", Kind.PICTURE, "src of video"),
        ("<video src=a poster='{}'></video>", Kind.PICTURE, "poster of video"),
        ("<svg><image xlink:href='{}'/></svg>", Kind.PICTURE, "picture of image"),
        ("<input type=submit value='{}'>", Kind.WORDS, "value of input"),
        ("<input placeholder='{}'>", Kind.WORDS, "placeholder of input"),
        ("<textarea>{}</textarea>", Kind.WORDS, "text of textarea"),
        ("<a href=x title='{}'>q</a>", Kind.WORDS, "title of a"),
        ("<a href=x aria-label='{}'>q</a>", Kind.WORDS, "aria-label of a"),
        ("<input type=image alt='{}'>", Kind.ALT, "alternative text of input"),
        ("<a href=x data-a='{}'>q</a>", Kind.MARKUP, "a data-a"),
        ("<script>{}</script>", Kind.MARKUP, "script text"),
        ("<input name='{}'>", Kind.MARKUP, "input name"),
    ],
)
def test_what_is_said_beside_the_words(written: str, kind: Kind, name: str | None) -> None:
    before, after = (
        body(MAIL.format(written.format(value))) for value in ("https://a.example/", "https://evil.example/")
    )
    (change,) = listed(before, after)
    assert change.kinds == (kind,)
    if name is None:
        assert [piece.text for piece in change.pieces] == ["https://a.example/", "https://evil.example/"]
    else:
        (detail,) = change.details
        assert (detail.name, detail.before, detail.after) == (name, "https://a.example/", "https://evil.example/")
    assert listed(before, indented(before)) == listed(before, minified(before)) == []


def test_what_nobody_sees_names_both_values() -> None:
    before, after = "<p id=a>x y</p><p id=a>x z</p>", "<p id=b>x y</p><p id=b>x z</p><script src=q.js></script>"
    (change,) = listed(body(before), body(after))
    assert [(detail.name, detail.before, detail.after) for detail in change.details] == [
        ("p id (2 times)", "a", "b"),
        ("tag", None, '<script src="q.js">'),
    ]


def test_words_hide_no_other_code_of_outlook() -> None:
    code = "<!--[if {}]><v:rect fillcolor='#ffffff'>{}</v:rect><![endif]-->"
    before = body(code.format("mso", "Buy"))
    for after in (code.format("!mso", "Sell"), code.format("mso", "Sell").replace("#ffffff", "#000000")):
        (change,) = listed(before, body(after))
        assert change.kinds == (Kind.WORDS, Kind.LOOK)
        assert change.details[0].name == "code"


def test_letters_without_width_are_told() -> None:
    (change,) = listed(body("<p>free gift</p>"), body("<p>fr&#8203;ee g\u00adift</p>"))
    (detail,) = change.details
    assert (detail.kind, detail.before, detail.after) == (Kind.MARKUP, "0", "2")


def test_comments_in_comments_are_bounded() -> None:
    deep = "<!--[if mso]>" * 3000
    assert len(listed(body(deep + "<p>a</p>-->"), body(deep + "<p>b</p>-->"))) == 1


def test_what_moves_or_comes_with_its_block_is_told_once() -> None:
    one, two, three = ("<p>first words here</p>", "<p>second words</p>", "<p>third <a href=q title=t>linked</a></p>")
    (change,) = listed(body(one + two + three), body(three + one + two))
    assert change.kinds == (Kind.MOVED,)
    (change,) = listed(body(one + two), body(one + two + three))
    assert change.kinds == (Kind.ADDED,)


def paragraphs(*texts: str) -> str:
    return body(*(f"<p>{text}</p>" for text in texts))


AUTUMN, SHOP = "Our autumn letter has nine pages about rain", "The shop in Gorizia opens again on the third of May"


@pytest.mark.parametrize("between", [(), ("Something that stays between the two",)])
def test_edited_paragraphs_that_swapped_places(between: tuple[str, ...]) -> None:
    before = paragraphs("First", AUTUMN, *between, SHOP, "Last")
    after = paragraphs("First", SHOP.replace("third", "fourth"), *between, AUTUMN.replace("nine", "ten"), "Last")
    found = listed(before, after)
    assert any(Kind.MOVED in change.kinds for change in found)
    edits = {tuple(piece.text for piece in change.pieces if piece.part is not Part.SAME) for change in found}
    assert edits == {("nine", "ten"), ("third", "fourth")}


def test_what_moved_far_and_was_edited_is_no_new_text() -> None:
    rest = [f"Paragraph {number} stays where it has always been" for number in range(12)]
    found = listed(paragraphs(AUTUMN, *rest), paragraphs(*rest, AUTUMN.replace("nine", "ten")))
    assert [change.kinds for change in found] == [(Kind.MOVED, Kind.WORDS)]


STYLES = [
    ("color: #FFFFFF", "color:#fff"),
    ("color: white", "color:#fff"),
    ("background: rgb(255, 0, 0)", "background:red"),
    ("border: 1px solid #000000", "border:1px solid #000"),
    ("border: none", "border:0"),
    ("margin: 0px 4px 0px 4px", "margin:0 4px"),
    ("line-height: 0.50em", "line-height:.5em"),
    ("font-weight: bold", "font-weight:700"),
    ("font-family: 'Helvetica Neue', \"Arial\"", "font-family:Helvetica Neue,Arial"),
    ("background: url('A.png')", "background:url(A.png)"),
    ("margin-top: 3px; margin: 0", "margin:0"),
    ("font-size: 12px; color: red", "color:red;font-size:12px"),
]


@pytest.mark.parametrize(("written", "short"), STYLES)
def test_what_a_minifier_writes_is_no_look(written: str, short: str) -> None:
    inline = [f'<p style="{style.replace(chr(34), "&quot;")}">x y</p>' for style in (written, short)]
    assert listed(*inline) == []
    sheets = [
        f"<style>{selector}{{{style}}}</style><p>x y</p>" for selector, style in (("p , a", written), ("a,p", short))
    ]
    assert listed(*sheets) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('<p style="margin-top:3px;margin:0">x y</p>', '<p style="margin:0;margin-top:3px">x y</p>'),
        ('<p style="background:url(A.png)">x y</p>', '<p style="background:url(a.png)">x y</p>'),
        ('<p style="margin:0 4px">x y</p>', '<p style="margin:4px 0">x y</p>'),
        ('<p style="color:red!important;color:blue">x y</p>', '<p style="color:blue">x y</p>'),
        ("<style>p::after{content:'Free'}</style><p>x y</p>", "<style>p::after{content:'free'}</style><p>x y</p>"),
        ("<style>p::after{content:'a  b'}</style><p>x y</p>", "<style>p::after{content:'a b'}</style><p>x y</p>"),
        ("<p>x y</p>", '<p dir="rtl">x y</p>'),
        ("<p>x y</p>", "<p>x<br>y</p>"),
        ("<p>x<br>y</p>", "<p>x<br><br>y</p>"),
        ("<ol><li>x y</ol>", '<ol type="a"><li>x y</ol>'),
        ('<link rel="stylesheet" href="a.css"><p>x y</p>', '<link rel="stylesheet" href="b.css"><p>x y</p>'),
        ('<meta name="color-scheme" content="light"><p>x y</p>', '<meta name="color-scheme" content="dark"><p>x y</p>'),
        ("<style>#a{color:red}</style><p id=a>x y</p>", "<style>#a{color:red}</style><p id=b>x y</p>"),
        ("<style>[data-x]{color:red}</style><p data-x>x y</p>", "<style>[data-x]{color:red}</style><p>x y</p>"),
        ("<style>.a{color:red}</style><p class=a>x y</p>", "<style>.a{color:red}</style><p class=b>x y</p>"),
        (
            "<style>[class*=a]{color:red}</style><p class=ab>x y</p>",
            "<style>[class*=a]{color:red}</style><p class=c>x y</p>",
        ),
    ],
)
def test_what_changes_the_look_is_no_mere_markup(before: str, after: str) -> None:
    assert Kind.LOOK in [kind for change in listed(before, after) for kind in change.kinds]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<p class=a>x y</p>", "<p class=b>x y</p>"),
        ("<p>x <b>y</b></p>", "<p>x <strong>y</strong></p>"),
        ("<p id=a>x y</p>", "<p id=b>x y</p>"),
    ],
)
def test_what_nobody_sees_is_markup(before: str, after: str) -> None:
    assert [change.kinds for change in listed(before, after)] == [(Kind.MARKUP,)]
