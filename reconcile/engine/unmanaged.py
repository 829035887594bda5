"""What exists in the accounts and no entry is bound to: found, and taken into the project that is there."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconcile.engine.adopt import adopted
from reconcile.engine.entries import Declaring, Entry, name_of
from reconcile.engine.refresh import decoded
from reconcile.engine.workflow import Workspace, check_accounts
from reconcile.errors import InvalidInput
from reconcile.manifests.adding import with_entry
from reconcile.manifests.compose import escaped
from reconcile.manifests.environments import ONLY
from reconcile.manifests.load import Manifests
from reconcile.manifests.pulling import Drafts
from reconcile.manifests.text_change import Unwritable
from reconcile.model.account import Account
from reconcile.model.address import Address
from reconcile.model.attributes import same
from reconcile.model.bulk import BulkKind
from reconcile.model.kind import Circumstances, Kind, Row, Wanted, rules
from reconcile.model.resource import RemoteObject, Resource
from reconcile.state.state import State
from reconcile.state.store import LockedState


@dataclass(frozen=True, slots=True)
class Unmanaged:
    """One object that no entry is bound to: the address that it would have, and what people know it by.

    ``final``: it can't change any more (it was sent). ``edited`` is when it was last changed, in UNIX seconds.
    """

    address: Address
    kind: Kind = field(repr=False)
    live: RemoteObject = field(repr=False)
    title: str = ""
    final: bool = False
    edited: float | None = None


@dataclass(slots=True)
class Taken:
    """What was taken into the project: files that differ now, entries with their ids, what could not be said."""

    files: tuple[str, ...] = ()
    bound: dict[Address, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def everything(workspace: Workspace, alias: str) -> Iterator[tuple[Kind, list[RemoteObject]]]:
    """All objects of an account by kind, those that others refer to first; each collection is read once."""
    kinds = [kind for kind in workspace.registry.providers[alias].kinds.values() if not isinstance(kind, BulkKind)]
    rows: dict[str, list[Row]] = {}
    for kind in sorted(kinds, key=lambda kind: any(rule.refers for rule in rules(kind.spec).values())):
        collection = kind.collection
        if collection.name not in rows:
            rows[collection.name] = list(collection.read(workspace.clients[alias], Wanted(everything=True)))
        found = [decoded(kind, row) for row in rows[collection.name] if kind.claims(row)]
        yield kind, sorted(found, key=lambda live: (len(live.id), live.id))


def find_unmanaged(workspace: Workspace, state: State, aliases: Sequence[str]) -> Iterator[Unmanaged]:
    """All that no entry is bound to, in these accounts, by account, kind and id.

    Raises:
        WrongAccount: a key opens another account than the state's.
    """
    accounts = check_accounts(workspace, state, aliases)
    bound = bound_ids(workspace, state)
    now = Circumstances(workspace.clock(), workspace.policy.freeze)
    for alias in aliases:
        for kind, objects in everything(workspace, alias):
            for live in () if kind.singleton else objects:
                name = name_of(kind, live)
                if name is None or (accounts[alias], kind.collection.name, live.id) in bound:
                    continue
                title = " / ".join(str(part) for part in kind.key(live.attributes) or ())
                address = Address(alias, kind.kind, name)
                yield Unmanaged(address, kind, live, title, kind.immutable(live, now), live.edited)


def bound_ids(workspace: Workspace, state: State) -> set[tuple[Account | str, str, str]]:
    """The objects that entries are bound to, or are about to be: account, collection, id."""
    known = {alias: type_.kinds for alias, type_ in workspace.registry.providers.items()}
    found: set[tuple[Account | str, str, str]] = set()
    for address, kept in state.resources.items():
        kind = known.get(address.provider, {}).get(address.kind)
        if kind is not None:
            account = state.accounts.get(address.provider, address.provider)
            found |= {(account, kind.collection.name, id_) for id_ in (kept.id, *kept.deposed)}
    for address, intent in state.intents.items():
        kind = known.get(address.provider, {}).get(address.kind)
        if kind is not None and intent.id is not None:
            found.add((state.accounts.get(address.provider, address.provider), kind.collection.name, intent.id))
    return found


def take_in(
    workspace: Workspace,
    locked: LockedState,
    manifests: Manifests,
    drafts: Drafts,
    reload: Callable[[], Manifests],
    chosen: Mapping[Address, Unmanaged],
    only: str | None = None,
) -> Taken:
    """Write an entry for each chosen object into the manifests that are there, and bind it; nothing remote changes.

    ``chosen`` says at which address each is to be, ``only`` for which environment alone.

    Raises:
        InvalidInput: the manifests would say anything else than before and what is live; all is as before then.
    """
    taken = Taken()
    ids = {(at.provider, at.kind, kept.id): at for at, kept in locked.state.resources.items()}
    now = Circumstances(workspace.clock(), workspace.policy.freeze)
    entries: dict[Address, Entry] = {}
    for address, one in chosen.items():
        declaring = Declaring(
            address.provider,
            now,
            ids,
            lambda path: path in drafts.bodies or (drafts.root / path).exists(),
            lambda heading, sentence: taken.notes.append(sentence),
            {kind: values for (alias, kind), values in manifests.defaults.items() if alias == address.provider},
        )
        entry = declaring.entry(one.kind, address, one.live)
        if entry is None:
            continue
        _draft(drafts, manifests, address, one.kind, entry, only)
        ids[address.provider, address.kind, one.live.id] = address
        entries[address] = entry
    accounts = check_accounts(workspace, locked.state, {address.provider for address in entries})
    try:
        with drafts.written() as files:
            taken.files = files
            loaded = reload().resources
            _check(manifests.resources, loaded, entries)
            if accounts.items() - locked.state.accounts.items():
                locked.account({**locked.state.accounts, **accounts})
            for address in entries:
                one = chosen[address]
                locked.put(address, adopted(loaded[address], one.kind, one.live, ids))
                taken.bound[address] = one.live.id
    except OSError as error:
        raise InvalidInput(f"The manifests can't be written: {error.strerror}. They are as before.") from None
    return taken


def _draft(drafts: Drafts, manifests: Manifests, address: Address, kind: Kind, entry: Entry, only: str | None) -> None:
    """The entry in a file that is there, or in a new one, and its bodies."""
    file = _home(manifests.resources, address, kind)
    try:
        text = drafts.text(file)
    except FileNotFoundError:
        text = ""
    name = None if kind.singleton else address.name
    members = escaped(entry.written) | ({ONLY: [only]} if only is not None else {})
    try:
        drafts.texts[file] = with_entry(text, file, address.provider, kind.plural, name, members)
    except Unwritable as reason:
        raise InvalidInput(
            f"{address} can't be written to {file}: {reason.reason}. The manifests are as before.",
            hint=f"Put an entry of `{kind.plural}` into a file of its own, such as manifests/{kind.plural}.yaml; "
            f"what is taken in goes where most of its kind are.",
        ) from None
    drafts.bodies |= {path: f"{body}\n" for path, body in entry.bodies.items()}


def _home(resources: Mapping[Address, Resource], address: Address, kind: Kind) -> str:
    """The file in which most entries of the kind are; else, where kinds have files of their own, one beside them."""
    alike = Counter(
        resource.location.file
        for at, resource in sorted(resources.items())
        if (at.provider, at.kind) == (address.provider, address.kind)
    )
    if alike:
        return alike.most_common(1)[0][0]
    kinds_in: dict[str, set[str]] = {}
    for at, resource in sorted(resources.items()):
        if at.provider == address.provider:
            kinds_in.setdefault(resource.location.file, set()).add(at.kind)
    if not kinds_in:
        return f"manifests/{address.provider}.yaml"
    if len(kinds_in) == 1:
        return next(iter(kinds_in))
    return f"{next(iter(kinds_in)).rpartition('/')[0]}/{kind.plural}.yaml"


def _check(
    before: Mapping[Address, Resource], after: Mapping[Address, Resource], entries: Mapping[Address, Entry]
) -> None:
    wrong = [address for address in before if address not in after or not _alike(before[address], after[address])]
    for address, entry in entries.items():
        found = after[address].attributes if address in after else {}
        if not all(name in found and same(value, found[name]) for name, value in entry.attributes.items()):
            wrong.append(address)
    if wrong or after.keys() != before.keys() | entries.keys():
        told = ", ".join(str(address) for address in wrong) or "other entries than were chosen"
        raise InvalidInput(
            f"The manifests would not say what is live: {told}. They are as before.",
            hint="Take the others in by name, and write this one by hand.",
        )


def _alike(one: Resource, other: Resource) -> bool:
    return replace(one, location=other.location, locations=other.locations) == other
