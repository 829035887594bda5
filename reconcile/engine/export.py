"""A project for what exists in an account: manifests, bodies, and the state that binds them; nothing remote changes."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count

from pydantic import ValidationError

from reconcile.engine.adopt import adopted
from reconcile.engine.refresh import decoded
from reconcile.engine.workflow import Workspace
from reconcile.errors import Location
from reconcile.manifests.compose import compose, compose_singleton
from reconcile.manifests.content import MAX_CONTENT
from reconcile.manifests.edit import Plain
from reconcile.manifests.load import SINGLETON
from reconcile.manifests.validate import unwanted_in
from reconcile.model.account import Account
from reconcile.model.address import NAME, Address
from reconcile.model.attributes import Value, references, same
from reconcile.model.bulk import BulkKind
from reconcile.model.kind import Circumstances, Kind, Row, Wanted, nested, rules
from reconcile.model.reference import Reference
from reconcile.model.resource import Applied, RemoteObject, Resource
from reconcile.planner.diff import as_references

_LONGEST_NAME = 60
_SCHEMA = "schemas/manifest.schema.json"


@dataclass(slots=True)
class Export:
    """What is to be written: files by path, what the state binds, and what the account does not tell.

    ``notes`` are sentences by heading; ``counts`` how many entries of each kind.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    applied: dict[Address, Applied] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry on its way: what is declared in canonical form, and as it is written."""

    attributes: Mapping[str, Value]
    written: Mapping[str, Plain]
    bodies: Mapping[str, str]


def export(workspace: Workspace, aliases: Iterable[str], *, include_sent: bool = False) -> Export:
    """All that the accounts behind the aliases hold; sent campaigns only if they are asked for."""
    exported = Export()
    chosen = sorted(aliases)
    for alias in chosen:
        exported.accounts[alias] = workspace.clients[alias].account()
        folder = "manifests" if len(chosen) == 1 else f"manifests/{alias}"
        _Exporting(workspace, alias, exported, folder, include_sent=include_sent).run()
    return exported


class _Exporting:
    """One account."""

    def __init__(self, workspace: Workspace, alias: str, exported: Export, folder: str, *, include_sent: bool) -> None:
        self._workspace = workspace
        self._alias = alias
        self._exported = exported
        self._folder = folder
        self._include_sent = include_sent
        self._now = Circumstances(workspace.clock(), workspace.policy.freeze)
        self._ids: dict[tuple[str, str, str], Address] = {}
        self._unread: set[tuple[str, str]] = set()

    def run(self) -> None:
        kinds = [kind for kind in self._workspace.registry.providers[self._alias].kinds.values() if _has_objects(kind)]
        rows: dict[str, list[Row]] = {}
        # What others refer to comes first, so that references can be told from ids.
        for kind in sorted(kinds, key=lambda kind: any(rule.refers for rule in rules(kind.spec).values())):
            collection = kind.collection
            if collection.name not in rows:
                client = self._workspace.clients[self._alias]
                rows[collection.name] = list(collection.read(client, Wanted(everything=True)))
            found = (decoded(kind, row) for row in rows[collection.name] if kind.claims(row))
            self._kind(kind, sorted(found, key=lambda live: (len(live.id), live.id)))
        self._not_told(kinds)

    def _kind(self, kind: Kind, objects: Iterable[RemoteObject]) -> None:
        taken: set[str] = set()
        entries: dict[str, Mapping[str, Plain]] = {}
        skipped = 0
        for live in objects:
            if kind.immutable(live, self._now) and not self._include_sent:
                skipped += 1
                continue
            name = self._name(kind, live, taken)
            if name is None:
                continue
            address = Address(self._alias, kind.kind, name)
            entry = self._entry(kind, address, live)
            if entry is None:
                continue
            if kind.singleton and not entry.written:
                continue
            taken.add(name.lower())
            entries[name] = entry.written
            self._take(kind, address, entry, live)
            self._unread |= _unread(kind, live)
        if skipped:
            self._note("Left out", f"{skipped:,} sent {kind.plural}; `--include-sent` takes them, too.")
        if entries:
            up = "../" * (self._folder.count("/") + 1)
            if kind.singleton:
                text = compose_singleton(self._alias, kind.plural, entries[SINGLETON], up + _SCHEMA)
            else:
                text = compose(self._alias, kind.plural, entries, up + _SCHEMA)
            self._exported.files[f"{self._folder}/{kind.plural}.yaml"] = text.encode()
            self._exported.counts[kind.plural] += len(entries)

    def _take(self, kind: Kind, address: Address, entry: _Entry, live: RemoteObject) -> None:
        for path, body in entry.bodies.items():
            # A mark at the start of a file is no part of its text, so one that is takes a second.
            self._exported.files[path] = ("\ufeff" if body.startswith("\ufeff") else "").encode() + f"{body}\n".encode()
        self._ids[self._alias, kind.kind, live.id] = address
        resource = Resource(address, entry.attributes, Location(""))
        self._exported.applied[address] = adopted(resource, kind, live, self._ids)

    def _name(self, kind: Kind, live: RemoteObject, taken: set[str]) -> str | None:
        named = kind.spec.named
        if kind.singleton:
            return SINGLETON
        if named is not None:
            name = str(live.attributes[named])
            if NAME.fullmatch(name) and name.lower() not in taken:
                return name
            self._note("Left out", f"The {kind.kind} with the id {live.id}: its key can't be the name of an entry.")
            return None
        # With its id, so that a name never depends on who else is there.
        words = "-".join(str(part) for part in kind.key(live.attributes) or ())
        return f"{slug(words) or kind.kind}-{slug(live.id)}"

    def _entry(self, kind: Kind, address: Address, live: RemoteObject) -> _Entry | None:
        """What is declared of an object; None if it can't be declared at all."""
        attributes = dict(self._declared(kind, address, live))
        while (fault := _fault(kind, address, attributes)) is not None:
            name, reason = fault
            needed = name in kind.natural_key or name not in attributes
            subject = f"`{address}`" if not needed else f"The {kind.kind} with the id {live.id}"
            self._note("Left out", f"{subject}: {name}, which no manifest can declare as it is ({reason}).")
            if needed:
                return None
            del attributes[name]
        return self._spelled(kind, address, attributes)

    def _declared(self, kind: Kind, address: Address, live: RemoteObject) -> Iterator[tuple[str, Value]]:
        for name, rule in rules(kind.spec).items():
            value = live.attributes.get(name)
            if value is None or not rule.readable or name == kind.spec.named:
                continue
            if name not in kind.natural_key and name in kind.defaults and same(value, kind.defaults[name]):
                continue
            if rule.launches and not self._goes_out(kind.due(live.attributes)):
                continue
            if rule.refers is not None:
                value = as_references(address, rule.refers, value, self._ids)
                if _strangers(value):
                    self._note("Left out", f"`{address}`: {name}, as it refers to a {rule.refers} that is not there.")
                    continue
            yield name, value

    def _goes_out(self, instant: str | None) -> bool:
        from datetime import datetime

        return instant is not None and datetime.fromisoformat(instant).timestamp() > self._now.now

    def _spelled(self, kind: Kind, address: Address, attributes: Mapping[str, Value]) -> _Entry:
        naming = {rule.file_of: name for name, rule in rules(kind.spec).items() if rule.file_of is not None}
        written: dict[str, Plain] = {}
        bodies: dict[str, str] = {}
        for name, value in attributes.items():
            if name in naming:
                ending = "html" if value.lstrip().startswith("<") else "txt"
                paths = (f"emails/{address.name}{'' if n == 1 else f'-{n}'}.{ending}" for n in count(1))
                path = next(path for path in paths if path not in self._exported.files and path not in bodies)
                bodies[path] = value
                written[naming[name]] = path
            else:
                written[name] = _by_name(value)
        return _Entry(attributes, nested(kind.spec, written), bodies)

    def _not_told(self, kinds: Iterable[Kind]) -> None:
        zoned = all(kind.traits.zoned for kind in kinds)
        if not zoned and any(self._has_instants(kind) for kind in kinds):
            self._note(
                "Not told by the platform",
                f"The time zone of `{self._alias}`, which reconcile.yaml does not declare either: dates are read as "
                f"UTC. With another zone the same dates mean other instants.",
            )
        for kind in kinds:
            hidden = [name for name in rules(kind.spec) if (kind.kind, name) in self._unread]
            if hidden:
                names = ", ".join(f"`{name}`" for name in hidden)
                self._note(
                    "Not told by the platform",
                    f"{kind.plural}: {names}. They are in no entry. What an update may reset is named in its plan: "
                    f"declare it before, or accept the loss with `--accept-unknown`.",
                )

    def _has_instants(self, kind: Kind) -> bool:
        instants = {name for name, rule in rules(kind.spec).items() if rule.instant}
        return any(
            instants & applied.attributes.keys()
            for address, applied in self._exported.applied.items()
            if (address.provider, address.kind) == (self._alias, kind.kind)
        )

    def _note(self, heading: str, sentence: str) -> None:
        self._exported.notes.setdefault(heading, []).append(sentence)


