"""What of manifests is for which environment: files in ``manifests/ENV/``, ``only`` and ``overrides`` of entries."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import NoneType
from typing import Final

from reconcile.errors import Diagnostic, Location
from reconcile.manifests.find import MANIFESTS
from reconcile.manifests.nodes import ListNode, MappingNode, Node, ScalarNode
from reconcile.manifests.shape import ANY, Shape, shape_of
from reconcile.manifests.validate import Entry
from reconcile.manifests.wording import given
from reconcile.model.registry import nearest

DEFAULT: Final = "default"
ONLY: Final = "only"
OVERRIDES: Final = "overrides"
_NOT_OVERRIDDEN: Final = (ONLY, OVERRIDES, "was")


@dataclass(frozen=True, slots=True)
class Environments:
    """The environment that is read for, and all that the project has; it is ``default`` without one."""

    chosen: str = DEFAULT
    known: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All names that manifests may use."""
        return (DEFAULT, *self.known)

    def is_elsewhere(self, path: str) -> bool:
        """Whether a file is for another environment."""
        top, _, rest = path.partition("/")
        folder, slash, _ = rest.partition("/")
        return top == MANIFESTS and bool(slash) and folder in self.names and folder != self.chosen


def here(entry: Entry, environments: Environments, findings: list[Diagnostic]) -> Entry | None:
    """The entry as the environment has it; None if it is not for it."""
    node = entry.node
    if not isinstance(node, MappingNode) or node.members.keys().isdisjoint((ONLY, OVERRIDES)):
        return entry
    reading = _Reading(entry, environments, findings)
    only = reading.only(node.members.get(ONLY))
    over = reading.overrides(node.members.get(OVERRIDES))
    if only and environments.chosen not in only:
        return None
    own = MappingNode(node.mark)
    own.members = {name: member for name, member in node.members.items() if name not in (ONLY, OVERRIDES)}
    own.keys = {name: mark for name, mark in node.keys.items() if name in own.members}
    if over is not None:
        own = laid_over(own, over, shape_of(entry.kind.spec))
    return replace(entry, node=own, only=only)


def laid_over(base: MappingNode, over: MappingNode, shape: Shape) -> MappingNode:
    """A mapping with another one laid over it; null takes a member out, unless it can be null.

    A body that is given in one way takes the place of one that is given in the other.
    """
    result = MappingNode(base.mark)
    result.members, result.keys = dict(base.members), dict(base.keys)
    naming = shape.naming
    twins = dict(naming) | {target: name for name, target in naming.items()}
    for name, member in over.members.items():
        inner = shape.members.get(name) or shape.values or ANY
        below = result.members.get(name)
        if twins.get(name) in result.members and twins[name] not in over.members:
            del result.members[twins[name]], result.keys[twins[name]]
        if _is_null(member) and (NoneType not in inner.scalars or inner is ANY):
            result.members.pop(name, None)
            result.keys.pop(name, None)
            continue
        both = isinstance(below, MappingNode) and isinstance(member, MappingNode)
        result.members[name] = laid_over(below, member, inner) if both else member  # type: ignore[arg-type]  # mappings
        result.keys[name] = over.keys[name]
    return result


@dataclass(frozen=True, slots=True)
class _Reading:
    """``only`` and ``overrides`` of one entry."""

    entry: Entry
    environments: Environments
    findings: list[Diagnostic]

    def only(self, node: Node | None) -> tuple[str, ...]:
        if node is None:
            return ()
        if not isinstance(node, ListNode) or not node.items:
            self._wrong(f"`{ONLY}` takes a list of environments; here stands {given(node)}.", node)
            return ()
        return tuple(self._names(node))

    def _names(self, node: ListNode) -> Iterator[str]:
        for item in node.items:
            if not isinstance(item, ScalarNode) or not isinstance(item.value, str):
                self._wrong(f"`{ONLY}` takes names of environments; here stands {given(item)}.", item)
            elif self._is_known(item.value, self._at(item.mark)):
                yield item.value

    def overrides(self, node: Node | None) -> MappingNode | None:
        """What is laid over the entry here; findings about all that is wrong with any."""
        if node is None:
            return None
        if not isinstance(node, MappingNode):
            self._wrong(f"`{OVERRIDES}` takes what differs by environment; here stands {given(node)}.", node)
            return None
        for name, member in node.members.items():
            if not self._is_known(name, self._at(node.keys[name])):
                continue
            if not isinstance(member, MappingNode):
                self._wrong(f"`{name}` takes what differs in this environment; here stands {given(member)}.", member)
                continue
            for told in [told for told in member.members if told in _NOT_OVERRIDDEN]:
                detail = f"`{told}` is declared on the entry itself, for all environments."
                place = self._at(member.keys[told])
                self._find("not-overridden", "not for overrides", detail, place)
        over = node.members.get(self.environments.chosen)
        return over if isinstance(over, MappingNode) else None

    def _is_known(self, name: str, place: Location) -> bool:
        if name in self.environments.names:
            return True
        close = nearest(name, self.environments.names)
        known = ", ".join(self.environments.names)
        hint = f'Did you mean "{close}"?' if close else f"The project's environments are: {known}."
        detail = f'There is no environment "{name}" under `environments` in reconcile.yaml.'
        self._find("unknown-environment", "an unknown environment", detail, place, hint)
        return False

    def _at(self, mark: object) -> Location:
        return self.entry.document.at(mark)

    def _wrong(self, detail: str, node: Node) -> None:
        self._find("wrong-type", "a value of the wrong type", detail, self._at(node.mark))

    def _find(self, code: str, summary: str, detail: str, place: Location, hint: str | None = None) -> None:
        self.findings.append(Diagnostic(code, summary, detail, str(self.entry.address), place, hint))


def _is_null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.value is None
