"""New manifests from values, in the canonical layout."""

from collections.abc import Iterator, Mapping

from reconcile.manifests.edit import Plain
from reconcile.manifests.interpolate import literal
from reconcile.manifests.scalars import block_text, scalar_text


def compose(alias: str, plural: str, entries: Mapping[str, Mapping[str, Plain]], schema: str) -> str:
    """A manifest with the entries of one kind; ``schema`` is the path of the JSON Schema for editors."""
    lines = [*_head(alias, schema), f"  {plural}:"]
    for number, (name, members) in enumerate(entries.items()):
        if number:
            lines.append("")
        lines += _member(name, members, 4)
    return "\n".join(lines) + "\n"


def compose_singleton(alias: str, plural: str, members: Mapping[str, Plain], schema: str) -> str:
    """A manifest with the one entry of a kind that has no names."""
    return "\n".join([*_head(alias, schema), *_member(plural, members, 2)]) + "\n"


def _head(alias: str, schema: str) -> tuple[str, str]:
    return f"# yaml-language-server: $schema={schema}", f"{alias}:"


def _member(name: str, value: Plain, column: int) -> Iterator[str]:
    """The lines of one member of a mapping that begins in a column."""
    head = f"{' ' * column}{_key(name)}:"
    if not isinstance(value, Mapping):
        yield f"{head} {_value(value, column)}"
        return
    yield head if value else f"{head} {{}}"
    for member, inner in value.items():
        yield from _member(member, inner, column + 2)


def _key(name: str) -> str:
    return scalar_text(name, flow=False)


def _value(value: Plain, column: int) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(scalar_text(_escaped(item), flow=True) for item in value)}]"
    value = _escaped(value)
    if isinstance(value, str) and "\n" in value and not value.startswith("\n"):
        block = block_text(value, "|", column, column + 2)
        if block is not None:
            return block
    return scalar_text(value, flow=False)


def _escaped(value: Plain) -> Plain:
    return literal(value) if isinstance(value, str) else value
