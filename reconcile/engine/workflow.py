"""Plan and apply from end to end, one short function each; the parts are put together by the command line."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Collection as AnyCollection
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from reconcile.engine.apply import apply as carry_out
from reconcile.engine.bulk import Conditions, await_earlier, comparisons
from reconcile.engine.gate import Gate, Moment
from reconcile.engine.intents import Patience, settled, with_settled
from reconcile.engine.losses import lost_lately
from reconcile.engine.mail_checks import MailRules, faults
from reconcile.engine.refresh import Clients, managed_ids, refresh
from reconcile.engine.run import Event, Outcome, Rights, Run
from reconcile.engine.twins import matches_before, settle_twins
from reconcile.engine.verify import verify
from reconcile.errors import Diagnostic, InvalidInput, PlanStale, Refused, WrongAccount, first_exit_code
from reconcile.model.account import Account
from reconcile.model.address import Address
from reconcile.model.bulk import Place
from reconcile.model.checkout import Checkout
from reconcile.model.kind import Action, Circumstances
from reconcile.model.policy import Policy
from reconcile.model.registry import Registry
from reconcile.model.resource import Applied, Resource
from reconcile.model.right_to_send import NOT_GIVEN, RightToSend
from reconcile.planner.approval import Difference
from reconcile.planner.changes import with_digests
from reconcile.planner.make import Request, live_ids, make_plan, narrowed
from reconcile.planner.moves import claimed_twice, moved
from reconcile.planner.plan import Plan, Right
from reconcile.planner.reach import without_joining
from reconcile.planner.rules import loosened, rules_of
from reconcile.planner.sends import with_right_to_send
from reconcile.planner.standing import Standing, to_be_recorded, with_standing
from reconcile.state.history import read_lines
from reconcile.state.state import State
from reconcile.state.store import LockedState

NEVER_APPLIED = State(lineage="")
_CLOCKS_DIFFER = 300.0  # seconds that the clocks of two machines may be apart


@dataclass(frozen=True, slots=True)
class Workspace:
    """What every run works with: the providers' kinds and clients, the policy, and the clock (UNIX seconds).

    ``contracts`` are what the aliases override of their platforms' contract tables.
    ``pins`` are the account ids that the project file pins its aliases to, ``paces`` how many calls a second each is
    given at most (0: any number). ``place`` is where bulk kinds find files,
    ``tell`` takes their progress. ``right`` is the run's right to send; ``mail_rules`` what mails are checked by, None:
    they are not. ``find_checkout`` gives where the manifests stand in git, if they do.
    """

    registry: Registry
    clients: Clients
    policy: Policy
    clock: Callable[[], float]
    monotonic: Callable[[], float] = time.monotonic
    right: RightToSend = NOT_GIVEN
    environment: str = "default"
    tool_version: str = ""
    pins: Mapping[str, str] = field(default_factory=dict)
    paces: Mapping[str, float] = field(default_factory=dict)
    patience: Patience = field(default_factory=Patience)
    parallelism: int = 4
    place: Place | None = None
    contracts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tell: Callable[[Address, str], None] = lambda address, text: None
    mail_rules: MailRules | None = None
    find_checkout: Callable[[], Checkout | None] = lambda: None

    @property
    def checkout(self) -> Checkout | None:
        """Where the manifests stand in git, if they do."""
        return self.find_checkout()

    @property
    def commit(self) -> str:
        """The commit that the manifests are of; empty without git."""
        return self.checkout.commit if self.checkout is not None else ""

    @property
    def flags(self) -> tuple[str, ...]:
        """What was asked for that changes what steps do."""
        return ("--skip-invalid",) if self.place is not None and self.place.skip_invalid else ()

    def conditions(self, stop: threading.Event | None = None) -> Conditions:
        """How bulk work goes about it in this workspace."""
        wait = self.policy.import_wait
        return Conditions(self.place, wait, self.clock, self.patience, stop or threading.Event(), self.tell)

    def gate(self, locked: LockedState | None, stop: threading.Event | None = None) -> Gate:
        """What stands before every write."""
        return Gate(
            self.registry,
            self.clients,
            locked,
            self.policy.freeze,
            self.clock,
            stop or threading.Event(),
            self.right,
            lambda: Moment(self.clock(), self.monotonic()),
        )


def plan(
    workspace: Workspace,
    desired: Mapping[Address, Resource],
    state: State | None,
    *,
    digest: str = "",
    request: Request | None = None,
) -> Plan:
    """Read what is live and compare: all of ``reconcile plan`` but loading and printing. Writes nothing anywhere."""
    state = state or NEVER_APPLIED
    clients = workspace.clients
    reads_before = {alias: client.reads for alias, client in clients.items()}
    accounts = check_accounts(workspace, state, aliases(workspace, desired, state))
    state = with_settled(state, settled(state, workspace.registry, clients, workspace.patience))
    commit = workspace.commit
    if twice := list(claimed_twice(desired, state.resources, commit)):
        raise InvalidInput.of(twice)
    applied = moved(desired, state.resources)
    request = request or Request()
    seen = refresh(desired, applied, workspace.registry, clients, request.replace)
    if request.targets:
        request = replace(request, lately=lost_lately(state, workspace.clock(), applied, seen))
    ids = live_ids(desired, applied, seen, workspace.registry)
    compared = comparisons(desired, state, ids, workspace.registry, clients, workspace.place)
    seen = replace(seen, comparisons=compared)
    now = workspace.clock()
    made = make_plan(
        desired,
        state.resources,
        seen,
        workspace.registry,
        circumstances_of(workspace, applied, now),
        workspace.policy,
        request,
        accounts,
        faults(desired, workspace.registry, workspace.mail_rules) if workspace.mail_rules else lambda address: None,
    )
    made = with_digests(
        replace(_followed(made, state.following), accounts=accounts),
        workspace.registry,
        lambda alias, call: clients[alias].encode(call),
        {address: found.number for address, found in state.generations.items()},
        workspace.flags,
    )
    made = with_right_to_send(made, workspace.right)
    standing = standing_of(workspace, state)
    made = with_standing(made, standing) if standing is not None else made
    rules = rules_of(workspace.policy, workspace.contracts)
    reads = {alias: client.reads - reads_before.get(alias, 0) for alias, client in clients.items()}
    return replace(
        made,
        lineage=state.lineage,
        serial=state.serial,
        environment=workspace.environment,
        created=now,
        expires=now + workspace.policy.plan_expiry,
        manifest_digest=digest,
        given={at: tuple(sorted(one.given)) for at, one in sorted(desired.items()) if one.given and at in made.steps},
        tool_version=workspace.tool_version,
        rules=rules,
        rules_changed=loosened(state.rules, rules),
        reads=sum(reads.values()),
        seconds=expected_seconds(made, reads, workspace.paces),
    )


def _followed(made: Plan, following: Mapping[Address, Address]) -> Plan:
    """The plan, those objects being moved whose account has another alias than the state says."""
    steps = {
        address: replace(
            step,
            action=Action.MOVE if step.action is Action.NO_OP else step.action,
            previous_address=step.previous_address or following[address],
        )
        for address, step in made.steps.items()
        if address in following
    }
    return replace(made, steps={**made.steps, **steps}) if steps else made


def expected_seconds(made: Plan, reads: Mapping[str, int], paces: Mapping[str, float]) -> float:
    """How long carrying a plan out takes at the least: its writes, and the reads before and after them, paced.

    Accounts are worked side by side, so the slowest one counts.
    """
    writes = Counter(step.address.provider for step in made.steps.values() if not step.blocked for _ in step.writes)
    paced = [(alias, pace) for alias, pace in paces.items() if pace and writes[alias]]
    return max(((writes[alias] + 2 * reads.get(alias, 0)) / pace for alias, pace in paced), default=0.0)


def apply(
    workspace: Workspace,
    locked: LockedState,
    shown: Plan,
    rights: Rights,
    *,
    left: Mapping[Address, Difference] = MappingProxyType({}),
    stop: threading.Event | None = None,
) -> Iterator[Event]:
    """Carry out a plan that was made under this lock; events as steps start and end.

    At the end all that was written is read back; a step whose write was not kept ends a second time, as failed.
    ``left`` are steps that nobody has approved: they are not made, nor what depends on them.

    Raises:
        Refused: a rule forbids the whole run; nothing was written.
    """
    registry, clients = workspace.registry, workspace.clients
    shown = narrowed(shown, left.keys(), locked.state.resources, workspace.policy, registry)
    refuse_run(shown, rights, left.keys())
    not_made = _not_made(shown, rights, left)
    shown = without_joining(shown, not_made, locked.state.resources)
    _record_stand(workspace, shown, locked, not_made)
    _record_moves(workspace, shown, locked, rights, left)
    if locked.state.following or dict(locked.state.accounts) != {**locked.state.accounts, **shown.accounts}:
        locked.account(shown.accounts)
    if shown.rules and dict(locked.state.rules) != dict(shown.rules):
        locked.rule(shown.rules)
    run = Run(
        plan=shown,
        registry=registry,
        clients=clients,
        locked=locked,
        gate=workspace.gate(locked, stop),
        rights=rights,
        circumstances=circumstances_of(workspace, locked.state.resources, workspace.clock()),
        before=matches_before(shown, locked.state, registry, clients),
        clock=workspace.clock,
        left=left,
        patience=workspace.patience,
        parallelism=workspace.parallelism,
        paces=workspace.paces,
        stop=stop or threading.Event(),
        conditions=workspace.conditions(stop),
    )
    written: dict[Address, Event] = {}
    for event in carry_out(run):
        yield event
        if event.outcome is Outcome.APPLIED and (event.step.stops or event.step.calls):
            written[event.step.address] = event
    verified = verify(shown, set(written), registry, clients, locked)
    for address, findings in verified.left.items():
        if address not in verified.findings:
            yield replace(written[address], diagnostics=findings)
    twins = settle_twins(shown, written, run.before, locked, registry, clients, verified.vanished)
    for address, twin in twins.told.items():
        kept = () if address in twins.bound else verified.findings.get(address, ())
        verified.findings[address] = (*kept, twin)
    for address, findings in verified.findings.items():
        yield replace(written[address], outcome=Outcome.FAILED, diagnostics=findings, exit_code=1)


def settle(workspace: Workspace, locked: LockedState) -> None:
    """Find out what came of writes that an earlier run began, and put it on record."""
    outcome = settled(locked.state, workspace.registry, workspace.clients, workspace.patience)
    for address, made in outcome.items():
        if made is None:
            locked.settle(address)
        else:
            locked.put(address, made)
    await_earlier(locked, workspace.registry, workspace.clients, workspace.conditions())


def check_record(
    record: Plan, environment: str, now: float, expiry: float = float("inf"), name: str = "The saved plan"
) -> None:
    """Refuse a record that approves of nothing here and now; it needs neither the state nor an account.

    ``expiry`` is the policy's, in seconds: whatever a file says, it is good for no longer.

    Raises:
        PlanStale: it is of another environment, has expired, or is from the future.
    """
    reason = None
    if record.environment != environment:
        reason = f'It was made for the environment "{record.environment}", and this is "{environment}".'
    elif now > min(record.expires, record.created + expiry):
        reason = "It has expired (policy.planExpiry)."
    elif now < record.created - _CLOCKS_DIFFER:
        reason = "By this machine's clock it has yet to be made, so the clock was set back: see that it is right."
    if reason is not None:
        raise PlanStale(f"{name} can't be applied. {reason}", hint="Plan again.")


def check_origin(workspace: Workspace, record: Plan, state: State, name: str = "The saved plan") -> None:
    """Refuse a record that was made from another state, or for other accounts.

    Raises:
        PlanStale: the state is another one. WrongAccount: the key opens another account.
    """
    if record.lineage and record.lineage != state.lineage:
        raise PlanStale(
            f"{name} can't be applied. It was made from another state than the one that is there now.",
            hint="Plan again, or see that the project's state is the right one (reconcile state pull).",
        )
    first = next((line.run for line in read_lines(state.history[:1], 1) if line.run is not None), None)
    if not record.lineage and first is not None and first.when < record.created - _CLOCKS_DIFFER:
        raise PlanStale(
            f"{name} can't be applied. It was made where nothing had been applied yet, but to this state something had "
            "been by then: it is another project's.",
            hint="Plan again.",
        )
    accounts = check_accounts(workspace, state, record.accounts.keys() & workspace.registry.providers.keys())
    for alias, account in record.accounts.items():
        if alias not in accounts:
            raise PlanStale(
                f"{name} can't be applied. The project has no provider {alias} any more.", hint="Plan again."
            )
        if accounts[alias] != account:
            raise WrongAccount(
                f"{name} was made for {account}, but the key of {alias} opens {accounts[alias]}.",
                hint="Use the key of the plan's account, or plan again.",
            )


def check_accounts(workspace: Workspace, state: State, aliases: Iterable[str]) -> dict[str, Account]:
    """The account behind each alias.

    Raises:
        WrongAccount: one is not the account of the state, or not the one that the project file pins.
    """
    accounts: dict[str, Account] = {}
    for alias in sorted(aliases):
        accounts[alias] = found = workspace.clients[alias].account()
        pin, known = workspace.pins.get(alias), state.accounts.get(alias)
        if pin is not None and found.id != pin:
            raise WrongAccount(
                f"providers.{alias}.account pins the account {pin}, but the key opens {found.id}.",
                hint="Use the key of the pinned account, or correct the pin.",
            )
        if known is not None and known != found:
            raise WrongAccount(
                f"The state belongs to {known}, but {alias} now opens {found}.",
                hint="Use the key of that account; for a second account, use an environment of its own (--env).",
            )
    return accounts


def refuse_run(shown: Plan, rights: Rights, left: AnyCollection[Address] = ()) -> None:
    """Refuse the whole run before its first write where a rule says so; steps that are ``left`` have no say.

    Raises:
        Refused: with everything that stands in the way.
    """
    findings = [*shown.blocked, *(need.diagnostic for need in shown.requires if rights.lacks(need))]
    for step in () if rights.without_sends else shown.steps.values():
        if step.address in left:
            continue
        # Mail that goes out by mistake can't be taken back, so one send not allowed stops everything.
        findings += [need.diagnostic for need in step.requires if need.right is Right.SEND and rights.lacks(need)]
    if findings:
        raise Refused.of(findings)


def _not_made(shown: Plan, rights: Rights, left: AnyCollection[Address]) -> set[Address]:
    """The steps that are known not to be made."""
    refused = {step.address for step in shown.steps.values() if any(rights.lacks(need) for need in step.requires)}
    return refused | (left & shown.steps.keys())


def aliases(workspace: Workspace, desired: Mapping[Address, Resource], state: State) -> set[str]:
    """The provider aliases that a run is about.

    Raises:
        InvalidInput: the state has an address that the project has no provider for.
    """
    found = {address.provider for address in (*desired, *state.resources)}
    unknown = {
        address
        for address in (*desired, *state.resources)
        if address.provider not in workspace.registry.providers
        or address.kind not in workspace.registry.providers[address.provider].kinds
    }
    if unknown:
        raise InvalidInput.of(
            Diagnostic(
                "unknown-provider",
                "in the state, but not in the project",
                f"The state manages {address}, but reconcile.yaml has no provider {address.provider} with such a kind.",
                address=str(address),
                hint=f"Put the provider back into reconcile.yaml. If its account has another alias now, write "
                f"`was: [{address.provider}]` there.",
            )
            for address in sorted(unknown)
        )
    return found


def circumstances_of(workspace: Workspace, applied: Mapping[Address, Applied], now: float) -> Circumstances:
    """What kinds judge changes by, at a time (UNIX seconds)."""
    managed = managed_ids(applied, workspace.registry)
    return Circumstances(now=now, freeze=workspace.policy.freeze, managed=managed)


def standing_of(workspace: Workspace, state: State) -> Standing | None:
    """How the manifests' checkout stands to what was applied; None without git."""
    if workspace.checkout is None:
        return None
    return Standing(workspace.checkout, state.commit, state.generations)


