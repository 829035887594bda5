"""Building a mail: parts, MJML, style sheets; what a platform fills comes through unharmed, in place and in order."""

import os
import re
import socket
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.mail.build import BuildError, Built, Options, build
from reconcile.mail.source_reader import read as parsed

TAGS = [
    *("{{x}}", "{{ first name }}", "{{{raw}}}", "{{#if a && b}}", "{{/if}}", "{% if a < b %}", "{% endif %}", "[[x]]"),
    *("[[if a>b]]", "%%x%%", "%x%", "${x}", "${a?b:'c'}", "*|FNAME|*", "#[CONTENT/EMAIL]#", "{Content/EMailLink}"),
    *("{subtag:name}", "{unsubscribe}", "{/unsubscribe}", "<%= x %>", "@{x}", "||x||"),
]
PLAIN = Options()
TARGETS = [
    *("{{x}}", "#[CONTENT/URL]#", "{unsubscribe}", "https://e.example/?a=1&amp;b={{x}}&amp;c=%%y%%"),
    *("https://e.example/?a=1&b={{ x y }}", "{{#if a}}https://a.example{{else}}https://b.example{{/if}}"),
    *("{{ x | default: 'a' }}", "https://e.example/?é=ü&amp;t=[[x]]", 'https://e.example/{{x}}?q="'),
]


def files(**given_: str) -> Mapping[str, str]:
    return {name.replace("__", "/").replace("_", "."): text for name, text in given_.items()}


def built(path: str, contents: Mapping[str, str], options: Options = PLAIN) -> Built:
    def read(name: str) -> str:
        if name not in contents:
            raise BuildError("There is no such file in the project.", name)
        return contents[name]

    return build(path, read, options)


def refused(path: str, contents: Mapping[str, str], options: Options = PLAIN) -> BuildError:
    with pytest.raises(BuildError) as caught:
        built(path, contents, options)
    return caught.value


def document(body: str, head: str = "") -> str:
    styles = f"<style>.k{{color:red}}</style>{head}"
    return f'<!DOCTYPE html><html lang="en"><head><title>T</title>{styles}</head><body>{body}</body></html>'


@pytest.mark.parametrize("tag", TAGS)
def test_tags_of_every_kind_stay_where_they_are(tag: str) -> None:
    rows = f"<table><tr><td class=k>1</td></tr>{tag}<tr><td>2 {tag}</td></tr></table>"
    body = f'<p class="k">A{tag}B</p>{rows}<div style="color:{tag};margin:0" title="{{{{t}}}}">x</div>'
    made = built("a.html", {"a.html": document(body, f"<style>.d{{color:{tag}}}</style>")}, Options(inline=True)).text
    assert f'style="color: red;">A{tag}B</p>' in made
    assert re.search(rf"</tr>\s*{re.escape(tag)}\s*<tr", made)
    assert made.count(tag) == source_count(body, tag) + 1
    assert 'title="{{t}}"' in made


def source_count(body: str, tag: str) -> int:
    return body.count(tag)


@pytest.mark.parametrize("target", TARGETS)
def test_targets_with_tags_are_not_escaped_anew(target: str) -> None:
    quote = "'" if '"' in target else '"'
    body = f"<a class=k href={quote}{target}{quote}>A</a><img src={quote}{target}{quote} alt='x'>"
    for path, text, options in (
        ("a.html", document(body), Options(inline=True)),
        ("a.mjml", mjml(f"<mj-button href={quote}{target}{quote}>A</mj-button>"), Options()),
    ):
        made = built(path, {path: text}, options).text
        assert re.search(rf"href=([\"']){re.escape(target)}\1", made), made


def mjml(inside: str, around: tuple[str, str] = ("", "")) -> str:
    return (
        f"<mjml><mj-head><mj-title>{{{{title}}}}</mj-title></mj-head><mj-body>{around[0]}<mj-section><mj-column>{inside}"
        f"</mj-column></mj-section>{around[1]}</mj-body></mjml>"
    )


