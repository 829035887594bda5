"""Carry out one step: its calls one after the other, intent before and outcome after each.

Whatever ends it, what has come of it so far is in the state, so that the next run goes on from there.
"""

import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reconcile.engine.bulk import carry_out as carry_out_in_bulk
from reconcile.engine.intents import bound_ids, look_up
from reconcile.engine.refresh import find
from reconcile.engine.run import Run
from reconcile.errors import (
    ApiError,
    Diagnostic,
    PlanStale,
    ReconcileError,
    Refused,
    Unauthorised,
    UnknownOutcome,
    Unreachable,
)
from reconcile.model.address import Address
from reconcile.model.attributes import Attributes, Value
from reconcile.model.bulk import BulkKind
from reconcile.model.call import Call, Operation, Retry
from reconcile.model.generation import Begun
from reconcile.model.kind import Action, Change, Kind, Wanted, rules
from reconcile.model.reference import Reference
from reconcile.model.resource import Applied, RemoteObject
from reconcile.planner.order import Phase
from reconcile.planner.plan import Step
from reconcile.planner.steps import launching, seen_fingerprint
from reconcile.state.state import Intent, State


class Carrier:
    """Carries out the steps of one run, several at once; ``written`` are those of which a write was made."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._ids: dict[Address, str] = dict(run.plan.bindings)
        self._key_locks: dict[object, threading.Lock] = defaultdict(threading.Lock)
        self.written: set[Address] = set()

    def half(self, step: Step, phase: Phase) -> None:
        """One half of a step: its calls, or its removals.

        Raises:
            ReconcileError: what stopped it; what was done before is in the state.
        """
        if phase is Phase.STOP:
            self._stop(step)
        elif phase is Phase.APPLY:
            self._check(step)
            self._make(step)
        else:
            if not step.calls:
                self._check(step)
                self._begin(step)
            self._remove(step)

    def _check(self, step: Step) -> None:
        """Refuse what may not be done, or not any more."""
        if step.blocked is not None:
            raise Refused.of([step.blocked])
        lacking = [need.diagnostic for need in step.requires if self._run.rights.lacks(need)]
        if lacking:
            raise Refused.of(lacking)
        strangers = set(self._run.before.get(step.address, ())) - set(step.twins)
        if step.action is Action.CREATE and strangers:
            raise PlanStale(
                f"Since the plan was made, an object with the same natural key has appeared (id "
                f"{', '.join(sorted(strangers))}), so this one is not made.",
                hint="Plan again.",
                address=str(step.address),
            )

    def _begin(self, step: Step) -> None:
        """Put on record what the step is about to begin, so that whoever approved of it may have it finished."""
        if step.writes:
            self._run.locked.begin(step.address, Begun(step.digest, step.goal, step.renews))

    def _stop(self, step: Step) -> None:
        """Take back mail that is not to go out any more; nothing but what says that it is ours is asked for."""
        locked = self._run.locked
        kind = self._run.registry.kind(step.address)
        operations = self._run.registry.operations(step.address.provider)
        self._ids[step.address] = step.id or ""
        self._begin(step)
        for call in step.stops:
            self._stop_once(step, operations[call.operation], call)
        kept = locked.state.resources.get(step.address)
        if kept is not None and any(call.about in (None, kept.id) for call in step.stops):
            off = {name: value for name, value in launching(kind).items() if name in kept.attributes}
            locked.put(step.address, replace(kept, attributes={**kept.attributes, **off}))
        self._settle(step)

    def _stop_once(self, step: Step, operation: Operation, call: Call) -> None:
        """One stop, tried again after its outcome was read for as long as it is not seen to be done."""
        for last in (False, False, True):
            try:
                self._perform(step, operation, call)
            except ApiError as error:
                if last or isinstance(error, Unauthorised):
                    error.diagnostics += (_not_stopped(step),)
                    raise
                self._run.patience.sleep(self._run.patience.waits[-1])
            else:
                return

    def _make(self, step: Step) -> None:
        """The step's calls, then its record in the state."""
        locked = self._run.locked
        if step.calls:
            self._still_as_planned(step)
        self._begin(step)
        self._ids[step.address] = step.id or ""
        done: list[Call] = []
        try:
            if isinstance(kind := self._run.registry.kind(step.address), BulkKind) and step.calls:
                run = self._run
                # Two of them at once would trip over the people that they share.
                with self._key_locks[step.address.provider, BulkKind]:
                    carry_out_in_bulk(step, kind, self._ids, run.clients, locked, run.conditions, self.written)
            else:
                for call in step.calls:
                    self._call(step, call)
                    done.append(call)
        except ReconcileError as error:
            if step.send is not None and step.send.after is not None and done:
                error.diagnostics += (_not_scheduled(step),)
            raise
        if step.action is Action.FORGET:
            locked.remove(step.address)
        elif step.applied is not None and step.action is not Action.DELETE:
            applied = replace(step.applied, id=self._ids[step.address], deposed=step.deposed)
            finished = step.action is Action.NO_OP and is_begun(locked.state, step.address)
            locked.put(step.address, applied, done=finished or (bool(step.stops or step.calls) and not step.removals))

    def _call(self, step: Step, call: Call) -> None:
        """One of the step's calls; what has come of the step so far is on record when it returns."""
        locked = self._run.locked
        operation = self._run.registry.operations(step.address.provider)[call.operation]
        if operation.retry is Retry.LOOKUP and operation.returns is not None:
            # One at a time for a natural key, until it is on record: no other step must take this object for its own.
            with self._key_locks[step.address.provider, step.key]:
                self._ids[step.address] = made = self._make_once(step, operation, call)
                locked.put(step.address, self._so_far(step, made, whole=call is step.calls[-1]))
            return
        self._perform(step, operation, call)
        about = self._resolved(call.about)
        kept = locked.state.resources.get(step.address)
        if call.then and kept is not None and str(about) == kept.id:
            locked.put(step.address, replace(kept, attributes={**kept.attributes, **call.then}))
        # After its outcome is on record: a run that dies before leaves word of what it was about to do.
        self._settle(step)

    def _so_far(self, step: Step, id_: str, *, whole: bool) -> Applied:
        """What the state holds of a new object; what follows may fail, so nothing that is still to come."""
        applied = step.applied or Applied(id_, {})
        attributes = applied.attributes if whole else self._without_due(step)
        return replace(applied, id=id_, deposed=step.deposed, attributes=attributes)

    def _without_due(self, step: Step) -> dict[str, Value]:
        """What a new object has before it is scheduled."""
        names = rules(self._run.registry.kind(step.address).spec)
        attributes = step.applied.attributes if step.applied is not None else {}
        return {name: value for name, value in attributes.items() if name not in names or not names[name].launches}

    def _remove(self, step: Step) -> None:
        """The step's removals, one per object, the state following each."""
        locked = self._run.locked
        operations = self._run.registry.operations(step.address.provider)
        doomed = [*([step.id] if step.action is Action.DELETE and step.id else []), *step.deposed]
        for call, id_ in zip(step.removals, tuple(doomed), strict=True):
            self._may_remove(step, id_)
            self._perform(step, operations[call.operation], call, id_)
            doomed.remove(id_)
            kept = locked.state.resources.get(step.address)
            if kept is not None and step.action is not Action.DELETE:
                left = tuple(old for old in kept.deposed if old in doomed)
                locked.put(step.address, replace(kept, deposed=left), done=not doomed)
        if step.action in (Action.DELETE, Action.FORGET):
            locked.remove(step.address)

    def _still_as_planned(self, step: Step) -> None:
        """Read a volatile object again right before it is written."""
        if not self._is_volatile(step):
            return
        if step.id is None or step.live_fingerprint is None:
            self._refuse_if(step, step.action, None)
            return
        live = self._read(step, step.id)
        _unchanged(self._kind(step), step, live)
        self._refuse_if(step, step.action, live)

    def _may_remove(self, step: Step, id_: str) -> None:
        if not self._is_volatile(step):
            return
        live = self._read(step, id_)
        if live is None:
            return
        if step.action is Action.DELETE and id_ == step.id and not step.calls:
            _unchanged(self._kind(step), step, live)
        self._refuse_if(step, Action.DELETE, live)

    def _kind(self, step: Step) -> Kind:
        return self._run.registry.kind(step.address)

    def _is_volatile(self, step: Step) -> bool:
        return self._run.registry.kind(step.address).volatile

    def _read(self, step: Step, id_: str) -> RemoteObject | None:
        """The object as it is now, None if it is gone."""
        kind = self._run.registry.kind(step.address)
        return find(kind, self._run.clients[step.address.provider], Wanted(frozenset([id_]))).get(id_)

    def _refuse_if(self, step: Step, action: Action, live: RemoteObject | None) -> None:
        """Ask the kind once more, with the object and the time as they are now."""
        kind = self._run.registry.kind(step.address)
        circumstances = replace(self._run.circumstances, now=self._run.clock())
        if live is not None and kind.immutable(live, circumstances):
            raise PlanStale("It was sent since the plan was made, so it is left as it is.", address=str(step.address))
        change = Change(
            action,
            step.address,
            desired={
                **(step.applied.attributes if step.applied is not None else {}),
                **{changed.name: changed.after for changed in step.changes},
            },
            applied=self._run.locked.state.resources.get(step.address),
            live=live,
            id=live.id if live is not None else None,
            changed=frozenset(changed.name for changed in step.changes),
        )
        refusal = kind.refusal(change, circumstances)
        if refusal is not None:
            raise Refused.of([refusal])

    def _perform(self, step: Step, operation: Operation, call: Call, doomed: str | None = None) -> None:
        """Send one call that makes nothing new, and see that what it was to do is done."""
        self._refuse_if_due(call)
        if call.record:
            self._put_on_record(step, call)
        if operation.retry is Retry.NEVER or self._launches(step, call):
            # What the object is to have is on record, so that the next run knows for its own what it finds there.
            about = self._ids.get(step.address)
            self._run.locked.intend(
                Intent(step.address, operation.name, attributes=call.then, started=self._run.clock(), id=about)
            )
        tries = 3 if operation.retry is Retry.LOOKUP and call.shows else 1
        while tries:
            tries -= 1
            try:
                self._send(step, call)
            except ApiError as error:
                if not self._happened(step, call, doomed, error):
                    if tries and isinstance(error, UnknownOutcome):
                        continue  # looked for and not there, so it may be sent again
                    if not isinstance(error, UnknownOutcome):
                        self._settle(step)
                    raise
            else:
                if call.then and not self._reads(step, call, call.then):
                    raise _not_as_expected(step, call)
            break

    def _launches(self, step: Step, call: Call) -> bool:
        """Whether a call decides when, or if at all, mail goes out through the object that the entry is bound to."""
        names = rules(self._run.registry.kind(step.address).spec)
        launches = any(name in names and names[name].launches for name in call.then)
        return launches and str(self._resolved(call.about)) == self._ids.get(step.address)

    def _settle(self, step: Step) -> None:
        if step.address in self._run.locked.state.intents:
            self._run.locked.settle(step.address)

    def _put_on_record(self, step: Step, call: Call) -> None:
        """What the state is to hold of the entry, should the run die over the call."""
        locked = self._run.locked
        kept = locked.state.resources.get(step.address) or replace(step.applied or Applied("", {}), attributes={})
        kept = replace(kept, id=kept.id or self._ids[step.address])
        locked.put(step.address, replace(kept, attributes={**kept.attributes, **call.record}))

    def _refuse_if_due(self, call: Call) -> None:
        if call.due is not None and call.due - self._run.clock() <= self._run.circumstances.freeze:
            raise Refused(
                "The time at which it was to go out has come too near (policy.freeze), so it is not scheduled.",
                hint="Choose a later time.",
            )

    def _happened(self, step: Step, call: Call, doomed: str | None, error: ApiError) -> bool:
        """Whether a call that ended in an error has the outcome that it was to have."""
        if doomed is not None:
            # Deleting what is gone already is an error to the platform and success to us.
            return self._read(step, doomed) is None
        # A platform may refuse to cancel what is no longer scheduled; and a reply may be lost.
        expected = call.then or call.shows
        return bool(expected) and not isinstance(error, Unreachable) and self._reads(step, call, expected)

    def _reads(self, step: Step, call: Call, expected: Attributes) -> bool:
        """Whether the object reads as it must after the call; looked at again while the platform may lag."""
        about = str(self._resolved(call.about))
        for pause in self._run.patience.waits:
            self._run.patience.sleep(pause)
            live = self._read(step, about)
            if live is not None and self._run.registry.kind(step.address).holds(live, expected):
                return True
        return False

    def _make_once(self, step: Step, operation: Operation, call: Call) -> str:
        """A create: on record before it is sent; when the reply is lost, looked for before it is sent again."""
        locked = self._run.locked
        intent = Intent(
            step.address,
            operation.name,
            key=step.key,
            before=self._run.before.get(step.address, ()),
            attributes=self._without_due(step),
            started=self._run.clock(),
            id=step.id,
        )
        locked.intend(intent)
        tries = 3
        while True:
            tries -= 1
            try:
                return _made_id(operation, self._send(step, call))
            except UnknownOutcome:
                bound = bound_ids(step.address, locked.state, self._run.registry)
                made = look_up(intent, bound, self._run.registry, self._run.clients, self._run.patience)
                if made is not None:
                    return made
                if not tries:
                    locked.settle(step.address)
                    raise
            except (ApiError, Refused):
                locked.settle(step.address)
                raise

    def _send(self, step: Step, call: Call) -> Any:
        # Whoever lost the lock must not write: somebody else may be at it.
        self._run.locked.confirm()
        try:
            resolved = replace(call, arguments=self._resolved(call.arguments))
            answer = self._run.clients[step.address.provider].send(resolved)
        except UnknownOutcome:
            self.written.add(step.address)
            raise
        self.written.add(step.address)
        return answer

    def _resolved(self, value: Value) -> Value:
        """The value with the ids of what it refers to; both platforms' ids are whole numbers."""
        if isinstance(value, Reference):
            id_ = self._ids[value.address]
            return int(id_) if id_.isdigit() else id_
        if isinstance(value, Mapping):
            return {key: self._resolved(member) for key, member in value.items()}
        if isinstance(value, tuple | list):
            return [self._resolved(member) for member in value]
        return value


