"""In what two environments of a project differ, and the change to manifests that makes the second like the first.

Environments differ by what entries say (``only``, ``overrides``, files of their own) and by variables and defaults.
The former alone is promoted: ``goal`` is what the second would be with the first's entries and its own variables.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconcile.manifests.adding import with_entry, with_member
from reconcile.manifests.edit import with_value, without_entry, written_value
from reconcile.manifests.environments import ONLY, OVERRIDES
from reconcile.manifests.find import MANIFESTS
from reconcile.manifests.pulling import Drafts
from reconcile.manifests.text_change import Plain, Unwritable
from reconcile.model.address import Address
from reconcile.model.attributes import Value, same
from reconcile.model.registry import Registry
from reconcile.model.resource import Resource

Resources = Mapping[Address, Resource]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is otherwise in the second environment; without an attribute, that only one has the entry.

    ``by_variables``: the entry says the same in both, and variables or defaults differ.
    """

    address: Address
    attribute: str | None
    first: Value
    second: Value
    by_variables: bool = False


def differences(first: Resources, second: Resources, goal: Resources) -> Iterator[Difference]:
    """All in which two environments differ, by address."""
    for address in sorted(first.keys() | second.keys()):
        one, other = first.get(address), second.get(address)
        if one is None or other is None:
            yield Difference(address, None, one is not None, other is not None)
            continue
        wanted = goal[address].attributes if address in goal else {}
        for name in dict.fromkeys((*one.attributes, *other.attributes)):
            left, right = one.attributes.get(name), other.attributes.get(name)
            if not _same(name, one.attributes, other.attributes):
                yield Difference(address, name, left, right, _same(name, wanted, other.attributes))
        for name, left, right in _flags(one, other):
            if left != right:
                yield Difference(address, name, left, right)


def alike(one: Resource, other: Resource) -> bool:
    """Whether two environments have the same of an entry."""
    names = one.attributes.keys() | other.attributes.keys()
    attributes = all(_same(name, one.attributes, other.attributes) for name in names)
    return attributes and all(left == right for _, left, right in _flags(one, other))


def _same(name: str, one: Mapping[str, Value], other: Mapping[str, Value]) -> bool:
    return (name in one) == (name in other) and same(one.get(name), other.get(name))


def _flags(one: Resource, other: Resource) -> Iterator[tuple[str, Any, Any]]:
    yield "manage: external", one.external, other.external
    yield "preventDestroy", one.prevent_destroy, other.prevent_destroy
    yield "ignoreChanges", sorted(one.ignore_changes), sorted(other.ignore_changes)
    yield "allowDuplicate", one.allow_duplicate, other.allow_duplicate


@dataclass(frozen=True, slots=True)
class Promotion:
    """The change that makes entries of the environment ``second`` like those of ``first``, in drafts."""

    drafts: Drafts
    registry: Registry
    first: str
    second: str

    def write(self, source: Resource, target: Resource | None) -> None:
        """Draft the change for one entry, which the second environment has as ``target``, or not at all.

        Raises:
            Unwritable: it can't be written without changing what else a file says.
        """
        if target is not None and target.location != source.location:
            self._take_out(target)
            self._copy(source)
        elif target is None:
            self._include(source)
        else:
            self._override(source)

    def _include(self, source: Resource) -> None:
        """Have an entry that only others have."""
        file, path = source.location.file, self._path(source.address)
        if file.split("/")[:2] == [MANIFESTS, self.first]:
            self._copy(source)
            return
        only = written_value(self.drafts.text(file), file, (*path, ONLY))
        self.drafts.texts[file] = with_value(self.drafts.text(file), file, (*path, ONLY), [*only, self.second])
        self._override(source)

    def _override(self, source: Resource) -> None:
        """Have of an entry what the other environment has."""
        file, path = source.location.file, self._path(source.address)
        text = self.drafts.text(file)
        other = written_value(text, file, (*path, OVERRIDES, self.first))
        self.drafts.texts[file] = with_member(text, file, (*path, OVERRIDES, self.second), other)

    def _copy(self, source: Resource) -> None:
        """The entry again, in a file that is read for the second environment."""
        file, path = source.location.file, self._path(source.address)
        members: dict[str, Plain] = dict(written_value(self.drafts.text(file), file, path) or {})
        only, over = members.pop(ONLY, None), (members.pop(OVERRIDES, None) or {}).get(self.first)
        if file.split("/")[:2] != [MANIFESTS, self.first]:
            raise Unwritable(f"it is in {file} for {self.first}, and elsewhere for {self.second}; keep one of them")
        target = "/".join([MANIFESTS, self.second, *file.split("/")[2:]])
        if only is not None:
            members[ONLY] = [*only, self.second]
        if over:
            members[OVERRIDES] = {self.second: over}
        try:
            text = self.drafts.text(target)
        except FileNotFoundError:
            text = ""
        kind = self.registry.kind(source.address)
        name = None if kind.singleton else source.address.name
        self.drafts.texts[target] = with_entry(text, target, source.address.provider, kind.plural, name, members)

    def _take_out(self, target: Resource) -> None:
        file = target.location.file
        if file.split("/")[:2] != [MANIFESTS, self.second]:
            raise Unwritable(f"{self.second} has an entry of its own, in {file}; take it out there")
        self.drafts.texts[file], _ = without_entry(self.drafts.text(file), file, self._path(target.address))

    def _path(self, address: Address) -> tuple[str, ...]:
        plural = self.registry.kind(address).plural
        return (
            (address.provider, plural)
            if self.registry.kind(address).singleton
            else (address.provider, plural, address.name)
        )
