"""The word diff: every place is true to both texts, and there is never a wall of text."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reconcile.report.words import Comparison, Part, Place, Position, compare, render

words = st.sampled_from(
    ["<p>", "</p>", '<a href="x">', "<", ">", "\n", " ", "  ", "\t", "Saldi", "di", "a", "b", "ü", "."]
)
pages = st.lists(words, max_size=60).map("".join)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[str, str]:
    """A text and an edited copy of it, or two texts that have nothing to do with each other."""
    before = draw(pages)
    if draw(st.booleans()):
        return before, draw(pages)
    after = before
    for _ in range(draw(st.integers(1, 3))):
        low, high = sorted((draw(st.integers(0, len(after))), draw(st.integers(0, len(after)))))
        after = after[:low] + draw(pages.map(lambda text: text[:9])) + after[min(high, low + 9) :]
    return before, after


def offset(text: str, position: Position) -> int:
    lines = text.split("\n")
    return sum(len(line) + 1 for line in lines[: position.line - 1]) + position.column - 1


def follow(text: str, start: int, place: Place, part: Part) -> int:
    """Where the place ends in the text, having checked that its pieces on one side are what stands there."""
    for piece in place.pieces:
        if piece.part in (Part.SAME, part):
            assert text.startswith(piece.text, start)
            start += len(piece.text) + piece.omitted
    return start


def check(before: str, after: str, comparison: Comparison) -> None:
    for place in comparison.places:
        follow(before, offset(before, place.before), place, Part.REMOVED)
        follow(after, offset(after, place.after), place, Part.ADDED)
        assert any(piece.part is not Part.SAME for piece in place.pieces)


@settings(deadline=None)
@given(pairs())
def test_without_its_marks_a_place_is_what_stands_in_the_texts(pair: tuple[str, str]) -> None:
    before, after = pair
    comparison = compare(before, after, limit=1000)
    check(before, after, comparison)
    assert comparison.total == len(comparison.places)
    assert bool(comparison.places) == (before != after)


@settings(deadline=None)
@given(pairs())
def test_putting_the_changes_in_gives_the_other_text(pair: tuple[str, str]) -> None:
    before, after = pair
    places = compare(before, after, limit=1000).places
    assume(not any(piece.omitted for place in places for piece in place.pieces))
    made, done = "", 0
    for place in places:
        at = offset(before, place.before)
        for piece in place.pieces:
            if piece.part is not Part.SAME:
                made += before[done:at] + (piece.text if piece.part is Part.ADDED else "")
                done = at + (len(piece.text) if piece.part is Part.REMOVED else 0)
            at += 0 if piece.part is Part.ADDED else len(piece.text)
    assert made + before[done:] == after


def test_a_place_shows_its_line_and_some_context() -> None:
    before = "<h1>Saldi</h1>\n" + "<p>stays</p>\n" * 9 + '<p style="color:red">Ciao Anna, come stai?</p>\n<p>end</p>\n'
    after = before.replace("Anna", "Bea").replace("red", "blue").replace("</h1>", "</h1>\n<p>new</p>")
    assert render(compare(before, after), color=False) == [
        "line 1:",
        "  <h1>Saldi</h1>",
        "  {+<p>new</p>+}",
        "  <p>stays</p>",
        'line 12 (was 11): <p style="color:[-red-]{+blue+}">Ciao [-Anna-]{+Bea+}, come stai?</p>',
    ]


def test_colours_mark_each_line() -> None:
    assert render(compare("a b c", "a\nx c"), color=True) == [
        "\x1b[2mline 1:\x1b[0m",
        "  a\x1b[31m[- b-]\x1b[0m\x1b[32m{+\x1b[0m",
        "  \x1b[32mx+}\x1b[0m c",
    ]


def test_long_lines_are_cut_to_a_few_words() -> None:
    before = "<td>word</td>" * 3000
    after = before[:20002] + "<b>Sconti</b>" + before[20002:]
    (line,) = render(compare(before, after), color=False)
    assert line.startswith("line 1, character 19,9")
    assert "{+" in line
    assert "Sconti" in line
    assert len(line) < 260


def test_only_the_first_places_are_shown() -> None:
    before = "".join(f"<p>{number} old</p>\n" + "<hr>\n" * 30 for number in range(30))
    comparison = compare(before, before.replace("old", "new"))
    assert len(comparison.places) == 10
    assert render(comparison, color=False)[-1] == "and 20 more places"


def test_texts_that_have_nothing_in_common_are_not_shown_whole() -> None:
    before = "".join(f'<td class="a{number}">alpha {number}</td>\n' for number in range(2500))
    after = "".join(f"<p>omega {number * 7}</p>\n" for number in range(4000))
    comparison = compare(before, after)
    check(before, after, comparison)
    assert len("\n".join(render(comparison, color=False))) < 6000


def test_line_ends_alone_are_a_note() -> None:
    comparison = compare("a\r\nb\r\n", "a\nb\n")
    assert render(comparison, color=False) == [
        "only line ends differ: 2 line ends with a carriage return before, 0 line ends after"
    ]


def test_equal_texts_have_no_places() -> None:
    assert compare("a", "a") == Comparison()


def test_control_characters_and_invisible_differences_are_shown() -> None:
    assert render(compare("a b\n", "a\u00a0b \x1b[2J\n"), color=False) == [r"line 1: a[- b-]{+\xa0b \x1b[2J+}"]
    assert render(compare("a b", "a \tb"), color=False) == [r"line 1: a[- -]{+ \t+}b"]
