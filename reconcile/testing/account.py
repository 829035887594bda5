"""An account on a provider's emulator, a state, and the ways to change both."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import httpx

from reconcile.engine.drift import drift
from reconcile.engine.export import export
from reconcile.engine.intents import Patience
from reconcile.engine.refresh import find
from reconcile.engine.run import Event, Rights
from reconcile.engine.workflow import Workspace, apply, outcome_code, plan, settle
from reconcile.errors import Location
from reconcile.manifests.load import load
from reconcile.model.address import Address
from reconcile.model.call import Call, Operations
from reconcile.model.kind import Action, Change, Client, Kind, Wanted, rules
from reconcile.model.members import flattened
from reconcile.model.policy import Policy
from reconcile.model.provider import Provider
from reconcile.model.reference import Reference
from reconcile.model.registry import ProviderType, Registry
from reconcile.model.resource import RemoteObject, Resource
from reconcile.model.right_to_send import RightToSend
from reconcile.model.settings import ProviderSettings, credentials_of
from reconcile.model.ticket import Ticket
from reconcile.planner.drift import Drift
from reconcile.planner.plan import Plan, Right
from reconcile.providers.transport import Pace, Transport
from reconcile.state.local import LocalStore

ENTRY = "sample"
_NOW = 1_800_000_000.0
_RIGHTS = Rights(frozenset(Right), deletes=1000)


class Wire(httpx.BaseTransport):
    """The way to the emulator: notes what passes, and loses the next answer where it is told to."""

    def __init__(self, emulator: httpx.BaseTransport) -> None:
        self._emulator = emulator
        self.seen: list[tuple[str, str]] = []
        self.lose = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on."""
        answer = self._emulator.handle_request(request)
        self.seen.append((request.method, request.url.path))
        if self.lose:
            self.lose = False
            raise httpx.ReadError("the answer is lost", request=request)
        return answer


class _Freely:
    """The ticket of whoever asks nobody: a person, or another program."""

    def show(self) -> None:
        pass

    def fresh(self) -> bool:
        return True


class _Losing:
    """A client that loses the answer of one write, once it was carried out."""

    def __init__(self, client: Client, wire: Wire, operations: Operations) -> None:
        self._client = client
        self._wire = wire
        self._operations = operations
        self.left: int | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def send(self, call: Call, ticket: Ticket | None = None) -> Any:
        if self.left is None or ticket is None or not self._operations[call.operation].write:
            return self._client.send(call, ticket)
        self.left, number = (self.left - 1 if self.left else None), self.left
        return self._client.send(call, _Armed(ticket, self._wire) if number == 0 else ticket)


class _Armed:
    """A ticket that loses the answer of what leaves after it was shown; showing it may read."""

    def __init__(self, ticket: Ticket, wire: Wire) -> None:
        self._ticket = ticket
        self._wire = wire

    def show(self) -> None:
        self._wire.lose = False
        self._ticket.show()
        self._wire.lose = True

    def fresh(self) -> bool:
        return self._ticket.fresh()


