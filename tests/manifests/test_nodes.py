"""YAML text -> nodes: values of YAML 1.2, places, and every refusal."""

import math
import re
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from reconcile.errors import Diagnostic
from reconcile.manifests import nodes
from reconcile.manifests.nodes import Document, ListNode, MappingNode, Node, ScalarNode
from reconcile.manifests.parse import MAX_BYTES, parse_yaml


def parsed(text: str | bytes) -> tuple[Document, list[Diagnostic]]:
    findings: list[Diagnostic] = []
    return parse_yaml(text if isinstance(text, bytes) else text.encode(), "a.yaml", findings), findings


def told(text: str | bytes) -> list[tuple[str, str]]:
    findings = parsed(text)[1]
    return [(one.code, str(one.location).removeprefix("a.yaml:")) for one in findings]


def plain(node: Node) -> Any:
    if isinstance(node, ScalarNode):
        return node.value
    if isinstance(node, ListNode):
        return [plain(item) for item in node.items]
    return {name: plain(member) for name, member in node.members.items()}


def value(text: str) -> Any:
    document, findings = parsed(text)
    assert not findings
    assert document.root is not None
    return plain(document.root)


SCALARS = {
    "no": "no",
    "yes": "yes",
    "on": "on",
    "Off": "Off",
    "y": "y",
    "true": True,
    "True": True,
    "TRUE": True,
    "tRUE": "tRUE",
    "false": False,
    "null": None,
    "Null": None,
    "~": None,
    "": None,
    "nUll": "nUll",
    "1": 1,
    "-1": -1,
    "+1": 1,
    "007": 7,
    "0o17": 15,
    "0x1F": 31,
    "0o8": "0o8",
    "0xG": "0xG",
    "0b101": "0b101",
    "1_000": "1_000",
    "12:30": "12:30",
    "12:30:45": "12:30:45",
    "1.5": 1.5,
    "1.": 1.0,
    ".5": 0.5,
    "-.5": -0.5,
    "1e3": 1000.0,
    "1E-2": 0.01,
    "1e": "1e",
    ".": ".",
    "-": None,  # stands for a list with nothing in it, so it is skipped below
    ".inf": math.inf,
    "-.INF": -math.inf,
    "+.Inf": math.inf,
    "inf": "inf",
    "nan": "nan",
    "2026-12-01": "2026-12-01",
    "2026-12-01T09:00:00+01:00": "2026-12-01T09:00:00+01:00",
    "=": "=",
    "'1'": "1",
    '"true"': "true",
    '"\\u20ac"': "€",
    "!!str 1": "1",
    "! 1": "1",
    "!!int '7'": 7,
    "!!float 1": 1.0,
    "!!bool 'true'": True,
    "!!null ''": None,
    "!<tag:yaml.org,2002:str> 1": "1",
}


@pytest.mark.parametrize(("written", "meant"), [(k, v) for k, v in SCALARS.items() if k != "-"])
def test_scalars_are_those_of_yaml_1_2(written: str, meant: Any) -> None:
    found = value(f"a: {written}\n")["a"]
    assert found == meant
    assert type(found) is type(meant)


def test_nan_is_a_number() -> None:
    assert math.isnan(value("a: .nan")["a"])


def test_places_are_of_keys_and_values() -> None:
    document, _ = parsed("# c\nsqualomail:\n  lists:\n    è: {name: 'x', tags: [one,  two]}\n")
    assert document.root is not None
    lists = document.root.members["squalomail"]
    assert isinstance(lists, MappingNode)
    assert str(document.at(lists.keys["lists"])) == "a.yaml:3:3"
    group = lists.members["lists"]
    assert isinstance(group, MappingNode)
    entry = group.members["è"]
    assert isinstance(entry, MappingNode)
    assert str(document.at(entry.keys["tags"])) == "a.yaml:4:20"
    tags = entry.members["tags"]
    assert isinstance(tags, ListNode)
    assert (tags.items[1].line, tags.items[1].column) == (4, 33)


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "null\n", "\ufeff"])
def test_an_empty_file_declares_nothing(text: str) -> None:
    document, findings = parsed(text)
    assert (document.root, findings) == (None, [])


