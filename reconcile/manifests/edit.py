"""Set and remove values in the text of a manifest: comments, quotes, anchors, blank lines and all else stay.

Nothing is emitted anew: only the characters of a value are replaced. The outcome is parsed again, and unless exactly
the intended value differs and every comment is still there, the edit is refused.
"""

import textwrap
from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import lru_cache
from typing import TypeAlias

from reconcile.errors import Diagnostic
from reconcile.manifests.comments import comments
from reconcile.manifests.edit_lists import list_changes
from reconcile.manifests.nodes import ListNode, MappingNode, Node, ScalarNode
from reconcile.manifests.parse import parse_yaml
from reconcile.manifests.scalars import block_text, scalar_text
from reconcile.manifests.text_change import Change, Plain, Unwritable
from reconcile.manifests.yaml_positions import Span, line_end, line_start, spans, uses, walk

Path: TypeAlias = Sequence[str]


def with_value(text: str, file: str, path: Path, value: Plain) -> str:
    """The text with the member at ``path`` (provider, kind, name, member) set; it is added if it is not there.

    Raises:
        Unwritable: the value can't be set without touching anything else; the text stays.
    """
    tree = _spans(text)
    entry = _entry(tree, path)
    member = entry.members.get(path[-1])
    if member is None:
        changes = [insertion(text, entry, path[-1], _rendered(text, entry, value))]
    elif member.value.style == "*":
        changes = [(member.value.begin, member.value.end, _rendered(text, entry, value))]
    else:
        changes = _replacement(text, tree, entry, member.value, value, _found(text, file, path))
    expected = _set(_plain(_parsed(text, file)), path, value)
    try:
        return checked(text, _changed(text, changes), file, expected)
    except Unwritable:
        if not isinstance(value, str) or not ({"\n", "\t"} & set(value)):
            raise
    # What can't be said over lines just there can be said within quotes.
    quoted = scalar_text(value, flow=False, quote='"')
    if member is None:
        change = insertion(text, entry, path[-1], quoted)
    else:
        change = (member.value.begin, member.value.end, quoted)
    return checked(text, _changed(text, [change]), file, expected)


def without(text: str, file: str, path: Path) -> str:
    """The text without the member at ``path``, and without the comments within it or on its lines.

    Raises:
        Unwritable: something else would change with it.
    """
    entry = _entry(_spans(text), path)
    start, end = _extent(text, entry, path[-1])
    edited = text[:start] + text[end:]
    expected = _plain(_parsed(text, file))
    inner = expected
    for part in path[:-1]:
        inner = inner[part]
    del inner[path[-1]]
    return checked(text, edited, file, expected, comments_too=False)


def without_entry(text: str, file: str, path: Path) -> tuple[str, list[str]]:
    """The text without an entry, and the comments above it, which stay.

    Raises:
        Unwritable: something else would change with it.
    """
    owner = _entry(_spans(text), path)
    member = owner.members[path[-1]]
    expected = _plain(_parsed(text, file))
    inner = expected
    for part in path[:-1]:
        inner = inner[part]
    del inner[path[-1]]
    if owner.in_brackets and len(owner.members) == 1:
        return checked(text, text[: member.start] + text[member.value.end :], file, expected, comments_too=False), []
    if owner.in_brackets:
        start, end = _extent(text, owner, path[-1])
        return checked(text, text[:start] + text[end:], file, expected, comments_too=False), []
    above = _comments_above(text, member.start)
    start, end = line_start(text, member.start), line_end(text, member.value.end)
    following = min(end + 1 + text.startswith("\r", end), len(text))
    before, after = text[:start], text[following:]
    if len(owner.members) == 1:
        colon = text.rindex(":", 0, line_start(text, member.start))
        before = f"{text[: colon + 1]} {{}}{text[colon + 1 : start]}"
    elif not above and before.endswith("\n\n") and not after.split("\n", 1)[0].strip():
        before = before[:-1]
    return checked(text, before + after, file, expected, comments_too=False), above


def _comments_above(text: str, offset: int) -> list[str]:
    """The lines with comments right above a line, from the top."""
    found: list[str] = []
    at = line_start(text, offset)
    while at > 0:
        line = text[line_start(text, at - 1) : at - 1].strip()
        if not line.startswith("#"):
            break
        found.insert(0, line)
        at = line_start(text, at - 1)
    return found


def written_value(text: str, file: str, path: Path) -> Plain:
    """What stands at a path, expressions as they are written; None if nothing does."""
    node = _found(text, file, path)
    return None if node is None else _plain(node)


def stands(text: str, file: str, path: Path) -> bool:
    """Whether anything stands at a path, and be it null."""
    return _found(text, file, path) is not None


