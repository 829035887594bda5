"""Carry out one step: its calls one after the other, intent before and outcome after each.

Whatever ends it, what has come of it so far is in the state, so that the next run goes on from there.
"""

import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reconcile.engine.bulk import carry_out as carry_out_in_bulk
from reconcile.engine.gate import Look, Moment
from reconcile.engine.intents import look_up
from reconcile.engine.objects import Objects
from reconcile.engine.refresh import find
from reconcile.engine.run import Run
from reconcile.engine.step_findings import appeared, not_as_expected, not_scheduled, not_stopped
from reconcile.errors import (
    ApiError,
    Interrupted,
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
from reconcile.model.kind import Action, Wanted, rules
from reconcile.model.reference import Reference
from reconcile.model.resource import Applied, Former, RemoteObject
from reconcile.planner.guard import begun_by
from reconcile.planner.order import Phase
from reconcile.planner.plan import Right, Step
from reconcile.planner.steps import launching
from reconcile.state.state import Intent

_TRIES = 3


class StepExecutor:
    """Carries out the steps of one run, several at once; ``written`` are those of which a write was made."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._gate = run.gate
        self._ids: dict[Address, str] = dict(run.plan.bindings)
        self._objects = Objects(run, self._ids)
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
            raise appeared(step, strangers)

    def _begin(self, step: Step) -> None:
        """Put on record what the step is about to begin, so that whoever approved of it may have it finished."""
        if step.writes:
            self._run.locked.begin(step.address, begun_by(step, self._run.registry, self._run.clock()))

    def _stop(self, step: Step) -> None:
        """Take back mail that is not to go out any more; nothing but what says that it is ours is asked for."""
        locked = self._run.locked
        kind = self._run.registry.kind(step.address)
        operations = self._run.registry.operations(step.address.provider)
        # An older checkout does not say that a mail is not to go out: it does not know of it.
        stale = [need for need in step.requires if need.right is Right.STALE and self._run.rights.lacks(need)]
        if stale:
            raise Refused.of([need.diagnostic for need in stale])
        self._ids[step.address] = step.id or ""
        self._begin(step)
        for call in step.stops:
            self._stop_once(step, operations[call.operation], call)
        kept = locked.kept(step.address)
        if kept is not None and any(call.about in (None, kept.id) for call in step.stops):
            off = {name: value for name, value in launching(kind).items() if name in kept.attributes}
            locked.put(step.address, replace(kept, attributes={**kept.attributes, **off}))
        self._settle(step)

    def _stop_once(self, step: Step, operation: Operation, call: Call) -> None:
        """One stop, tried again after its outcome was read for as long as it is not seen to be done."""
        attempt = 0
        while True:
            attempt += 1
            try:
                self._perform(step, operation, call, stops=True)
            except ReconcileError as error:
                if isinstance(error, PlanStale):
                    error.diagnostics += (not_scheduled(step),)
                    raise
                if not isinstance(error, ApiError) or isinstance(error, Unauthorised) or attempt == _TRIES:
                    error.diagnostics += (not_stopped(step),)
                    raise
                self._run.patience.sleep(self._run.patience.waits[-1])
            else:
                return

    def _make(self, step: Step) -> None:
        """The step's calls, then its record in the state."""
        locked = self._run.locked
        self._begin(step)
        self._ids[step.address] = step.id or ""
        done: list[Call] = []
        try:
            if isinstance(kind := self._run.registry.kind(step.address), BulkKind) and step.calls:
                run = self._run
                # Two of them at once would trip over the people that they share.
                with self._key_locks[step.address.provider, BulkKind]:
                    carry_out_in_bulk(
                        step, kind, self._ids, run.clients, locked, run.conditions, run.gate, self.written
                    )
            else:
                for call in step.calls:
                    self._call(step, call)
                    done.append(call)
        except ReconcileError as error:
            launches = step.send is not None and step.send.after is not None
            if launches and (done or step.address in self.written):
                error.diagnostics += (not_scheduled(step),)
            raise
        if step.action is Action.FORGET:
            locked.remove(step.address)
        elif step.applied is not None and step.action is not Action.DELETE:
            former = self._former(step, step.applied)
            applied = replace(step.applied, id=self._ids[step.address], deposed=step.deposed, former=former)
            finished = step.action is Action.NO_OP and locked.is_begun(step.address)
            locked.put(step.address, applied, done=finished or (bool(step.stops or step.calls) and not step.removals))

    def _call(self, step: Step, call: Call) -> None:
        """One of the step's calls; what has come of the step so far is on record when it returns."""
        locked = self._run.locked
        operation = self._run.registry.operations(step.address.provider)[call.operation]
        if operation.creates:
            # One at a time for a natural key, until it is on record: no other step must take this object for its own.
            with self._key_locks[self._objects.account(step.address), step.address.kind, step.key]:
                self._ids[step.address] = made = self._make_once(step, operation, call)
                locked.put(step.address, self._so_far(step, made, whole=call is step.calls[-1]))
            return
        self._perform(step, operation, call)
        about = self._resolved(call.about)
        kept = locked.kept(step.address)
        if call.then and kept is not None and str(about) == kept.id:
            locked.put(step.address, replace(kept, attributes={**kept.attributes, **call.then}))
        # After its outcome is on record: a run that dies before leaves word of what it was about to do.
        self._settle(step)

    def _so_far(self, step: Step, id_: str, *, whole: bool) -> Applied:
        """What the state holds of a new object; what follows may fail, so nothing that is still to come."""
        applied = step.applied or Applied(id_, {})
        attributes = applied.attributes if whole else self._without_due(step)
        former = self._former(step, applied)
        return replace(applied, id=id_, deposed=step.deposed, attributes=attributes, former=former)

    def _former(self, step: Step, applied: Applied) -> tuple[Former, ...]:
        """The addresses that the object had; the state knows of the move that this very run began with."""
        kept = self._run.locked.kept(step.address)
        return kept.former if kept is not None else applied.former

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
            self._perform(step, operations[call.operation], call, id_)
            doomed.remove(id_)
            kept = locked.kept(step.address)
            if kept is not None and step.action is not Action.DELETE:
                left = tuple(old for old in kept.deposed if old in doomed)
                locked.put(step.address, replace(kept, deposed=left), done=not doomed)
        if step.action in (Action.DELETE, Action.FORGET):
            locked.remove(step.address)

    def _perform(
        self, step: Step, operation: Operation, call: Call, doomed: str | None = None, *, stops: bool = False
    ) -> None:
        """Send one call that makes nothing new, and see that what it was to do is done."""
        if call.record:
            self._put_on_record(step, call)
        if operation.retry is Retry.NEVER or self._launches(step, call):
            # What the object is to have goes on record, so the next run recognises it as ours.
            about = self._ids.get(step.address)
            self._run.locked.intend(
                Intent(step.address, operation.name, attributes=call.then, started=self._run.clock(), id=about)
            )
        id_ = doomed or str(self._resolved(call.about) or self._ids.get(step.address) or "")

        def look() -> Moment:
            if stops:
                return self._objects.look_before_stop(step, id_)
            return self._objects.look(step, call, id_, doomed=doomed is not None)

        attempt, perhaps = 0, False  # whether an attempt may have been carried out
        while True:
            attempt += 1
            try:
                self._send(step, call, look)
            except (Refused, PlanStale, Interrupted):
                if not perhaps:
                    self._settle(step)  # it never left
                raise
            except ApiError as error:
                perhaps = perhaps or not isinstance(error, Unreachable)
                self._objects.wrote(step, call, id_, stops=stops)
                if self._happened(step, call, doomed, error):
                    break
                if not self._may_try_again(operation, call, error, attempt):
                    if not isinstance(error, UnknownOutcome):
                        self._settle(step)
                    raise
                self._run.clients[step.address.provider].rest(attempt, error)
            else:
                self._objects.wrote(step, call, id_, stops=stops)
                if call.then and not self._reads(step, call, call.then):
                    raise not_as_expected(step, call)
                break
        if call.due is not None and call.then:
            self._check_launch(step, call, id_)

    def _may_try_again(self, operation: Operation, call: Call, error: ApiError, attempt: int) -> bool:
        """Whether a call that did not have its outcome may be made once more: by its class, and never for ever."""
        if operation.retry is Retry.NEVER or not isinstance(error, UnknownOutcome | Unreachable):
            return False
        if operation.retry is Retry.LOOKUP and isinstance(error, UnknownOutcome):
            # Looked for and not there, where that can be seen at all.
            return bool(call.then or call.shows) and attempt < _TRIES
        return attempt < _TRIES

    def _launches(self, step: Step, call: Call) -> bool:
        """Whether a call decides when, or if at all, mail goes out through the object that the entry is bound to."""
        names = rules(self._run.registry.kind(step.address).spec)
        launches = any(name in names and names[name].launches for name in call.then)
        return launches and str(self._resolved(call.about)) == self._ids.get(step.address)

    def _settle(self, step: Step) -> None:
        if self._run.locked.is_intended(step.address):
            self._run.locked.settle(step.address)

    def _put_on_record(self, step: Step, call: Call) -> None:
        """What the state is to hold of the entry, should the run die over the call."""
        locked = self._run.locked
        kept = locked.kept(step.address) or replace(step.applied or Applied("", {}), attributes={})
        kept = replace(kept, id=kept.id or self._ids[step.address])
        locked.put(step.address, replace(kept, attributes={**kept.attributes, **call.record}))

    def _happened(self, step: Step, call: Call, doomed: str | None, error: ApiError) -> bool:
        """Whether a call that ended in an error has the outcome that it was to have."""
        if isinstance(error, Unreachable):
            return False
        if doomed is not None:
            # Deleting what is gone already is an error to the platform and success to us.
            return self._read(step, doomed) is None
        # A platform may refuse to cancel what is no longer scheduled; and a reply may be lost.
        expected = call.then or call.shows
        return bool(expected) and self._reads(step, call, expected)

    def _reads(self, step: Step, call: Call, expected: Attributes) -> bool:
        """Whether the object reads as it must after the call; looked at again while the platform may lag."""
        about = str(self._resolved(call.about))
        for pause in self._run.patience.waits:
            self._run.patience.sleep(pause)
            live = self._read(step, about)
            if live is not None and self._run.registry.kind(step.address).holds(live, expected):
                self._objects.seen(step, live)
                return True
        return False

    def _read(self, step: Step, id_: str) -> RemoteObject | None:
        """The object as it is now, None if it is gone."""
        kind = self._run.registry.kind(step.address)
        return find(kind, self._run.clients[step.address.provider], Wanted(frozenset([id_]))).get(id_)

    def _check_launch(self, step: Step, call: Call, id_: str) -> None:
        """See that what will go out is what was approved, once; if not, take it back at once.

        Raises:
            PlanStale: it was taken back, or could not be.
        """
        wrong = self._objects.wrong_with_launch(step, call, id_)
        if wrong is None:
            return
        try:
            undone = self._take_back(step, id_)
        except ReconcileError as error:
            error.diagnostics += (not_stopped(step),)
            raise
        state = "It was taken back at once" if undone else "It could NOT BE STOPPED"
        stale = PlanStale(
            f"{wrong} {state}.",
            hint="Plan again to see how it stands." if undone else "Stop it in the web interface at once.",
            address=str(step.address),
        )
        if not undone:
            stale.diagnostics += (not_stopped(step),)
        raise stale

    def _take_back(self, step: Step, id_: str) -> bool:
        """Cancel what this run has just launched; whether that is seen to be done."""
        kind, alias = self._run.registry.kind(step.address), step.address.provider
        for attempt in range(1, _TRIES + 1):
            try:
                live = self._read(step, id_)
                calls = kind.releases([live], None) if live is not None else ()
                if not calls:
                    self._settle(step)
                    return True
                for call in calls:
                    self._gate.once(alias, call)
            except ApiError as error:
                self._run.clients[alias].rest(attempt, error)
            else:
                if all(self._reads(step, call, call.then) for call in calls):
                    kept = self._run.locked.kept(step.address)
                    if kept is not None and kept.id == id_:
                        then = {name: value for call in calls for name, value in call.then.items()}
                        self._run.locked.put(step.address, replace(kept, attributes={**kept.attributes, **then}))
                    return True
        return False

    def _make_once(self, step: Step, operation: Operation, call: Call) -> str:
        """A create: on record before it is sent; whatever the answer, looked for before it is sent again."""
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
        attempt, perhaps = 0, False
        while True:
            attempt += 1
            try:
                answer = self._send(step, call, lambda: self._objects.look_before_create(step, call))
                made = self._believed(step, intent, operation.made_id(answer))
                self._objects.made(step, made)
                return made
            except (Refused, PlanStale, Interrupted):
                if not perhaps:
                    locked.settle(step.address)
                raise
            except ApiError as error:
                if isinstance(error, Unreachable):
                    if attempt < _TRIES:
                        self._run.clients[step.address.provider].rest(attempt, error)
                        continue
                    if not perhaps:
                        locked.settle(step.address)
                    raise
                perhaps = True
                if isinstance(error, UnknownOutcome):
                    self._run.clients[step.address.provider].rest(attempt, error)
                found = self._looked_up(step, intent, error)
                if found is not None:
                    return found
                if attempt > _TRIES or not isinstance(error, UnknownOutcome):
                    if not isinstance(error, Unauthorised):
                        locked.settle(step.address)
                    raise

    def _looked_up(self, step: Step, intent: Intent, error: ApiError) -> str | None:
        """The object that a create made although it ended in an error; a platform may make it and then refuse."""
        run = self._run
        bound = self._objects.bound(step.address)
        patience = run.patience
        if not isinstance(error, UnknownOutcome):
            patience = replace(patience, waits=patience.waits[:1])  # it says clearly that it made none
        try:
            made = look_up(intent, bound, run.registry, run.clients, patience)
        except Unauthorised:
            if isinstance(error, UnknownOutcome):
                raise
            return None  # refused for this question, too: the next run asks it
        self._objects.touched(step)
        if made is not None:
            self._objects.made(step, made)
        return made

    def _believed(self, step: Step, intent: Intent, id_: str) -> str:
        """The id that an answer gives a new object, unless it is known to be another's.

        Raises:
            UnknownOutcome: it is, so that what was made has yet to be found.
        """
        known = id_ in intent.before or id_ in self._objects.bound(step.address)
        if known or not self._objects.claim(step, id_):
            raise UnknownOutcome(
                f"{intent.operation}: the answer names an object that was there before (id {id_}), so it is no answer "
                "to this call."
            )
        return id_

    def _send(self, step: Step, call: Call, look: Look) -> Any:
        alias = step.address.provider
        resolved = replace(call, arguments=self._resolved(call.arguments))
        try:
            answer = self._gate.once(alias, resolved, look)
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