def test_a_byte_order_mark_moves_no_column() -> None:
    document, findings = parsed("\ufeffa: 1\n")
    assert not findings
    assert document.root is not None
    assert document.at(document.root.keys["a"]).column == 1


def test_anchors_and_aliases_stand_for_their_values() -> None:
    assert value("a: &x {b: [1]}\nc: *x\nd: &k text\ne: [*k, *k]\nf: &k other\ng: *k\n") == {
        "a": {"b": [1]},
        "c": {"b": [1]},
        "d": "text",
        "e": ["text", "text"],
        "f": "other",
        "g": "other",
    }


REFUSALS = {
    "a: b\na: c\n": ("duplicate-key", "2:1"),
    "a: {b: 1, b: 2}\n": ("duplicate-key", "1:11"),
    "1: x\n": ("key-not-text", "1:1"),
    "a:\n  true: x\n": ("key-not-text", "2:3"),
    "~: x\n": ("key-not-text", "1:1"),
    ": x\n": ("yaml-syntax", "1:1"),
    '"": x\n? \n: y\n': ("key-not-text", "2:2"),
    "? [a, b]\n: x\n": ("key-not-text", "1:3"),
    "? {a: b}\n: x\n": ("key-not-text", "1:3"),
    "a: &x b\n*x : c\n": ("key-not-text", "2:1"),
    "!!int 1: x\n": ("key-not-text", "1:1"),
    "a:\n  <<: {b: 1}\n": ("merge-key", "2:3"),
    "a: !foo 1\n": ("unknown-tag", "1:4"),
    "a: !!binary aGk=\n": ("unknown-tag", "1:4"),
    "a: !!timestamp 2026-01-01\n": ("unknown-tag", "1:4"),
    "a: !!set {b}\n": ("unknown-tag", "1:4"),
    "a: !!int abc\n": ("wrong-tag", "1:4"),
    "a: !!bool yes\n": ("wrong-tag", "1:4"),
    f"a: {'9' * 101}\n": ("wrong-number", "1:4"),
    "a: *x\n": ("undefined-alias", "1:4"),
    "a: &x [*x]\n": ("recursive-alias", "1:8"),
    "a: &x {b: {c: *x}}\n": ("recursive-alias", "1:15"),
    "a: 1\n---\nb: 2\n": ("several-documents", "2:1"),
    "- a\n": ("not-a-mapping", "1:1"),
    "text\n": ("not-a-mapping", "1:1"),
    "--- 5\n": ("not-a-mapping", "1:5"),
    "%YAML 1.1\n---\na: no\n": ("yaml-version", "1:1"),
    "a: {b: 1\n": ("yaml-syntax", "1:4"),
    "a: [1, 2\nb: 3\n": ("yaml-syntax", "2:2"),
    "a: 'x\n": ("yaml-syntax", "1:4"),
    "a: b: c\n": ("yaml-syntax", "1:5"),
    "a: 1\n  b: 2\n": ("yaml-syntax", "2:4"),
    "a: [?x]\n": ("yaml-syntax", "1:5"),
    "a: {b: c, ?d: e}\n": ("yaml-syntax", "1:11"),
    "a:\n\tb: 1\n": ("yaml-syntax", "2:1"),
    "a: @x\n": ("yaml-syntax", "1:4"),
    "a: \x07\n": ("unwanted-character", "1:4"),
    "a:\n  b: x\u2028y\n": ("unwanted-character", "2:7"),
    "a: \x85b\n": ("unwanted-character", "1:4"),
    "x: 1\na: b\ufeff\n": ("unwanted-character", "2:5"),
}


@pytest.mark.parametrize("text", REFUSALS)
def test_refusals_stand_at_their_place(text: str) -> None:
    assert told(text)[0] == REFUSALS[text]


@pytest.mark.parametrize("text", REFUSALS)
def test_refusals_are_told_once_in_whole_sentences(text: str) -> None:
    findings = parsed(text)[1]
    assert len(findings) == 1
    assert findings[0].detail.endswith(".")
    assert "The parser says" not in findings[0].detail


