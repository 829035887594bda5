"""An account of each platform on the emulator, and the workspace that plans and applies to them; shared by tests."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from reconcile.cli.records import asked_for
from reconcile.engine.intents import Patience
from reconcile.engine.run import Event, Rights
from reconcile.engine.workflow import Workspace, apply, check_origin, outcome_code, plan, settle
from reconcile.errors import Location
from reconcile.model.address import Address
from reconcile.model.call import Call
from reconcile.model.kind import rules
from reconcile.model.members import flattened
from reconcile.model.policy import Policy
from reconcile.model.reference import Reference
from reconcile.model.registry import Registry
from reconcile.model.resource import Resource
from reconcile.model.right_to_send import RightToSend
from reconcile.planner.approval import judge
from reconcile.planner.make import Request
from reconcile.planner.plan import Plan, Right
from reconcile.providers import provider_type
from reconcile.providers.clock import ServerTime
from reconcile.providers.gatormail.auth import Identity, PasswordGrant
from reconcile.providers.gatormail.client import GatorMail
from reconcile.providers.gatormail.settings import contract
from reconcile.providers.squalomail.client import SqualoMail
from reconcile.providers.transport import Pace, Transport
from reconcile.sandbox import Sandbox
from reconcile.sandbox.gatormail.service import GatorMailSetup
from reconcile.state.local import LocalStore

REGISTRY = Registry({"squalomail": provider_type("squalomail"), "gatormail": provider_type("gatormail")})
INSTANCE = "example_testlz"
NOW = 1_800_000_000.0
BASE = "http://127.0.0.1:8025"
# Where worlds live; the tests' configuration sets it to a folder that pytest clears up.
HOMES: dict[str, Path] = {}
NO_RIGHTS = Rights()
OVERWRITE = Rights(frozenset([Right.OVERWRITE_DRIFT]), deletes=1000)


class Freely:
    """The ticket of whoever asks nobody: a person, or another program."""

    def show(self) -> None:
        pass

    def fresh(self) -> bool:
        return True


FREELY = Freely()


def address(kind: str, name: str, provider: str = "squalomail") -> Address:
    return Address(provider, kind, name)


def ref(kind: str, name: str, provider: str = "squalomail") -> Reference:
    return Reference(address(kind, name, provider))


def gator(kind: str, name: str, /, attributes: Mapping[str, Any], **options: Any) -> Resource:
    """A resource of GatorMail's, see ``resource``."""
    return resource(kind, name, attributes, provider="gatormail", **options)


def resource(
    kind: str, name: str, /, attributes: Mapping[str, Any], provider: str = "squalomail", **options: Any
) -> Resource:
    """A resource as the loader would make it: attributes in canonical form, opened fields as dotted names."""
    where = address(kind, name, provider)
    spec = REGISTRY.kind(where).spec
    known = rules(spec)
    named = {spec.named: name} if spec.named is not None else {}
    canonical = named | {key: known[key].canonical(value) for key, value in flattened(spec, attributes).items()}
    return Resource(where, canonical, Location("manifests/all.yaml", 1, 1), **options)


def declared(*resources: Resource) -> dict[Address, Resource]:
    return {found.address: found for found in resources}