def _entry(tree: Span, path: Path) -> Span:
    """The mapping that the last part of the path is a member of.

    Raises:
        Unwritable: other entries share it, or it comes from the defaults.
    """
    current = tree
    for part in path[:-1]:
        if part not in current.members:
            raise Unwritable(f"{part} does not stand at the entry but in the defaults in reconcile.yaml; write it out")
        current = current.members[part].value
        if current.style == "*":
            raise Unwritable("its entry is an alias of another one; write its values out")
        if uses(tree, current):
            raise Unwritable("other entries are aliases of its entry; write their values out")
    return current


# One value in place of another


def _replacement(text: str, tree: Span, entry: Span, span: Span, value: Plain, node: Node | None) -> list[Change]:
    shared = uses(tree, span)
    if shared:
        return _detached(text, entry, span, shared[0], value)
    if any(uses(tree, inner) for inner in walk(span) if inner is not span):
        raise Unwritable("a part of it has an anchor that is used elsewhere; write the value out there")
    if isinstance(value, list):
        if isinstance(node, ListNode) and span.style in ("[", "-"):
            return list_changes(text, span, [_plain(item) for item in node.items], value)
        return [(span.start, span.end, _rendered(text, entry, value))]
    if span.style in ("|", ">") and isinstance(value, str):
        return [_block_change(text, entry, span, value)]
    if span.style in ("[", "{", "-", ":"):
        raise Unwritable("a list or a mapping stands there")
    rendered = _rendered(text, entry, value, span.style)
    if span.start == span.end and text[span.start - 1 : span.start] == ":":
        rendered = f" {rendered}"
    return [_beside_comment(text, span, rendered)]


def _beside_comment(text: str, span: Span, rendered: str) -> Change:
    """The change of a value; a comment beside it goes beside the mark of a text over lines, not behind the text."""
    rest = text[span.end : line_end(text, span.end)]
    head, line, body = rendered.partition("\n")
    return span.start, span.end + len(rest if line else ""), f"{head}{rest}{line}{body}" if line else rendered


def _detached(text: str, entry: Span, span: Span, first_use: Span, value: Plain) -> list[Change]:
    """The entry gets a value of its own; the anchor moves with the former one to the first alias."""
    source = text[span.begin : span.end]
    if "\n" in source:
        raise Unwritable("other values are aliases of it, and it goes over several lines")
    return [(span.begin, span.end, _rendered(text, entry, value)), (first_use.begin, first_use.end, source)]


def _rendered(text: str, entry: Span, value: Plain, quote: str = "") -> str:
    """A value as it stands in an entry."""
    if isinstance(value, list):
        return f"[{', '.join(scalar_text(item, flow=True) for item in value)}]"
    if isinstance(value, str) and "\n" in value and not entry.in_brackets and quote == "":
        block = block_text(value, "|", entry.column, entry.column + 2)
        if block is not None:
            return block
    return scalar_text(value, flow=entry.in_brackets, quote=quote)


def _block_change(text: str, entry: Span, span: Span, value: str) -> Change:
    header_end = line_end(text, span.start)
    header, hash_, comment = text[span.start : header_end].partition("#")
    content = text[header_end : span.end].splitlines()[1:]
    first = next((line for line in content if line.strip()), "")
    indent = len(first) - len(first.lstrip(" ")) or entry.column + 2
    explicit = next((int(character) for character in header if character.isdigit()), None)
    if explicit is not None:
        indent = entry.column + explicit
    style = span.style
    folded = None
    if style == ">" and "\n" not in value.rstrip("\n"):
        folded = _folded(value.rstrip("\n"), [line.strip() for line in content])
    block = block_text(value, style, entry.column, indent, folded, explicit=explicit is not None)
    if block is None:
        block = block_text(value, "|", entry.column, indent, explicit=explicit is not None)
    if block is None:
        if comment:
            raise Unwritable("it can't stand as a text over lines, and the comment beside it would be lost")
        return span.start, span.end, scalar_text(value, flow=False, quote='"')
    if comment:
        head, line, rest = block.partition("\n")
        block = f"{head}{' ' * (len(header) - len(header.rstrip()))}{hash_}{comment}{line}{rest}"
    return span.start, span.end, block


