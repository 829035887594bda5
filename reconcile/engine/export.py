"""A project for what exists in an account: manifests, bodies, and the state that binds them; nothing remote changes."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from reconcile.engine.adopt import adopted
from reconcile.engine.entries import LEFT_OUT, Declaring, Entry, file_content, name_of
from reconcile.engine.unmanaged import everything
from reconcile.engine.workflow import Workspace
from reconcile.errors import Location
from reconcile.manifests.compose import compose, compose_singleton
from reconcile.manifests.load import SINGLETON
from reconcile.manifests.text_change import Plain
from reconcile.model.account import Account
from reconcile.model.address import Address
from reconcile.model.kind import Circumstances, Kind, rules
from reconcile.model.resource import Applied, RemoteObject, Resource

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
        self._declaring = Declaring(alias, self._now, self._ids, exported.files.__contains__, self._note)
        self._unread: set[tuple[str, str]] = set()

    def run(self) -> None:
        kinds = []
        for kind, objects in everything(self._workspace, self._alias):
            kinds.append(kind)
            self._kind(kind, objects)
        self._not_told(kinds)

    def _kind(self, kind: Kind, objects: Iterable[RemoteObject]) -> None:
        taken: set[str] = set()
        entries: dict[str, Mapping[str, Plain]] = {}
        skipped = 0
        for live in objects:
            if kind.immutable(live, self._now) and not self._include_sent:
                skipped += 1
                continue
            name = name_of(kind, live)
            if name is None or name.lower() in taken:
                self._note(LEFT_OUT, f"The {kind.kind} with the id {live.id}: its key can't be the name of an entry.")
                continue
            address = Address(self._alias, kind.kind, name)
            entry = self._declaring.entry(kind, address, live)
            if entry is None:
                continue
            if kind.singleton and not entry.written:
                continue
            taken.add(name.lower())
            entries[name] = entry.written
            self._take(kind, address, entry, live)
            self._unread |= _unread(kind, live)
        if skipped:
            self._note(LEFT_OUT, f"{skipped:,} sent {kind.plural}; `--include-sent` takes them, too.")
        if entries:
            up = "../" * (self._folder.count("/") + 1)
            if kind.singleton:
                text = compose_singleton(self._alias, kind.plural, entries[SINGLETON], up + _SCHEMA)
            else:
                text = compose(self._alias, kind.plural, entries, up + _SCHEMA)
            self._exported.files[f"{self._folder}/{kind.plural}.yaml"] = text.encode()
            self._exported.counts[kind.plural] += len(entries)

    def _take(self, kind: Kind, address: Address, entry: Entry, live: RemoteObject) -> None:
        for path, body in entry.bodies.items():
            self._exported.files[path] = file_content(body)
        self._ids[self._alias, kind.kind, live.id] = address
        resource = Resource(address, entry.attributes, Location(""))
        self._exported.applied[address] = adopted(resource, kind, live, self._ids)

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


def _unread(kind: Kind, live: RemoteObject) -> set[tuple[str, str]]:
    """What can be declared of an object and is not told."""
    return {
        (kind.kind, name)
        for name, rule in rules(kind.spec).items()
        if rule.file_of is None and (not rule.readable or name not in live.attributes)
    }