class _Connection:
    def __init__(self, url: str, wire: Wire, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.shared: dict[Any, Any] = {}
        self.sandbox = self.way = wire

    def transport(self, **options: Any) -> Transport:
        pace = Pace(wait=0.0, longest_wait=0.001, attempts=1)
        return Transport(pace=pace, right=RightToSend(held=True), transport=self.sandbox, **options)


class Account:
    """The account; its alias is the provider's name."""

    def __init__(self, provider: Provider, members: Mapping[str, Any], folder: Path) -> None:
        emulate = provider.emulator
        if emulate is None:
            raise TypeError(f"{provider.name} has no emulator, and the suite needs one")
        self.provider = provider
        self.alias = provider.name
        self.folder = folder
        settings = _settings(provider, members, folder)
        self._emulator = emulate([settings], folder / "sandbox.sqlite", lambda: _NOW)
        self.wire = Wire(self._emulator)
        opened = provider.open(settings, _Connection(f"http://127.0.0.1:8025/{provider.name}", self.wire, folder))
        self._losing = _Losing(opened, self.wire, provider.operations)
        self.client: Client = cast("Client", self._losing)
        traits = provider.settings.traits(settings.extra, lambda: b"a project key")
        self.kinds: dict[str, Kind] = {kind.kind: kind(traits) for kind in provider.kinds}
        self.registry = Registry({self.alias: ProviderType(provider, self.kinds)})
        self.workspace = Workspace(
            self.registry,
            {self.alias: self.client},
            Policy(),
            clock=lambda: _NOW,
            right=RightToSend(held=True),
            patience=Patience((0.0,), lambda _: None),
        )
        self.store = LocalStore(folder / "state.json")

    def close(self) -> None:
        """Close the client and the emulator."""
        self.client.close()
        self._emulator.close()

    def lose_write(self, number: int) -> None:
        """Lose the answer of a write that is to come, counted from 0."""
        self._losing.left = number

    def address(self, kind: str) -> Address:
        """Where the sample of a kind stands."""
        return Address(self.alias, kind, ENTRY)

    def resource(self, kind: str, attributes: Mapping[str, Any]) -> Resource:
        """An entry as the loader would make it; names of entries become references."""
        spec = self.kinds[kind].spec
        known = rules(spec)
        canonical = {name: known[name].canonical(value) for name, value in flattened(spec, attributes).items()}
        for name, value in canonical.items():
            refers = known[name].refers
            if refers is not None:
                one = Reference(self.address(refers))
                canonical[name] = (one,) if isinstance(value, tuple) else one
        named = {spec.named: ENTRY} if spec.named is not None else {}
        return Resource(self.address(kind), named | canonical, Location("manifests/all.yaml", 1, 1))

    def plan(self, desired: Mapping[Address, Resource]) -> Plan:
        """What apply would do."""
        return plan(self.workspace, desired, self.store.read())

    def apply(self, desired: Mapping[Address, Resource]) -> tuple[int, list[Event]]:
        """A fresh plan applied under the lock: the exit code, and what happened."""
        with self.store.lock("test") as locked:
            settle(self.workspace, locked)
            made = plan(self.workspace, desired, locked.state)
            events = list(apply(self.workspace, locked, made, _RIGHTS))
        return outcome_code(events), events

    def drift(self) -> Drift:
        """What has drifted from the state."""
        return drift(self.workspace, self.store.read())

    def live(self, kind: str) -> RemoteObject | None:
        """The object behind the sample of a kind, read now."""
        state = self.store.read()
        kept = state.resources.get(self.address(kind)) if state is not None else None
        if kept is None:
            return None
        return find(self.kinds[kind], self.client, Wanted(frozenset([kept.id]))).get(kept.id)

    def alike(self, kind: str, resource: Resource) -> int:
        """How many objects have the natural key of an entry."""
        key = self.kinds[kind].key(resource.attributes)
        assert key is not None  # a sample has its natural key
        return len(find(self.kinds[kind], self.client, Wanted(keys=frozenset([key]))))

    def somebody_changes(self, kind: str, name: str, value: Any) -> None:
        """What a person does in the web interface: the object with one other value, written past reconcile."""
        live = self.live(kind)
        assert live is not None  # it was made
        desired = {name: rules(self.kinds[kind].spec)[name].canonical(value)}
        self._send(kind, Action.UPDATE, live, desired)

    def somebody_deletes(self, kind: str) -> None:
        """What a person does in the web interface: the object is gone."""
        live = self.live(kind)
        assert live is not None  # it was made
        self._send(kind, Action.DELETE, live, {})

    def _send(self, kind: str, action: Action, live: RemoteObject, desired: Mapping[str, Any]) -> None:
        change = Change(action, self.address(kind), desired, None, live, live.id, frozenset(desired))
        for call in self.kinds[kind].writes(change):
            self.client.send(call, _Freely())

    def exported(self, folder: Path) -> Plan:
        """The plan of a project that is exported from the account: its entries, bound to what is there."""
        found = export(self.workspace, [self.alias])
        for name, content in found.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        desired = load(folder, self.registry).resources
        store = LocalStore(folder / "state.json")
        with store.lock("test") as locked:
            locked.account(found.accounts)
            for address, applied in found.applied.items():
                locked.put(address, applied)
            return plan(self.workspace, desired, locked.state)


def _settings(provider: Provider, members: Mapping[str, Any], folder: Path) -> ProviderSettings:
    """The account's settings as the project file would give them: a sandbox, checked by the provider's Spec."""
    spec = provider.settings
    model = spec.model_validate({"type": provider.name, "url": "sandbox:", **members})
    plain = model.model_dump(exclude_unset=True)
    own = {"type", "url", "account", "limits", *credentials_of(spec)}
    return ProviderSettings(
        alias=provider.name,
        type=provider.name,
        url="sandbox:",
        location=Location("reconcile.yaml", 1, 1),
        account=plain.get("account"),
        extra={name: value for name, value in plain.items() if name not in own},
        sandbox=folder / "sandbox.sqlite",
    )