def is_begun(state: State, address: Address) -> bool:
    """Whether a step of the address was begun and not ended."""
    generation = state.generations.get(address)
    return generation is not None and generation.begun is not None


def _not_stopped(step: Step) -> Diagnostic:
    return Diagnostic(
        "not-stopped",
        "not stopped",
        "NOT STOPPED, as far as can be read: the mail goes out as it stands unless it is cancelled.",
        address=str(step.address),
        hint="Apply again, or cancel it in the web interface.",
    )


def _not_scheduled(step: Step) -> Diagnostic:
    return Diagnostic(
        "not-scheduled",
        "not scheduled",
        "NOT SCHEDULED, as far as can be read: the step ended before its new time could be confirmed.",
        address=str(step.address),
        hint="Plan again: it shows how it stands. Then apply again.",
    )


def _not_as_expected(step: Step, call: Call) -> ApiError:
    expected = ", ".join(
        name if isinstance(value, Mapping) else f"{name} {value if value is not None else 'not set'}"
        for name, value in call.then.items()
    )
    return ApiError(
        f"The platform accepted {call.operation}, but afterwards the object does not read as it must ({expected}).",
        hint="Look at it in the web interface, and plan again.",
        address=str(step.address),
    )


def _unchanged(kind: Kind, step: Step, live: RemoteObject | None) -> None:
    """Stop a step whose object is not what it was when the plan was made."""
    if live is not None and seen_fingerprint(step, kind, live) == step.live_fingerprint:
        return
    what = "was deleted" if live is None else "was edited"
    raise PlanStale(
        f"It {what} outside since the plan was made, so it is left as it is.",
        hint="Plan again to see the difference.",
        address=str(step.address),
    )


def _made_id(operation: Operation, answer: Any) -> str:
    """The id of a new object in an answer."""
    value = answer
    for member in (operation.returns or "id").split("."):
        value = value.get(member) if isinstance(value, Mapping) else None
    if value is None:
        raise UnknownOutcome(f"{operation.name}: the answer doesn't say the new object's id.")
    return str(value)
