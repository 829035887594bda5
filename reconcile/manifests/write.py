"""Rewrite a manifest in its canonical layout: comments, quotes, anchors and the order of keys stay.

The only module that knows ruamel.yaml, which is slow; nothing that only reads manifests imports this one.
"""

import re
import warnings
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.emitter import RoundTripEmitter
from ruamel.yaml.error import ReusedAnchorWarning, YAMLError
from ruamel.yaml.resolver import VersionedResolver

from reconcile.errors import Diagnostic, InvalidInput, Location, ReconcileError
from reconcile.manifests.nodes import align_comments, comments, parse_yaml, same_tree

_WIDTH = 1 << 20  # lines are never broken
_PASSES = 4


def format_text(text: str, path: str) -> str:
    """The text of a YAML file in canonical layout, with the same meaning and the same comments.

    Raises:
        InvalidInput: the file is no YAML that the loader takes, or its layout can't be changed without harm.
    """
    findings: list[Diagnostic] = []
    before = parse_yaml(text.encode("utf-8", "surrogatepass"), path, findings)
    if findings:
        raise InvalidInput.of(findings)
    if before.root is None:
        return _tidied(before.text)
    formatted = _without_marker(before.text.replace("\r\n", "\n"))
    for _ in range(_PASSES):
        last, formatted = formatted, _dumped(formatted, path)
        if formatted == last:
            break
    else:
        raise _refusal(path)
    after = parse_yaml(formatted.encode(), path, findings)
    unchanged = not findings and after.root is not None and same_tree(before.root, after.root)
    if not unchanged or comments(before.text) != comments(formatted):
        raise _refusal(path)
    return formatted


def _tidied(text: str) -> str:
    """A file without values: its comments, without blank space at their ends."""
    lines = [line.rstrip() for line in text.splitlines()]
    return "\n".join(lines).strip("\n") + "\n" if any(lines) else ""


def _refusal(path: str) -> ReconcileError:
    detail = "The layout of this file can't be changed without changing what it says or losing comments. It stays."
    hint = "Comments inside of braces or brackets are the usual cause: write what is in them on lines of its own."
    place = Location(path)
    return InvalidInput.of([Diagnostic("not-formatted", "a file can't be formatted", detail, None, place, hint)])


def _dumped(text: str, path: str) -> str:
    yaml = YAML()
    yaml.Resolver = _Untyped
    yaml.Constructor = _Constructor
    yaml.Emitter = _Emitter
    yaml.preserve_quotes = True
    yaml.width = _WIDTH
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = StringIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ReusedAnchorWarning)  # an anchor may be defined anew
            yaml.dump(yaml.load(text), stream)
    except (YAMLError, NotImplementedError, ValueError, AttributeError, IndexError) as error:
        raise _refusal(path) from error
    return align_comments(stream.getvalue().rstrip("\n") + "\n")


def _without_marker(text: str) -> str:
    """The text without the `---` that may open a document; ruamel.yaml would lose the comments before it."""
    return re.sub(r"\A((?:[ \t]*(?:#[^\n]*)?\n)*)---[ \t]*(#[^\n]*)?(?:\n|\Z)", _kept, text)


def _kept(found: re.Match[str]) -> str:
    return found[1] + (f"{found[2]}\n" if found[2] else "")


class _Untyped(VersionedResolver):
    """Takes every plain scalar for text, so that ``0x1F``, ``1.0`` and ``null`` are written as they were."""

    @property
    def versioned_resolver(self) -> dict[Any, Any]:
        return {}


class _Constructor(RoundTripConstructor):
    """Writes braces and brackets that go over several lines as lines of their own."""

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        if getattr(node, "flow_style", False) and node.start_mark.line != node.end_mark.line and node.value:
            node.flow_style = False
        return super().construct_object(node, deep)


class _Emitter(RoundTripEmitter):
    """Writes a value that was left empty within braces as null, since ``{a:}`` can be read in two ways."""

    def choose_scalar_style(self) -> Any:
        if self.event.value == "" and not self.event.style and self.flow_level:
            return ""
        return super().choose_scalar_style()

    def write_plain(self, text: Any, split: Any = True) -> None:
        super().write_plain("null" if not text and self.flow_level else text, split)
