"""What an entry says of its mail beside the attributes: how it is built, and which findings are accepted."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

from reconcile.errors import Location
from reconcile.mail.build import BuildError, Built, Options, build, uses_parts
from reconcile.mail.conflicts import marker
from reconcile.manifests.content import ProjectFiles, Unreadable
from reconcile.manifests.nodes import ListNode, MappingNode, Node, ScalarNode
from reconcile.manifests.wording import given
from reconcile.model.resource import Build, Waiver

if TYPE_CHECKING:
    from reconcile.manifests.reading import Reading, Source

NOT_BUILT: Final = Options()
_BUILD = ("inline", "minify")
_WAIVE = ("check", "reason", "until")


@dataclass(frozen=True, slots=True)
class _Members:
    """The members of one mapping, each asked for with the type that it should have."""

    reading: "Reading"
    source: "Source"
    node: MappingNode
    what: str

    def scalar(self, name: str, wanted: type) -> str | bool | None:
        node = self.node.members.get(name)
        if node is None:
            return None
        if isinstance(node, ScalarNode):
            value = self.reading.scalar(node, frozenset({wanted}), self.source.document)
            if type(value) is wanted:
                return value  # type: ignore[return-value]  # text or boolean, as wanted
        kind = "true or false" if wanted is bool else "a text"
        self.reading.wrong_type(name, kind, node, self.source.document)
        return None


def read_build(reading: "Reading", source: "Source") -> Options:
    """The ``build`` of an entry or of the defaults, with findings about what is wrong in it."""
    node = source.node.members["build"]
    if not isinstance(node, MappingNode):
        reading.wrong_type("build", "a mapping", node, source.document)
        return NOT_BUILT
    reading.unknown(node, _BUILD, "`build`", source.document)
    members = _Members(reading, source, node, "build")
    return Options(inline=members.scalar("inline", bool) is True, minify=members.scalar("minify", bool) is True)


def read_waivers(reading: "Reading", node: Node | None) -> Iterator[Waiver]:
    """The ``waive`` of an entry, with findings about what is wrong in it."""
    source = reading.source
    if node is None:
        return
    if not isinstance(node, ListNode):
        reading.wrong_type("waive", "a list", node, source.document)
        return
    for item in node.items:
        place = source.document.at(item.mark)
        if not isinstance(item, MappingNode):
            reading.wrong_type("waive", "a list of mappings", item, source.document)
            continue
        reading.unknown(item, _WAIVE, "`waive`", source.document)
        members = _Members(reading, source, item, "waive")
        check, reason, until = (members.scalar(name, str) for name in _WAIVE)
        if not check or not str(reason or "").strip():
            detail = "Each waiver names a `check` and says its `reason`; `until` is the last day on which it holds."
            reading.find("wrong-value", "a value that is not allowed", detail, place)
        elif until is not None and not _is_day(str(until)):
            detail = f"`until` takes a day, such as 2026-12-31; here stands {given(item.members['until'])}."
            reading.find(
                "wrong-value", "a value that is not allowed", detail, source.document.at(item.members["until"].mark)
            )
        else:
            yield Waiver(str(check), str(reason), None if until is None else str(until), place)


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def built_file(files: ProjectFiles, path: str, options: Options) -> tuple[str, Build | None]:
    """The mail that a file is the source of, and how it was made; None where it goes out as it stands.

    Raises:
        BuildError: it can't be built. Unreadable: the file itself can't be read.
    """
    text = files.text(path)
    if not options.inline and not options.minify and not path.lower().endswith(".mjml") and not uses_parts(text):
        return text, None

    def read(name: str) -> str:
        try:
            return files.text(name)
        except Unreadable as reason:
            raise BuildError(reason.detail, name, hint=reason.hint) from None

    try:
        made: Built = build(path, read, options)
    except BuildError as error:
        raise _plainer(error, path, text) from None
    whole = hashlib.sha256(repr((options.inline, options.minify, options.language)).encode())
    for source in made.sources:
        # Without the line ends of the checkout.
        text = files.text(source).replace("\r\n", "\n")
        whole.update(source.encode() + b"\0" + hashlib.sha256(text.encode()).digest())
    texts = tuple(files.text(source) for source in made.sources)
    return made.text, Build(made.sources, whole.hexdigest(), made.builder, texts)


def _plainer(error: BuildError, path: str, text: str) -> BuildError:
    """The error, or what explains it: the file is no mail at all, or a merge in it is unfinished."""
    from reconcile.mail.stand_ins import stands_in  # its expressions take a while to compile

    instead, mark = stands_in(text), marker(text)
    if instead is not None:
        return BuildError(f"The file is {instead.what}.", path, hint=instead.hint)
    if mark is not None:
        detail = f"The marker `{mark[0].strip()}` of an unfinished merge stands in the file."
        line = text.count("\n", 0, mark.start()) + 1
        return BuildError(
            detail, path, line, hint="Decide for one of the versions, and delete the lines with the marks."
        )
    return error


def place_of(error: BuildError) -> Location:
    """Where a build failed."""
    return Location(error.file, error.line, error.column)
