"""``fmt``: one layout, the same meaning, every comment."""

import os
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from reconcile.errors import Diagnostic, InvalidInput
from reconcile.manifests import nodes
from reconcile.manifests import write as write_module
from reconcile.manifests.comments import comments
from reconcile.manifests.parse import parse_yaml
from reconcile.manifests.write import format_file, format_text

CASES = {
    "": "",
    "\n\n": "",
    "# only   \n\n": "# only\n",
    "a: 1": "a: 1\n",
    "a:   1\n": "a: 1\n",
    "a: 1\n\n\n": "a: 1\n",
    "a:\n    b: 1\n    c:\n            d: 2\n": "a:\n  b: 1\n  c:\n    d: 2\n",
    "a:\n- x\n-   y\n": "a:\n  - x\n  - y\n",
    "a:\n- b: 1\n  c: 2\n": "a:\n  - b: 1\n    c: 2\n",
    "a: { b: 1,c: [ 1,2 ] }\n": "a: {b: 1, c: [1, 2]}\n",
    "a: {b: 1,\n  c: 2}\n": "a:\n  b: 1\n  c: 2\n",
    "a: [one,\n  two]\n": "a:\n  - one\n  - two\n",
    "a: {b: }\n": "a: {b: null}\n",
    "---\na: 1\n": "a: 1\n",
    "# top\n---\na: 1\n": "# top\na: 1\n",
    "--- # why\na: 1\n": "# why\na: 1\n",
    "\ufeffa: 1\r\nb: 2\r\n": "a: 1\nb: 2\n",
    # untouched: order, quotes, spelling of scalars, anchors, blank lines, comments, long lines
    "z: 1\na: 'one'\nb: \"two\"\nc: three\n": None,
    "a: 0x1F\nb: 1.0\nc: null\nd: ~\ne:\nf: True\ng: 1e3\nh: +5\ni: 007\n": None,
    "a: &x {b: 1}\nc: *x\nd: &s text\ne: *s\n": None,
    "a: &x 1\nb: &x 2\nc: *x\n": None,
    "a: 2026-12-01T09:00:00+01:00\nb: 12:30\nc: no\n": None,
    "# one\n\n# two\na: 1  # three\n\n\n# four\nb:\n  # five\n  c: 1\n  # six\n# seven\n": None,
    "a: |\n  one\n    two\n\n  three\nb: >-\n  four\n  five\nc: |+\n  six\n\nd: 1\n": None,
    f"a: {'word ' * 100}end\n": None,
    'a: "${var.x} ${env.Y:-z}"\nb: ${var.x}\n': None,
    "# comment at the wrong place\na:\n        # here\n    b: 1\n    # there\nc: 1\n": (
        "# comment at the wrong place\na:\n  # here\n  b: 1\n  # there\nc: 1\n"
    ),
}


@pytest.mark.parametrize("text", CASES)
def test_layouts(text: str) -> None:
    wanted = CASES[text]
    assert format_text(text, "a.yaml") == (text if wanted is None else wanted)


def parsed(text: str) -> nodes.MappingNode | None:
    findings: list[Diagnostic] = []
    document = parse_yaml(text.encode(), "a.yaml", findings)
    assert not findings
    return document.root


def test_what_the_loader_refuses_is_not_formatted() -> None:
    with pytest.raises(InvalidInput) as caught:
        format_text("a: 1\na: 2\n", "manifests/x.yaml")
    (finding,) = caught.value.diagnostics
    assert (finding.code, str(finding.location)) == ("duplicate-key", "manifests/x.yaml:2:1")


