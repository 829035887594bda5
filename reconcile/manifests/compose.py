"""New manifests from values, in the canonical layout."""

from collections.abc import Iterator, Mapping

from reconcile.manifests.interpolate import literal
from reconcile.manifests.scalars import block_text, scalar_text
from reconcile.manifests.text_change import Plain


def compose(alias: str, plural: str, entries: Mapping[str, Mapping[str, Plain]], schema: str) -> str:
    """A manifest with the entries of one kind; ``schema`` is the path of the JSON Schema for editors."""
    lines = [*_head(alias, schema), f"  {plural}:"]
    for number, (name, members) in enumerate(entries.items()):
        if number:
            lines.append("")
        lines += member_lines(name, escaped(members), 4)
    return "\n".join(lines) + "\n"


def compose_singleton(alias: str, plural: str, members: Mapping[str, Plain], schema: str) -> str:
    """A manifest with the one entry of a kind that has no names."""
    return "\n".join([*_head(alias, schema), *member_lines(plural, escaped(members), 2)]) + "\n"


def _head(alias: str, schema: str) -> tuple[str, str]:
    return f"# yaml-language-server: $schema={schema}", f"{alias}:"


def member_lines(name: str, value: Plain, column: int, step: int = 2) -> Iterator[str]:
    """The lines of one member of a mapping that begins in a column, what is in it ``step`` further to the right.

    Expressions stay such: see ``escaped``.
    """
    head = f"{' ' * column}{_key(name)}:"
    if not isinstance(value, Mapping):
        yield f"{head} {_value(value, column, step)}"
        return
    yield head if value else f"{head} {{}}"
    for member, inner in value.items():
        yield from member_lines(member, inner, column + step, step)


def _key(name: str) -> str:
    return scalar_text(name, flow=False)


def flow_value(value: Plain) -> str:
    """A value on one line, as it stands within braces; expressions stay such."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_key(name)}: {flow_value(member)}' for name, member in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(flow_value, value))}]"
    return scalar_text(value, flow=True)


def _value(value: Plain, column: int, step: int) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(scalar_text(item, flow=True) for item in value)}]"
    if isinstance(value, str) and "\n" in value and not value.startswith("\n"):
        block = block_text(value, "|", column, column + step)
        if block is not None:
            return block
    return scalar_text(value, flow=False)


def escaped(value: Plain) -> Plain:
    """The value as it is written where all its texts are meant as they are, and none is an expression."""
    if isinstance(value, Mapping):
        return {name: escaped(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [escaped(member) for member in value]
    return literal(value) if isinstance(value, str) else value
