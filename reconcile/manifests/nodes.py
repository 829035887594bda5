"""What the text of a manifest says, as a tree of values that know where they stand."""

from dataclasses import dataclass
from typing import Any, TypeAlias

from reconcile.errors import Location

Scalar: TypeAlias = bool | int | float | str | None


class _Placed:
    """What all nodes have: where they begin. ``mark`` counts from 0, ``line`` and ``column`` from 1."""

    __slots__ = ("mark",)
    mark: Any

    @property
    def line(self) -> int:
        return int(self.mark.line) + 1

    @property
    def column(self) -> int:
        return int(self.mark.column) + 1


class ScalarNode(_Placed):
    """Null, a boolean, a number or a text; ``raw`` is how it was written, without quotes."""

    __slots__ = ("raw", "value")

    def __init__(self, value: Scalar, raw: str, mark: Any) -> None:
        self.value = value
        self.raw = raw
        self.mark = mark


class ListNode(_Placed):
    """A list."""

    __slots__ = ("items",)

    def __init__(self, mark: Any) -> None:
        self.items: list[Node] = []
        self.mark = mark


class MappingNode(_Placed):
    """A mapping with text keys; ``keys`` has where each key stands."""

    __slots__ = ("keys", "members")

    def __init__(self, mark: Any) -> None:
        self.members: dict[str, Node] = {}
        self.keys: dict[str, Any] = {}
        self.mark = mark


Node: TypeAlias = ScalarNode | ListNode | MappingNode


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML file: its path as the user would type it, its text, and its top mapping (None: nothing usable)."""

    file: str
    text: str
    root: MappingNode | None

    def at(self, mark: Any) -> Location:
        """The place of a node's or key's mark."""
        return Location(self.file, int(mark.line) + 1, int(mark.column) + 1)

    def line(self, mark: Any) -> str:
        """The line that a mark is in."""
        start = self.text.rfind("\n", 0, mark.index) + 1
        return self.text[start:].partition("\n")[0]


def merged(base: MappingNode, over: MappingNode, path: tuple[str, ...] = ()) -> MappingNode:
    """An environment over its project, member by member; each part keeps its place.

    Null takes a setting out, but for a variable: that is to be given then.
    """
    result = MappingNode(base.mark)
    result.members = dict(base.members)
    result.keys = base.keys | over.keys
    for name, member in over.members.items():
        below = result.members.get(name)
        if isinstance(member, ScalarNode) and member.value is None and path != ("variables",):
            result.members.pop(name, None)
        elif isinstance(below, MappingNode) and isinstance(member, MappingNode):
            result.members[name] = merged(below, member, (*path, name))
        else:
            result.members[name] = member
    return result


def same_tree(left: Node, right: Node) -> bool:
    """Whether two trees say the same, keys in the same order."""
    waiting: list[tuple[Node, Node]] = [(left, right)]
    while waiting:
        one, other = waiting.pop()
        if isinstance(one, ScalarNode) and isinstance(other, ScalarNode):
            # The text decides beside the type: 1 and 1.0 and true are different, and so are two NaNs not.
            if type(one.value) is not type(other.value) or (one.value != other.value and one.raw != other.raw):
                return False
        elif isinstance(one, ListNode) and isinstance(other, ListNode):
            if len(one.items) != len(other.items):
                return False
            waiting.extend(zip(one.items, other.items, strict=True))
        elif isinstance(one, MappingNode) and isinstance(other, MappingNode):
            if list(one.members) != list(other.members):
                return False
            waiting.extend((one.members[name], other.members[name]) for name in one.members)
        else:
            return False
    return True