@pytest.mark.parametrize("tag", TAGS)
def test_mjml_keeps_tags_in_texts_and_loops(tag: str) -> None:
    text = mjml(
        f"<mj-text>A{tag}B</mj-text><mj-table><tr><td>1</td></tr>{tag}<tr><td>2</td></tr></mj-table>", (tag, tag)
    )
    made = built("emails/a.mjml", {"emails/a.mjml": text}, Options(language="it")).text
    assert f"A{tag}B" in made
    assert made.count(tag) == 4
    assert "<title>{{title}}</title>" in made
    assert '<html lang="it"' in made
    assert "fonts.googleapis" not in made


def test_parts_are_put_in_place_and_may_hold_parts_and_tags() -> None:
    contents = {
        "emails/a.html": "<body><!-- reconcile:part head --><p>x</p><!--reconcile:part legal/foot--></body>",
        "parts/head.html": "<h1>{{title}}</h1><!-- reconcile:part logo -->\n",
        "parts/logo.html": "<img src='https://a.example/l.png'>",
        "parts/legal/foot.html": "{unsubscribe}out{/unsubscribe}",
    }
    made = built("emails/a.html", contents)
    assert made.text == (
        "<body><h1>{{title}}</h1><img src='https://a.example/l.png'><p>x</p>{unsubscribe}out{/unsubscribe}</body>"
    )
    assert set(made.sources) == set(contents)


def test_what_is_not_built_is_as_it_was() -> None:
    text = "<P CLASS=k>a &amp b\r\n{{x}}</P>"
    made = built("a.html", {"a.html": text})
    assert (made.text, made.sources) == (text, ("a.html",))


@pytest.mark.parametrize(
    ("contents", "where", "said"),
    [
        ({"a.html": "x\n  <!-- reconcile:part b -->"}, "a.html:2:3", "parts/b.html: There is no such file"),
        ({"a.html": "<!-- reconcile:part ../x -->"}, "a.html:1:1", "can't be the name of a part"),
        (
            {"a.html": "<!-- reconcile:part b -->", "parts/b.html": "\n<!-- reconcile:part b -->"},
            "parts/b.html:2:1",
            "in a circle: parts/b.html -> parts/b.html",
        ),
    ],
)
def test_parts_that_cant_be_put_in(contents: Mapping[str, str], where: str, said: str) -> None:
    error = refused("a.html", contents)
    assert f"{error.file}:{error.line}:{error.column}" == where
    assert said in error.detail


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ("<mjml>\n<mj-body>\n  <mj-foo>a</mj-foo></mj-body></mjml>", 3, 3, "no element mj-foo"),
        ("<mjml>\n<mj-body>\n {{x}}  <mj-section></mj-body></mjml>", 3, 21, "</mj-section> is expected"),
        ("<mjml>\n<mj-body>", 2, 1, "<mj-body> is never closed"),
        ("<mjml><mj-head>\n<mj-style inline='inline'>.a{}</mj-style></mj-head></mjml>", 2, 1, "inline"),
    ],
)
def test_mjml_that_cant_be_built_is_told_with_its_place(text: str, line: int, column: int, said: str) -> None:
    error = refused("a.mjml", {"a.mjml": text})
    assert said in error.detail
    assert (error.file, error.line, error.column) == ("a.mjml", line, column)


def test_includes_come_from_the_project_only() -> None:
    head = "<mjml><mj-body><mj-include path='{}'/></mj-body></mjml>"
    contents = {
        "emails/a.mjml": head.format("inc/b.mjml"),
        "emails/inc/b.mjml": "<mj-section><mj-column><mj-text>in</mj-text></mj-column></mj-section>",
    }
    made = built("emails/a.mjml", contents)
    assert ">in<" in made.text.replace("\n", "")
    assert set(made.sources) == set(contents)
    for path in ("../../etc/passwd", "/etc/passwd", "https://a.example/x.mjml", "none.mjml"):
        assert refused("emails/a.mjml", {"emails/a.mjml": head.format(path)}).detail


