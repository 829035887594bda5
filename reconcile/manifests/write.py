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

from reconcile.errors import Diagnostic, InvalidInput, Location, ReconcileError, Severity
from reconcile.manifests.comments import align_comments, comments
from reconcile.manifests.layout import Region, find_stubborn, put_back, set_aside, skipped, skips_file, without_tabs
from reconcile.manifests.nodes import same_tree
from reconcile.manifests.parse import parse_yaml

_WIDTH = 1 << 20  # lines are never broken
_PASSES = 4


def format_text(text: str, path: str) -> str:
    """The text of a YAML file in canonical layout, with the same meaning and the same comments.

    Raises:
        InvalidInput: the file is no YAML that the loader takes.
    """
    return format_file(text, path)[0]


def format_file(text: str, path: str) -> tuple[str, list[Diagnostic]]:
    """The same, and a notice for each construct that is left as it stands, as its layout can't be changed safely.

    What has ``# fmt: skip`` beside it is left, too; on a line of its own the comment is about what follows it, and
    before everything else about the whole file.

    Raises:
        InvalidInput: the file is no YAML that the loader takes.
    """
    findings: list[Diagnostic] = []
    before = parse_yaml(text.encode("utf-8", "surrogatepass"), path, findings)
    if findings:
        raise InvalidInput.of(findings)
    if before.root is None:
        return _tidied(before.text), []
    if skips_file(before.text):
        return text, []
    source = without_tabs(_without_marker(before.text.replace("\r\n", "\n")))
    formatted, left = _with_the_stubborn_left(source, path)
    return (text if formatted is None else formatted), left


def _with_the_stubborn_left(source: str, path: str) -> tuple[str | None, list[Diagnostic]]:
    """The canonical layout, None if there is none; what can't be laid out is kept aside meanwhile."""
    asked = skipped(source)
    formatted = _laid_out(source, asked, path)
    if formatted is not None:
        return formatted, []
    stubborn = [region for region in find_stubborn(source, _fits) if not any(_within(region, one) for one in asked)]
    regions = [one for one in asked if not any(_within(one, region) for region in stubborn)] + stubborn
    formatted = _laid_out(source, regions, path) if stubborn else None
    places = [start for start, _ in sorted(stubborn)] if formatted is not None else [0]
    return formatted, [_notice(path, source, place) for place in places]


def _within(inner: Region, outer: Region) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def _laid_out(source: str, regions: list[Region], path: str) -> str | None:
    """The canonical layout with these regions as they stand, None if it would say something else."""
    masked, kept = set_aside(source, regions)
    try:
        formatted = put_back(_settled(masked, path), kept)
    except (InvalidInput, ValueError):  # not to be laid out, or a word that stood in for a region is lost
        return None
    return formatted if _says_the_same(source, formatted, path) else None


def _fits(part: str) -> bool:
    """Whether a part of a file, as a file of its own, can be laid out."""
    return _laid_out(part, [], "") is not None


def _settled(text: str, path: str) -> str:
    """The text as it comes out of the emitter when it is laid out until nothing changes any more."""
    for _ in range(_PASSES):
        last, text = text, _dumped(text, path)
        if text == last:
            return text
    raise _refusal(path)


def _says_the_same(before: str, after: str, path: str) -> bool:
    findings: list[Diagnostic] = []
    one, other = (parse_yaml(text.encode("utf-8", "surrogatepass"), path, findings).root for text in (before, after))
    same = one is other if one is None or other is None else same_tree(one, other)
    return not findings and same and comments(before) == comments(after)


def _tidied(text: str) -> str:
    """A file without values: its comments, without blank space at their ends."""
    lines = [line.rstrip() for line in text.splitlines()]
    return "\n".join(lines).strip("\n") + "\n" if any(lines) else ""


def _notice(path: str, source: str, offset: int) -> Diagnostic:
    line = source.count("\n", 0, offset) + 1
    place = Location(path, line, offset - (source.rfind("\n", 0, offset) + 1) + 1)
    return Diagnostic(
        "left-as-it-is",
        "left as it is",
        "The layout of what stands here can't be changed without losing a comment or changing what it says.",
        location=place,
        hint="Write it over lines, with comments on lines of their own; `# fmt: skip` beside it hides this notice.",
        severity=Severity.WARNING,
    )


def _refusal(path: str) -> ReconcileError:
    detail = "The layout of this file can't be changed without changing what it says or losing comments."
    return InvalidInput.of([Diagnostic("not-formatted", "a file can't be formatted", detail, location=Location(path))])


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