def test_several_findings_come_from_one_file() -> None:
    text = "a: 1\na: 2\n3: x\n? [q]\n: k\n<<: {q: 1}\nu: !foo 2\nv: !!int w\n"
    assert [code for code, _ in told(text)] == [
        "duplicate-key",
        "key-not-text",
        "key-not-text",
        "merge-key",
        "unknown-tag",
        "wrong-tag",
    ]


def test_a_duplicate_names_both_places() -> None:
    (finding,) = parsed("a: 1\nb: 2\na: 3\n")[1]
    assert finding.location is not None
    assert (finding.location.line, [other.line for other in finding.others]) == (3, [1])


def test_what_is_not_utf8_is_told_with_byte_and_line() -> None:
    (finding,) = parsed(b"a: 1\nb: caff\xe8\n")[1]
    assert (finding.code, str(finding.location)) == ("not-utf8", "a.yaml:2:8")
    assert "0xe8" in finding.detail


def test_utf16_is_refused() -> None:
    assert told("a: 1\n".encode("utf-16"))[0][0] == "not-utf8"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("a: {b: ${var.x}}\n", '"${var.x}"'),
        ("a: [1, ${env.X:-y}]\n", '"${env.X:-y}"'),
        ("1: x\n", 'Quote it: "1"'),
        ("a: @me\n", "begins with @"),
        ("a: \x07\n", '"\\x07"'),
    ],
)
def test_hints_say_the_way_out(text: str, hint: str) -> None:
    (finding,) = parsed(text)[1]
    assert finding.hint is not None
    assert hint in finding.hint


def test_a_question_mark_within_quotes_or_outside_of_braces_is_text() -> None:
    assert value("a: '[?x]'\nb: ?x\nc: [x?y, '?z', a ?b]\nd: |\n  {?e}\n") == {
        "a": "[?x]",
        "b": "?x",
        "c": ["x?y", "?z", "a ?b"],
        "d": "{?e}\n",
    }


def test_an_expression_outside_of_braces_needs_no_quotes() -> None:
    assert value("a: ${var.x}\nb: x${env.Y:-z}\n") == {"a": "${var.x}", "b": "x${env.Y:-z}"}


def test_a_file_above_16_mib_is_refused() -> None:
    assert told(b"a: " + b"x" * MAX_BYTES) == [("file-too-large", "1:1")]


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000, "? " * 100_000])
def test_deep_nesting_is_refused_quickly(text: str) -> None:
    start = time.process_time()
    assert told(text)[-1][0] == "nesting-too-deep"
    assert time.process_time() - start < 2


def test_sixty_four_levels_are_allowed() -> None:
    assert told("a: " + "[" * 63 + "]" * 63) == []
    assert told("a: " + "[" * 64 + "]" * 64) == [("nesting-too-deep", "1:67")]


def test_aliases_count_with_the_depth_of_what_they_stand_for() -> None:
    deep = "a: &x " + "[" * 40 + "]" * 40 + "\n"
    assert told(deep + "b: " + "[" * 20 + "*x" + "]" * 20) == []
    assert [code for code, _ in told(deep + "b: " + "[" * 30 + "*x" + "]" * 30)] == ["nesting-too-deep"]


def test_an_alias_bomb_is_refused_before_it_is_built() -> None:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    start = time.process_time()
    ((code, place),) = told("\n".join(lines))
    assert code == "too-many-aliases"
    assert place.startswith(("5:", "6:", "7:"))
    assert time.process_time() - start < 1


def test_a_thousand_uses_of_aliases_are_allowed() -> None:
    assert told("a: &x 1\nb: [" + ", ".join(["*x"] * 1000) + "]") == []
    assert told("a: &x 1\nb: [" + ", ".join(["*x"] * 1001) + "]")[0][0] == "too-many-aliases"