def test_nothing_is_loaded_from_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*_: object) -> None:
        raise AssertionError("something connects")

    monkeypatch.setattr(socket.socket, "connect", connect)
    remote = (
        "<link rel='stylesheet' href='http://127.0.0.1:9/a.css'><style>@import url(http://127.0.0.1:9/b.css);</style>"
    )
    made = built("a.html", {"a.html": document("<p class=k>x</p>", remote)}, Options(inline=True)).text
    assert "http://127.0.0.1:9/a.css" in made
    text = mjml("<mj-text>x</mj-text>").replace(
        "<mj-head>", "<mj-head><mj-font name='Z' href='http://127.0.0.1:9/z.css'/>"
    )
    assert built("a.mjml", {"a.mjml": text}).text


def test_minified_is_smaller_and_says_the_same() -> None:
    text = document("<p>\n    a   {{x}}\n\n  b</p>\n  <pre>  kept\n  </pre><!-- [if mso]>  x  <![endif]-->")
    made = built("a.html", {"a.html": text}, Options(minify=True)).text
    assert "<p>\na {{x}}\nb</p>\n<pre>  kept\n  </pre>" in made


_pieces = st.one_of(
    st.sampled_from(TAGS).map(lambda tag: f"<p class='k'>{tag}</p>"),
    st.sampled_from(TAGS).map(lambda tag: f"<table><tr><td>a</td></tr>{tag}<tr><td class='k'>{tag}b</td></tr></table>"),
    st.sampled_from(TARGETS).filter(lambda target: "'" not in target).map(lambda target: f"<a href='{target}'>x</a>"),
    st.sampled_from(["&nbsp;", "&copy;", "a &amp; b", "<br>", "é 😀", "<!--[if mso]><v:rect/><![endif]-->"]),
    st.sampled_from(TAGS).map(lambda tag: f"<b class='k'>x {tag}</b>"),
)


@settings(max_examples=600 if os.environ.get("CHAOS") else 60, deadline=None)
@given(st.lists(_pieces, max_size=8))
def test_tags_come_through_in_their_order(pieces: list[str]) -> None:
    body = "".join(pieces)
    made = built("a.html", {"a.html": document(body)}, Options(inline=True)).text
    found = re.compile("|".join(map(re.escape, sorted(TAGS, key=len, reverse=True))))
    before, after = body, made[made.index("<body") :]
    assert found.findall(before) == found.findall(after)
    assert re.findall(r"&\w+;", before) == re.findall(r"&\w+;", after)


def test_the_words_of_a_built_mail_are_seen_and_its_preheader_is_not() -> None:
    text = mjml("<mj-text>Hello you</mj-text>").replace("<mj-head>", "<mj-head><mj-preview>Before all</mj-preview>")
    source = parsed(built("a.mjml", {"a.mjml": text}).text)
    assert (source.words, source.preheader) == (2, "Before all")
    assert parsed("<div style='font-size:0'>a<p style='font-size:12px'>seen</p></div>").words == 1
    assert parsed("<div style='font-size:0; line-height:0'>a<p style='font-size:12px'>not seen</p></div>").words == 0
    assert parsed("<div style='display:none'><p style='font-size:12px'>no</p></div>").words == 0


def test_our_own_part_of_the_builder_has_a_version() -> None:
    """Raise it in ``build.py``, and the digest here, when the same sources are built into something else."""
    contents = {"a.html": "<p>a  b\n\n {{x}}</p> <!-- reconcile:part b -->", "parts/b.html": "<pre> c  d </pre>\n"}
    made = built("a.html", contents, Options(minify=True))
    assert (made.builder, made.text) == ("reconcile-build 1", "<p>a b\n{{x}}</p> <pre> c  d </pre>")