@dataclass
class World:
    """An account, a state, and the ways to change both."""

    faults: tuple[str, ...] = ()
    switches: Mapping[str, Any] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    may_send: bool = False
    account: str = "4711"
    folder: Path | None = None
    gatormail: Mapping[str, Any] = field(default_factory=dict)  # switches of GatorMail's
    contract: Mapping[str, Any] = field(default_factory=dict)
    theirs: Mapping[str, Any] = field(default_factory=dict)  # rows that only the instance goes by
    timezone: str = "Europe/London"
    proxy: Callable[[httpx.Request], httpx.Response] | None = None

    def __post_init__(self) -> None:
        self.now = NOW
        # In a folder that is given, the account's data outlive the process too.
        data = self.folder / "sandbox.sqlite" if self.folder is not None else ":memory:"
        self.home = self.folder or Path(tempfile.mkdtemp(dir=HOMES.get("folder")))
        extra = {"contract": dict(self.contract)} | ({"timezone": self.timezone} if self.timezone else {})
        zone = {"c.date.zone": self.timezone or "GMT"}
        self.sandbox = Sandbox(
            data,
            account=self.account,
            now=lambda: self.now,
            switches=self.switches,
            faults=self.faults,
            seed=1,
            gatormail=GatorMailSetup(
                (INSTANCE,), contract={**zone, **self.contract, **self.theirs}, switches=self.gatormail
            ),
        )
        self.client = SqualoMail(f"{BASE}/squalomail/v1", "KEY", self._transport())
        identity = Identity(
            f"{BASE}/oauth/core/connect/token", "id", "secret", "user", "password", "openid GatorMailApi"
        )
        wire = httpx.MockTransport(self.handle)
        grant = PasswordGrant(identity, transport=wire, clock=lambda: self.now)
        self.gator = GatorMail(f"{BASE}/gatormail", INSTANCE, contract(extra), self._transport(auth=grant))
        own = provider_type("gatormail", extra, lambda: b"a project key")
        self.workspace = Workspace(
            Registry({**REGISTRY.providers, "gatormail": own}),
            {"squalomail": self.client, "gatormail": self.gator},
            self.policy,
            clock=lambda: self.now,
            monotonic=lambda: self.now,
            right=RightToSend(held=self.may_send),
            patience=Patience((0.0, 0.0), lambda _: None),
        )
        self.store = LocalStore(self.home / "state.json")

    def _transport(self, **options: Any) -> Transport:
        return Transport(
            pace=Pace(wait=0.0, longest_wait=0.001, attempts=3),
            right=RightToSend(held=self.may_send),
            transport=httpx.MockTransport(self.handle),
            time=ServerTime(lambda: self.now, lambda: self.now),
            **options,
        )

    def let_send(self, held: bool) -> None:
        """Give the runs to come the right to send, or take it from them."""
        self.workspace = replace(self.workspace, right=RightToSend(held=held))

    def handle(self, request: httpx.Request) -> httpx.Response:
        """What our clients get of the emulator, or of what stands between."""
        return (self.proxy or self.sandbox.handle)(request)

    def close(self) -> None:
        self.client.close()
        self.gator.close()
        self.sandbox.close()

    def api(self, operation: str, **arguments: Any) -> Any:
        """What a person, or another program, does to the account."""
        return self.client.send(Call(operation, arguments), FREELY)

    def call(self, operation: str, **arguments: Any) -> Any:
        """What another program does to the GatorMail instance."""
        return self.gator.send(Call(operation, arguments), FREELY)

    def person(self, path: str, body: Any = None, method: str = "POST") -> Any:
        """What a person does in GatorMail's web interface: see the control paths of the emulator."""
        control = httpx.Client(transport=httpx.MockTransport(self.sandbox.handle))
        answer = control.request(method, f"{BASE}/_sandbox/gatormail/{INSTANCE}/{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def sends(self) -> list[dict[str, Any]]:
        """Every mail that went out or would go out."""
        return self.sandbox.sends()

    def rows(self, entity: str, filter_: str = "") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api("get-data", entity=entity, filter=filter_)
        return found

    def lists(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api("get-lists-details", page=0, pageSize=100)["lists"]
        return found

    def plan(self, desired: Mapping[Address, Resource], request: Request | None = None) -> Plan:
        return plan(self.workspace, desired, self.store.read(), request=request)

    def apply(
        self, desired: Mapping[Address, Resource], rights: Rights = NO_RIGHTS, request: Request | None = None
    ) -> tuple[int, list[Event], Plan]:
        """A fresh plan applied under the lock: the exit code, what happened, the plan."""
        with self.store.lock("test") as locked:
            settle(self.workspace, locked)
            made = plan(self.workspace, desired, locked.state, request=request)
            events = list(apply(self.workspace, locked, made, rights))
        return outcome_code(events), events, made

    def apply_saved(
        self, desired: Mapping[Address, Resource], *saved: Plan, rights: Rights = NO_RIGHTS
    ) -> tuple[int, list[Event]]:
        """What records approve of, planned again under the lock: the exit code, and what happened."""
        with self.store.lock("test") as locked:
            for record in saved:
                check_origin(self.workspace, record, locked.state)
            settle(self.workspace, locked)
            made = plan(self.workspace, desired, locked.state, request=asked_for(saved))
            growth = self.workspace.policy.reach_growth
            found = judge(made, saved, locked.state.generations, growth)
            events = list(apply(self.workspace, locked, found.plan, rights, left=found.differences))
        return outcome_code(events), events

    def log(self) -> list[dict[str, Any]]:
        """The calls that the emulator received."""
        answer = httpx.Client(transport=httpx.MockTransport(self.sandbox.handle)).get(f"{BASE}/_sandbox/requests")
        found = answer.json()
        return found["requests"] if isinstance(found, dict) else found

    def writes(self) -> list[str]:
        return [entry["function"] for entry in self.log() if entry.get("write")]

    def clear_log(self) -> None:
        httpx.Client(transport=httpx.MockTransport(self.sandbox.handle)).delete(f"{BASE}/_sandbox/requests")


def shape(made: Plan) -> dict[str, str]:
    """A plan in brief: address -> action, no-ops left out."""
    return {str(step.address): step.action.value for step in made.changes}


def failures(events: list[Event]) -> list[str]:
    """What went wrong, in short."""
    return [f"{event.step.address}: {found.detail}" for event in events for found in event.diagnostics]
