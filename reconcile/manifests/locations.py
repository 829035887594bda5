"""Where the attributes of an entry stand in the manifests."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reconcile.errors import Location
from reconcile.manifests.nodes import MappingNode
from reconcile.manifests.reading import Source


class Locations(Mapping[str, Location]):
    """Where the attributes of a resource stand, those of nested members by dotted names; made when asked for."""

    __slots__ = ("_naming", "_sources")

    def __init__(self, sources: Sequence[Source], naming: Mapping[str, str]) -> None:
        self._sources = sources
        self._naming = naming  # attribute -> the member that names its file

    def __getitem__(self, name: str) -> Location:
        written = self._naming.get(name, name)
        for source in self._sources:
            mark = _mark(source.node, written)
            if mark is not None:
                return source.document.at(mark)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        names = dict.fromkeys(name for source in self._sources for name in _dotted(source.node, ""))
        return iter(names | dict.fromkeys(self._naming))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _mark(node: MappingNode, name: str) -> Any:
    if name in node.keys:
        return node.keys[name]
    # A name may itself have dots: the longest one that fits wins.
    head = name
    while "." in head:
        head = head.rpartition(".")[0]
        member = node.members.get(head)
        if isinstance(member, MappingNode):
            return _mark(member, name[len(head) + 1 :])
    return None


def _dotted(node: MappingNode, prefix: str) -> Iterator[str]:
    for name, member in node.members.items():
        yield prefix + name
        if isinstance(member, MappingNode):
            yield from _dotted(member, f"{prefix}{name}.")
