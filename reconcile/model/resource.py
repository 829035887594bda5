"""A resource in its three shapes: declared in a manifest, last applied, and live at the provider."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconcile.errors import Location
from reconcile.model.address import Address
from reconcile.model.attributes import Attributes, Digest, Value


@dataclass(frozen=True, slots=True)
class Build:
    """How a text was made: from which files, the digest over all of them, and by which builder in which version.

    ``texts`` are the files' texts, in the order of ``sources``.
    """

    sources: tuple[str, ...]
    digest: str
    builder: str
    texts: tuple[str, ...] = field(default=(), repr=False, compare=False)

    @property
    def record(self) -> "BuildRecord":
        """What the state keeps of it."""
        return BuildRecord(self.digest, self.builder)


@dataclass(frozen=True, slots=True)
class BuildRecord:
    """What an applied text was built from, by the digest over its files and options, and by which builder."""

    source: str
    builder: str


@dataclass(frozen=True, slots=True)
class Waiver:
    """A check whose finding is accepted for an entry: why, and until which day (ISO), None for good."""

    check: str
    reason: str
    until: str | None
    location: Location


@dataclass(frozen=True, slots=True)
class Resource:
    """What a manifest declares.

    ``attributes`` holds only what is declared, in canonical form, references as References, file contents in place of
    ``bodyFile`` and its like; ``files`` says which attribute came from which file (project-relative path).
    An ``external`` resource is looked up by its natural key and never changed. ``builds`` says how attributes were made
    from their files, ``waived`` what was found in its content and is accepted, ``given`` which attributes the
    environment has a say in, ``only`` the environments it is for (none: all).
    """

    address: Address
    attributes: Attributes
    location: Location
    locations: Mapping[str, Location] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    external: bool = False
    prevent_destroy: bool = False
    ignore_changes: frozenset[str] = frozenset()
    allow_duplicate: bool = False
    was: tuple[Address, ...] = ()
    builds: Mapping[str, Build] = field(default_factory=dict)
    waived: tuple[Waiver, ...] = ()
    given: frozenset[str] = frozenset()
    only: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PullRecord:
    """What a pull wrote into manifests; it counts as applied only where manifests that hold it are planned.

    ``attributes`` are as the state keeps them, ``removed`` those that the entry no longer has, ``observed`` what texts
    then read as. ``commit`` is the one whose manifests were written to, ``by`` who pulled at ``when`` (UNIX seconds).
    ``gone``: the object was deleted outside, and the entry taken out.
    """

    attributes: Attributes
    removed: tuple[str, ...] = ()
    observed: Mapping[str, Digest] = field(default_factory=dict)
    commit: str = ""
    by: str = ""
    when: float = 0.0
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Acceptance:
    """An outside edit of an attribute that stays: as it was ``live``, where the entry said what is ``declared``.

    Long texts are Digests. ``until`` is the last day (ISO), None: for good. ``by`` accepted it at ``when`` (UNIX
    seconds).
    """

    name: str
    live: Value
    declared: Value
    reason: str
    until: str | None = None
    by: str = ""
    when: float = 0.0


@dataclass(frozen=True, slots=True)
class Former:
    """An address that an object had before, and the commit by which it got the next one ("": not known)."""

    address: Address
    commit: str = ""


@dataclass(frozen=True, slots=True)
class Applied:
    """What was last applied to one object, as the state keeps it.

    ``attributes`` are the declared ones as sent (long texts as Digests) and those that the API can't give back, also
    after their removal from the manifest. ``observed`` holds the digests of texts as they were read right after the
    write, since a platform may rewrite or render them. ``deposed`` are ids of objects that were replaced and not yet
    deleted. ``created`` tells our own objects from adopted ones. ``builds`` says of texts that were built from what and
    by which builder; what came of it has its digest in ``attributes``. ``reach`` is how many people were
    approved behind each target of mail that is to go out. ``pulled`` waits for manifests that hold it, and ``former``
    are the addresses that the object had, oldest first. ``accepted`` are outside edits that stay as they are.
    """

    id: str
    attributes: Attributes
    observed: Mapping[str, Digest] = field(default_factory=dict)
    dependencies: tuple[Address, ...] = ()
    prevent_destroy: bool = False
    external: bool = False
    created: bool = True
    deposed: tuple[str, ...] = ()
    builds: Mapping[str, BuildRecord] = field(default_factory=dict)
    reach: Mapping[Address, int] = field(default_factory=dict)
    pulled: PullRecord | None = None
    former: tuple[Former, ...] = ()
    accepted: tuple[Acceptance, ...] = ()


@dataclass(frozen=True, slots=True)
class RemoteObject:
    """What exists at the provider: readable attributes under their manifest names, in canonical form.

    ``facts`` are what else the API tells and no manifest declares: counts of people, life cycle, dates (UNIX seconds).
    """

    id: str
    attributes: Attributes
    facts: Attributes = field(default_factory=dict)

    @property
    def edited(self) -> float | None:
        """When it was last changed, by whomever (UNIX seconds); None where the API doesn't tell."""
        edited: float | None = self.facts.get("edited")
        return edited