def _record_stand(workspace: Workspace, shown: Plan, locked: LockedState, not_made: AnyCollection[Address]) -> None:
    """Put on record, before the first write, from which commit it is made."""
    standing = standing_of(workspace, locked.state)
    if standing is None:
        return
    made = {
        address: step
        for address, step in shown.steps.items()
        if address not in not_made and (step.blocked is None or step.stops)
    }
    addresses, whole = to_be_recorded(shown, standing, made, locked.state.resources)
    if addresses or whole:
        locked.stand(standing.checkout.commit, addresses, whole=whole)


def _record_moves(
    workspace: Workspace, shown: Plan, locked: LockedState, rights: Rights, left: AnyCollection[Address]
) -> None:
    commit = workspace.commit
    for address, step in shown.steps.items():
        if address in left or any(need.right is Right.STALE and rights.lacks(need) for need in step.requires):
            continue
        if step.previous_address is not None and step.previous_address in locked.state.resources:
            locked.move(step.previous_address, address, commit)


def outcome_code(events: Iterable[Event]) -> int:
    """The exit code of an apply: 6 if any write was made and any step was not, else the first of 7, 5, 4, 3, 1."""
    ends = {event.step.address: event for event in events if event.outcome is not None}
    fine = (Outcome.APPLIED, Outcome.BY_HAND, Outcome.POSTPONED)
    failed = [event for event in ends.values() if event.outcome not in fine]
    if failed and any(event.written for event in ends.values()):
        return 6
    return first_exit_code(event.exit_code or 1 for event in failed)
