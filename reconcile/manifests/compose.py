"""New manifests from values, in the canonical layout."""

from collections.abc import Mapping

from reconcile.manifests.edit import Plain
from reconcile.manifests.interpolate import literal
from reconcile.manifests.scalars import block_text, scalar_text


def compose(alias: str, plural: str, entries: Mapping[str, Mapping[str, Plain]], schema: str) -> str:
    """A manifest with the entries of one kind; ``schema`` is the path of the JSON Schema for editors."""
    lines = [f"# yaml-language-server: $schema={schema}", f"{alias}:", f"  {plural}:"]
    for number, (name, members) in enumerate(entries.items()):
        if number:
            lines.append("")
        lines.append(f"    {_key(name)}:" if members else f"    {_key(name)}: {{}}")
        lines += [f"      {_key(member)}: {_value(value)}" for member, value in members.items()]
    return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    return scalar_text(name, flow=False)


def _value(value: Plain) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(scalar_text(_escaped(item), flow=True) for item in value)}]"
    value = _escaped(value)
    if isinstance(value, str) and "\n" in value:
        block = block_text(value, "|", 6, 8)
        if block is not None:
            return block
    return scalar_text(value, flow=False)


def _escaped(value: Plain) -> Plain:
    return literal(value) if isinstance(value, str) else value