def test_equal_trees_are_recognised() -> None:
    def tree(text: str) -> Node:
        root = parsed(text)[0].root
        assert root is not None
        return root

    assert nodes.same_tree(tree("a: [1, {b: x}]"), tree("'a':\n- 1\n- b: 'x'\n"))
    for other in ("a: [1.0, {b: x}]", "a: [1, {b: y}]", "a: [1]", "a: {b: x}", "c: [1, {b: x}]", "a: [true, {b: x}]"):
        assert not nodes.same_tree(tree("a: [1, {b: x}]"), tree(other)), other


# Against another implementation of YAML 1.2

_TEXT = st.text(
    st.one_of(st.sampled_from(list("ab1:-#{}[],&*!|>'\"%@` \n?=<~.")), st.characters(codec="utf-8")), max_size=12
)
_SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(), _TEXT)
_TREES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=12,
)


def _ruamel(text: str) -> Any:
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 2)
    return yaml.load(text)


def _same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, dict):
        return (
            isinstance(theirs, dict) and ours.keys() == theirs.keys() and all(_same(ours[k], theirs[k]) for k in ours)
        )
    if isinstance(ours, list):
        return isinstance(theirs, list) and len(ours) == len(theirs) and all(map(_same, ours, theirs))
    if isinstance(ours, float) and math.isnan(ours):
        return isinstance(theirs, float) and math.isnan(theirs)
    return type(ours) is type(theirs) and bool(ours == theirs)


@settings(max_examples=150, deadline=None)
@given(tree=st.dictionaries(_TEXT, _TREES, max_size=4), flow=st.booleans())
def test_what_another_writer_dumps_is_read_the_same(tree: dict[str, Any], flow: bool) -> None:
    from io import StringIO

    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 2)
    yaml.default_flow_style = flow
    yaml.allow_unicode = True
    stream = StringIO()
    yaml.dump(tree, stream)
    text = stream.getvalue()
    try:
        theirs = _ruamel(text)
    except YAMLError:
        return
    document, findings = parsed(text)
    # Ours refuses what it says it refuses, and nothing else that is valid but for what libyaml does not know: unquoted
    # text that begins with : or ? within braces or brackets.
    if findings:
        known = {"unwanted-character", "merge-key"}
        known |= {"yaml-syntax"} if re.search(r"[\[{,:]\s*[:?]\S", text) else set()
        assert {one.code for one in findings} <= known, findings
        return
    ours = plain(document.root) if document.root is not None else {}
    assert _same(ours, theirs or {})


# Plain scalars about which ruamel.yaml differs from the core schema of YAML 1.2: underscores, 0b, 0o and 0x with
# signs, timestamps, .1e2, = and the tag that makes text of anything.
_PLAIN = st.one_of(
    st.from_regex(r"\A[-+]?[0-9.eE+x]{1,6}\Z"),
    st.sampled_from(sorted(SCALARS)),
    st.from_regex(r"\A[a-zA-Z0-9~.:/-]{1,8}\Z"),
)


@settings(max_examples=300, deadline=None)
@given(scalar=_PLAIN)
def test_plain_scalars_are_read_as_another_reader_does(scalar: str) -> None:
    text = f"a: {scalar}\n"
    try:
        theirs = _ruamel(text)["a"]
    except (YAMLError, ValueError, TypeError):
        return
    findings = parsed(text)[1]
    if findings:
        assert findings[0].code in ("unknown-tag", "wrong-tag", "key-not-text")
        return
    ours = value(text)["a"]
    differs = (
        "_" in scalar
        or scalar.lstrip("-+").startswith(("0b", "0o", "0x"))
        or scalar == "="
        or scalar.startswith("! ")
        or re.fullmatch(r"[-+]?\.[0-9]+[eE][0-9]+", scalar)
        or not isinstance(theirs, None | bool | int | float | str | list | dict)  # a date
    )
    assert differs or _same(ours, theirs), (scalar, ours, theirs)


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from(list("ab: \n-#{}[],&*!|>'\"%?\t$")), max_size=40))
def test_any_text_is_read_or_refused_without_a_crash(text: str) -> None:
    document, findings = parsed(text)
    for one in findings:
        assert one.location is not None
        assert one.location.line >= 1
    assert findings or document.root is None or isinstance(document.root, MappingNode)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_without_a_crash(data: bytes) -> None:
    parsed(data)
