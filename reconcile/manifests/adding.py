"""Add entries to the text of a manifest, in the manner of those that stand there; all else stays as it is."""

from collections.abc import Mapping
from copy import deepcopy

from reconcile.manifests.compose import flow_value, member_lines
from reconcile.manifests.edit import Path, checked, insertion, plain_tree, without
from reconcile.manifests.text_change import Plain, Unwritable
from reconcile.manifests.yaml_positions import Span, line_end, line_start, spans, walk

_LONGEST_LINE = 120
_WITHIN_ENTRY = 4  # the depth of the members of an entry: account, kind, name, member


def with_entry(text: str, file: str, alias: str, plural: str, name: str | None, members: Mapping[str, Plain]) -> str:
    """The text with one entry more; ``name`` is None for a kind that has one entry without a name.

    ``members`` are as they are written: what looks like an expression is one.

    Raises:
        Unwritable: it can't be added without changing what else the file says; the text stays.
    """
    path = (alias, plural) if name is None else (alias, plural, name)
    before = plain_tree(text, file)
    expected = deepcopy(before)
    inner = expected
    for part in path[:-1]:
        if inner.get(part) is None:
            inner[part] = {}
        inner = inner[part]
        if not isinstance(inner, dict):
            raise Unwritable(f"{part} is no mapping")
    if path[-1] in inner:
        raise Unwritable(f"{path[-1]} stands there already")
    inner[path[-1]] = as_lists(members)
    edited = _added(text, path, before, members)
    if "\r\n" in text:
        edited = edited.replace("\r\n", "\n").replace("\n", "\r\n")
    return checked(text, edited, file, expected)


def with_member(text: str, file: str, path: Path, value: Mapping[str, Plain] | None) -> str:
    """The text with a mapping at a path below an entry, on one line; None takes it out, and with it what is empty then.

    Raises:
        Unwritable: it can't be written without changing what else the file says; the text stays.
    """
    tree = plain_tree(text, file)
    depth, span, inner = 0, spans(text), tree
    while depth < len(path) - 1 and path[depth] in span.members and isinstance(inner.get(path[depth]), dict):
        if value is None and len(inner[path[depth]]) == 1 and depth >= _WITHIN_ENTRY - 1:
            break
        span, inner, depth = span.members[path[depth]].value, inner[path[depth]], depth + 1
    name, rest = path[depth], path[depth + 1 :]
    expected, at = deepcopy(tree), path[:depth]
    owner = expected
    for part in at:
        owner = owner[part]
    if value is None:
        if name not in span.members:
            return text
        del owner[name]
        return checked(text, without(text, file, path[: depth + 1]), file, expected)
    nested: Plain = as_lists(value)
    for part in reversed(rest):
        nested = {part: nested}
    owner[name] = nested
    if name not in span.members:
        start, end, new = insertion(text, span, name, flow_value(nested))
    else:
        member = span.members[name]
        start, end, new = member.end, member.value.end, f": {flow_value(nested)}"
    return checked(text, text[:start] + new + text[end:], file, expected)


def as_lists(value: Plain) -> Plain:
    """The value as a file that is read has it: with lists in place of tuples."""
    if isinstance(value, Mapping):
        return {name: as_lists(member) for name, member in value.items()}
    return [as_lists(member) for member in value] if isinstance(value, list | tuple) else value


def _added(text: str, path: tuple[str, ...], tree: Plain, members: Mapping[str, Plain]) -> str:
    if not tree:
        head = text if not text or text.endswith("\n") else f"{text}\n"
        return head + "\n".join(_nested(path, members, 0, 2)) + "\n"
    span, depth = spans(text), 0
    step = 2
    while depth < len(path) - 1 and path[depth] in span.members:
        following = span.members[path[depth]].value
        if following.style not in (":", "{"):
            break
        if following.style == ":":
            step = following.column - span.column or step
        span, depth = following, depth + 1
    rest = path[depth:]
    if span.style == "{":
        return _in_braces(text, span, rest, members)
    if rest[0] in span.members:
        return _where_nothing_stands(text, span, rest, members, step)
    return _over_lines(text, span, rest, members, step)


def _in_braces(text: str, span: Span, path: tuple[str, ...], members: Mapping[str, Plain]) -> str:
    value: Plain = members
    for part in reversed(path[1:]):
        value = {part: value}
    new = f"{flow_value(path[0])}: {flow_value(value)}"
    last = [*span.members.values()][-1:]
    if not last:
        return f"{text[: span.start + 1]}{new}{text[span.start + 1 :]}"
    end = last[0].value.end
    return f"{text[:end]}, {new}{text[end:]}"


def _over_lines(text: str, span: Span, path: tuple[str, ...], members: Mapping[str, Plain], step: int) -> str:
    siblings = [*span.members.values()]
    column = span.column
    end = line_end(text, max(inner.end for inner in walk(span)))
    lines = _nested(path, members, column, step)
    if len(path) == 1 and all(sibling.value.style == "{" for sibling in siblings):
        short = f"{' ' * column}{flow_value(path[0])}: {flow_value(members)}"
        lines = [short] if len(short) <= _LONGEST_LINE else lines
    gap = (
        "\n" if any(_apart(text, sibling.start) for sibling in siblings[1:]) or (len(path) > 2 and column == 0) else ""
    )
    rest = text[end:]
    return f"{text[:end]}\n{gap}" + "\n".join(lines) + (rest if rest.strip("\r\n") or rest else "\n")


def _where_nothing_stands(text: str, span: Span, path: tuple[str, ...], members: Mapping[str, Plain], step: int) -> str:
    """Below a name that has no value yet."""
    member = span.members[path[0]]
    value = member.value
    if value.style or text[value.start : value.end].strip() not in ("", "null", "~"):
        raise Unwritable(f"{path[0]} is no mapping")
    end = line_end(text, member.end)
    if value.start > end:
        raise Unwritable(f"{path[0]} is no mapping")
    head = text[: value.start].rstrip(" ") + text[value.end : end] if value.end > value.start else text[:end]
    lines = _nested(path[1:], members, span.column + step, step)
    return head + "\n" + "\n".join(lines) + text[end:]


def _nested(path: tuple[str, ...], members: Mapping[str, Plain], column: int, step: int) -> list[str]:
    heads = [f"{' ' * (column + step * depth)}{flow_value(part)}:" for depth, part in enumerate(path[:-1])]
    return [*heads, *member_lines(path[-1], members, column + step * (len(path) - 1), step)]


def _apart(text: str, start: int) -> bool:
    """Whether there is an empty line before a member, and before the comments above it."""
    at = line_start(text, start)
    while at > 0:
        line = text[line_start(text, at - 1) : at - 1]
        if not line.strip():
            return True
        if not line.lstrip().startswith("#"):
            return False
        at = line_start(text, at - 1)
    return False