def slug(text: str) -> str:
    """A safe name for an entry: small letters a to z, digits and hyphens; empty if nothing is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_LONGEST_NAME].strip("-")


def _unread(kind: Kind, live: RemoteObject) -> set[tuple[str, str]]:
    """What can be declared of an object and is not told."""
    return {
        (kind.kind, name)
        for name, rule in rules(kind.spec).items()
        if rule.file_of is None and (not rule.readable or name not in live.attributes)
    }


def _has_objects(kind: Kind) -> bool:
    return not isinstance(kind, BulkKind)


def _fault(kind: Kind, address: Address, attributes: Mapping[str, Value]) -> tuple[str, str] | None:
    """The first attribute that can't be declared as it is, and why."""
    for name, value in attributes.items():
        if rules(kind.spec)[name].text and len(str(value).encode("utf-8", "surrogatepass")) >= MAX_CONTENT:
            return name, "it is too long for a file"
        if unwanted_in(value, rules(kind.spec)[name]) is not None:
            return name, "it has a line end or a NUL in it"
    try:
        kind.spec.model_validate(nested(kind.spec, {name: _by_name(value) for name, value in attributes.items()}))
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        # A member of an opened field is an attribute of its own.
        named = (".".join(map(str, problem["loc"][:length])) for length in (2, 1))
        return next((name for name in named if name in attributes), str(problem["loc"][0])), str(problem["msg"])
    findings = kind.check(Resource(address, attributes, Location("")))
    return next(((name or "the entry", reason) for name, reason in findings), None)


def _by_name(value: Value) -> Plain:
    """A value as it is written: references as the names of entries."""
    if isinstance(value, Reference):
        return value.address.name
    if isinstance(value, Mapping):
        return {name: _by_name(member) for name, member in value.items()}
    return [_by_name(item) for item in value] if isinstance(value, tuple) else value


def _strangers(value: Value) -> bool:
    values = value if isinstance(value, tuple) else (value,)
    return len(list(references(value))) < len(values)