@pytest.mark.parametrize("broken", ["a: 2\n# c\n", "a: 1\n", "a: 1\n# c\nb: 1\n", "[\n"])
def test_a_layout_that_would_change_the_meaning_is_not_written(monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    monkeypatch.setattr(write_module, "_dumped", lambda text, path: broken)
    text, (notice,) = format_file("a: 1\n# c\n", "a.yaml")
    assert (text, notice.code, notice.severity) == ("a: 1\n# c\n", "left-as-it-is", "warning")


LEFT = {
    "news: {\n  name: News, # shown\n  color: '#336699'\n}\nb:   1\n": (
        "news: {\n  name: News, # shown\n  color: '#336699'\n}\nb: 1\n",
        ["1:6"],
    ),
    "a:\n    news: {\n      name: News, # shown\n      x: 1 }\n    b:   1\n": (
        "a:\n  news: {\n    name: News, # shown\n    x: 1 }\n  b: 1\n",
        ["2:10"],
    ),
    "a:\n  name:\n    C # on its own line\nb:   1\n": ("a:\n  name: C # on its own line\nb: 1\n", []),
    "a: 1\t# a tab\n": ("a: 1  # a tab\n", []),
    "a:   1  # fmt: skip\nb:   2\n": ("a:   1  # fmt: skip\nb: 2\n", []),
    "# fmt: skip\n\na:   1\n": ("# fmt: skip\n\na:   1\n", []),
    "b:   2\n# fmt: skip\na:\n    c:   1\n": ("b: 2\n# fmt: skip\na:\n    c:   1\n", []),
    "a:\n- x:   1  # fmt: skip\n-   y\n": ("a:\n  - x:   1  # fmt: skip\n  - y\n", []),
}


@pytest.mark.parametrize("text", LEFT)
def test_what_has_no_safe_layout_is_left_and_named(text: str) -> None:
    formatted, notices = format_file(text, "a.yaml")
    wanted, places = LEFT[text]
    assert formatted == wanted
    assert [f"{notice.location.line}:{notice.location.column}" for notice in notices if notice.location] == places
    assert format_file(formatted, "a.yaml")[0] == formatted


def test_comments_are_found_wherever_they_stand() -> None:
    text = "# a\nb: '# no' # c\nd: |  # e\n  # no\n\n  no # no\nf: [1, # g\n  2]\nh: x#no\n# i"
    assert comments(text) == ["# a", "# c", "# e", "# g", "# i"]


def test_the_examples_are_formatted() -> None:
    for path in sorted((Path(__file__).parents[2] / "examples").rglob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        assert format_text(text, path.name) == text, path


_KEYS = st.sampled_from(["a", "b-c", "'q r'", '"s"', "é", "t_1"])
_SCALARS = st.sampled_from(
    [
        *("x", "no", "1", "0x1F", "1.50", "~", "null", "", "'it''s'", '"a\\nb"', '"${{var.x}}"', "two words", "'# no'"),
        *("https://x.example/?a=b#c", "&anchor v", "{{a: 1, b: [x, 'y']}}", "[1,2]", "[]", "{{}}"),
        *("|\n{indent}  block\n{indent}    text", ">-\n{indent}  folded\n{indent}  text\n\n{indent}  more"),
        *("{{ a : 1 ,\n{indent}  b: 2}}", "[{{a: b}},\n{indent}    c]"),
        *(
            "{{ # inner\n{indent}  a: 1, # beside\n{indent}  b: [1, # inner\n{indent}    2]\n{indent}  }}",
            "[ # inner\n{indent} x ]",
        ),
        *("\n{indent}  own # beside", "x\t# beside", "&far # inner\n{indent}  v", "!!str # beside\n{indent}  v"),
    ]
)
_NOISE = st.sampled_from(
    ["", "", "", "\n", "{indent}# comment\n", "# left\n", "\n\n      # right\n", "{indent}# one\n\n# two\n"]
)
_ENDS = st.sampled_from(["", "", "", "  # after", "\t# after", "  # fmt: skip", " # close", "        # far"])


@st.composite
def _blocks(draw: st.DrawFn, depth: int = 0, indent: str = "") -> str:
    step = draw(st.sampled_from(["  ", "    ", " "]))
    lines = []
    for key in draw(st.lists(_KEYS, min_size=1, max_size=3, unique=True)):
        lines.append(draw(_NOISE).replace("{indent}", indent))
        kind = draw(st.sampled_from(["scalar", "scalar", "block", "list"])) if depth < 3 else "scalar"
        end = draw(_ENDS)
        if kind == "block":
            lines.append(f"{indent}{key}:{end}\n" + draw(_blocks(depth + 1, indent + step)))
        elif kind == "list":
            dash = indent + draw(st.sampled_from(["", "  "]))
            items = draw(st.lists(st.sampled_from(["x", "'1'", "{a: 1}", "a: 1"]), min_size=1, max_size=3))
            lines.append(f"{indent}{key}:{end}\n" + "".join(f"{dash}- {item}\n" for item in items))
        else:
            scalar = draw(_SCALARS).format(indent=indent)
            lines.append(f"{indent}{key}: {scalar}{'' if chr(10) in scalar else end}\n")
    return "".join(lines)


@settings(max_examples=500 if os.environ.get("CHAOS") else 100, deadline=None, suppress_health_check=list(HealthCheck))
@given(_blocks())
def test_formatting_keeps_meaning_and_comments_and_is_idempotent(text: str) -> None:
    findings: list[Diagnostic] = []
    parse_yaml(text.encode(), "a.yaml", findings)
    assume(not findings)  # the noise may make no YAML of it
    formatted, notices = format_file(text, "a.yaml")
    assert format_file(formatted, "a.yaml")[0] == formatted
    # An independent reader: PyYAML's own, whose scalars are all text here.
    assert _independent(text) == _independent(formatted)
    assert sorted(_marks(text)) == sorted(_marks(formatted))
    asked = notices or "fmt: skip" in text
    assert asked or not any(line != line.rstrip() for line in formatted.splitlines() if "text" not in line)


def _independent(text: str) -> object:
    plain = re.sub(r"&\w+(?= )", "", text.replace("\t#", " #"))  # it takes no tabs, and each anchor once
    return yaml.load(plain, Loader=yaml.BaseLoader)  # it makes texts, lists and mappings only


def _marks(text: str) -> list[str]:
    """The comments that the generator wrote: no value holds such a word."""
    return re.findall(r"# (?:comment|left|right|one|two|after|close|far|inner|beside)\b", text)