def _folded(value: str, lines: list[str]) -> list[str]:
    """The lines of a folded text: those that are still right stay, what is between is broken at the same width."""
    width = max([80, *map(len, lines)])
    head: list[str] = []
    tail: list[str] = []
    while len(head) < len(lines) and lines[len(head)] and value.startswith(f"{lines[len(head)]} "):
        value = value[len(lines[len(head)]) + 1 :]
        head.append(lines[len(head)])
    rest = lines[len(head) :]
    while rest and rest[-1] and value.endswith(f" {rest[-1]}"):
        value = value[: -len(rest[-1]) - 1]
        tail.insert(0, rest.pop())
    middle = textwrap.wrap(value, width, break_long_words=False, break_on_hyphens=False)
    return [*head, *middle, *tail] if " ".join(middle) == value else [*head, value, *tail]


# Lists


# Members


def insertion(text: str, entry: Span, name: str, rendered: str) -> Change:
    """A new member, after the last one that takes a line only, or before the first."""
    new = f"{name}: {rendered}"
    members = list(entry.members.values())
    if entry.in_brackets:
        if not members:
            return entry.start + 1, entry.start + 1, new
        end = members[-1].value.end
        return end, end, f", {new}"
    if entry.style != ":":
        raise Unwritable("its entry is no mapping")
    indent = " " * entry.column
    lines = [one for one in members if "\n" not in text[one.start : one.value.end]]
    if lines:
        end = line_end(text, lines[-1].value.end)
        return end, end, f"\n{indent}{new}"
    start = line_start(text, members[0].start)
    if text[start : members[0].start].strip():
        raise Unwritable("there is no line that it could be added after")
    return start, start, f"{indent}{new}\n"


def _extent(text: str, entry: Span, name: str) -> tuple[int, int]:
    """From where to where a member goes, with what separates it from the others."""
    member = entry.members[name]
    members = list(entry.members.values())
    if entry.in_brackets:
        index = members.index(member)
        if index:
            return members[index - 1].value.end, member.value.end
        return member.start, members[1].start if len(members) > 1 else member.value.end
    if len(members) == 1:
        raise Unwritable("its entry would be empty")
    start = line_start(text, member.start)
    end = line_end(text, member.value.end)
    return start, min(end + 1 + text.startswith("\r", end), len(text))


# The outcome


def _changed(text: str, changes: list[Change]) -> str:
    crlf = "\r\n" in text
    for start, end, new in sorted(changes, key=lambda change: (change[0], change[1]), reverse=True):
        text = text[:start] + (new.replace("\n", "\r\n") if crlf else new) + text[end:]
    return text


def checked(before: str, after: str, file: str, expected: Plain, *, comments_too: bool = True) -> str:
    """The text after an edit, unless anything but the intended value differs.

    Raises:
        Unwritable: something does.
    """
    root = _root(after, file)
    if root is None or not _equal(_plain(root), expected):
        raise Unwritable("it can't be set there without changing what else the file says")
    if comments_too and _comments(before) != _comments(after):
        raise Unwritable("a comment would be lost")
    return after


def plain_tree(text: str, file: str) -> Plain:
    """All that a manifest says, expressions as they are written; a copy.

    Raises:
        Unwritable: it can't be read.
    """
    findings: list[Diagnostic] = []
    if parse_yaml(text.encode("utf-8", "surrogatepass"), file, findings).root is None and not findings:
        return {}
    return _plain(_parsed(text, file))


def _parsed(text: str, file: str) -> MappingNode:
    root = _root(text, file)
    if root is None:
        raise Unwritable("its file can't be read")
    return root


# What one edit looks at afterwards, the next one looks at before: a file is read once for each edit.


@lru_cache(2)
def _spans(text: str) -> Span:
    return spans(text)


@lru_cache(2)
def _comments(text: str) -> list[str]:
    return sorted(comments(text))


@lru_cache(2)
def _root(text: str, file: str) -> MappingNode | None:
    """The top mapping; None if there is none, or anything is wrong with the text."""
    findings: list[Diagnostic] = []
    root = parse_yaml(text.encode("utf-8", "surrogatepass"), file, findings).root
    return None if findings else root


def _found(text: str, file: str, path: Path) -> Node | None:
    node: Node | None = _parsed(text, file)
    for part in path:
        node = node.members.get(part) if isinstance(node, MappingNode) else None
    return node


def _plain(node: Node) -> Plain:
    if isinstance(node, ScalarNode):
        return node.value
    if isinstance(node, ListNode):
        return [_plain(item) for item in node.items]
    return {name: _plain(member) for name, member in node.members.items()}


def _set(tree: Plain, path: Path, value: Plain) -> Plain:
    tree = deepcopy(tree)
    inner = tree
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    return tree


def _equal(left: Plain, right: Plain) -> bool:
    """Whether two plain values are the same, true being another value than 1."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(_equal(left[name], right[name]) for name in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    return type(left) is type(right) and bool(left == right)
