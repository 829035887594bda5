"""An entry more in the text of a manifest: in the manner of those that are there, and all else as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.manifests.adding import with_entry
from reconcile.manifests.compose import escaped
from reconcile.manifests.edit import plain_tree
from reconcile.manifests.text_change import Unwritable

BLOCK = "a:\n  lists:\n    one:\n      name: One\n"
MEMBERS = {"name": "New ${x}", "tags": ["t"], "more": {"deep": "v"}}
WRITTEN = '{name: "New $${x}", tags: [t], more: {deep: v}}'


def added(text: str, *, alias: str = "a", plural: str = "lists", name: str | None = "new") -> str:
    return with_entry(text, "f.yaml", alias, plural, name, escaped(MEMBERS))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "a:\n  lists:\n    new:\n      name: New $${x}\n      tags: [t]\n      more:\n        deep: v\n"),
        ("# only a comment", "# only a comment\na:\n  lists:\n    new:\n      name: New $${x}\n      tags: [t]\n"),
        (BLOCK, BLOCK + "    new:\n      name: New $${x}\n"),
        ("a:\n    lists:\n        one: {}\n", f"a:\n    lists:\n        one: {{}}\n        new: {WRITTEN}\n"),
        ("a: {lists: {one: {}}}\n", f"a: {{lists: {{one: {{}}, new: {WRITTEN}}}}}\n"),
        ("a: {}\n", f"a: {{lists: {{new: {WRITTEN}}}}}\n"),
        ("a:\n  lists:  # none yet\nb: 1\n", "a:\n  lists:  # none yet\n    new:\n"),
        ("a:\n  other: {x: {}}", "a:\n  other: {x: {}}\n  lists:\n    new:\n"),
        ("b:\n  lists: {}\n", "b:\n  lists: {}\n\na:\n  lists:\n    new:\n"),
        ("a:\n  lists:\n    one: {}\n\n    two: {}\n# end\n", f"    two: {{}}\n\n    new: {WRITTEN}\n# end\n"),
    ],
)
def test_it_stands_where_a_person_would_put_it(text: str, expected: str) -> None:
    assert expected in added(text)


def test_line_ends_are_those_of_the_file() -> None:
    assert "\n" not in added(BLOCK.replace("\n", "\r\n")).replace("\r\n", "")


def test_a_kind_without_names() -> None:
    text = with_entry("a:\n  lists: {}\n", "f.yaml", "a", "schema", None, {"x": "1"})
    assert text == 'a:\n  lists: {}\n  schema: {x: "1"}\n'


@pytest.mark.parametrize("text", [BLOCK.replace("one", "new"), "a:\n  lists: nonsense\n", "a: &x\n  k: {}\nb: *x\n"])
def test_what_can_not_be_added_is_refused(text: str) -> None:
    with pytest.raises(Unwritable):
        added(text, alias="b" if "*" in text else "a")


words = {"null", "true", "false", "y", "n", "yes", "no", "on", "off"}
names = st.from_regex(r"[a-z][a-z0-9-]{0,6}", fullmatch=True).filter(lambda word: word not in words)
values = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12)
entries = st.dictionaries(names, st.dictionaries(names, values, min_size=1, max_size=3), max_size=3)


@given(st.dictionaries(names, entries, max_size=3), names, names, values, st.booleans())
def test_whatever_stands_there_stays(there: dict, plural: str, name: str, value: str, flow: bool) -> None:
    from reconcile.manifests.compose import flow_value, member_lines

    whole = {"a": there}
    text = f"a: {flow_value(there)}  # kept\n" if flow else "\n".join(["# kept", *member_lines("a", there, 0)]) + "\n"
    before = plain_tree(text, "f.yaml")
    if name in whole["a"].get(plural, {}):
        return
    after = with_entry(text, "f.yaml", "a", plural, name, escaped({"v": value}))
    assert "# kept" in after
    found = plain_tree(after, "f.yaml")
    assert found["a"][plural].pop(name) == {"v": value.replace("${", "$${")}
    if not before["a"].get(plural):
        found["a"].pop(plural), before["a"].pop(plural, None)
    assert found == before
