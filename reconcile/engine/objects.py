"""What one run knows of the objects that it writes: as approved, or as its own last call left them.

Whoever edits one between two of our calls is noticed before the next of them. What the platform itself makes of a text
that we wrote is no such edit.
"""

import threading
from collections import defaultdict
from collections.abc import Collection as AnyCollection
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from reconcile.engine.fresh import Glance, Reader
from reconcile.engine.gate import Moment
from reconcile.engine.run import Run
from reconcile.errors import PlanStale, Refused
from reconcile.model.account import Account
from reconcile.model.address import Address
from reconcile.model.attributes import Attributes, Value, references, same
from reconcile.model.bulk import BulkKind
from reconcile.model.call import Call, Retry
from reconcile.model.kind import Action, Change, Kind, rules
from reconcile.model.likeness import alike
from reconcile.model.resource import Applied, RemoteObject
from reconcile.planner.diff import as_references
from reconcile.planner.plan import Step
from reconcile.planner.steps import launching, live_fingerprint, seen_fingerprint

_Place = tuple[Address, str]


@dataclass(slots=True)
class _Left:
    """How our own last call left an object: as it was read last (None: it is new), but for what that call wrote."""

    live: RemoteObject | None
    wrote: dict[str, Value] = field(default_factory=dict)
    follows: frozenset[str] = frozenset()


class Objects:
    """Looks at objects right before they are written; safe to use from several threads, a step being in one of them.

    ``ids`` are those of the entries' objects, which the run goes on adding to.
    """

    def __init__(self, run: Run, ids: dict[Address, str]) -> None:
        self._run = run
        self._ids = ids
        self._reader = Reader(run.registry, run.clients, run.paces, run.gate.moment)
        self._left: dict[_Place, _Left] = {}
        self._seen: dict[_Place, RemoteObject] = {}
        self._twins: dict[_Place, frozenset[str]] = {}
        self._templates: dict[Address, str] = {}
        self._stops: set[_Place] = set()  # where a stop of ours has left
        self._former: dict[Address, Applied | None] = {}
        state = run.locked.state
        self._accounts = dict(state.accounts)
        # Kept up as things are made, since to gather them for each new object would take ever longer.
        self._bound: dict[tuple[Account | str, str], set[str]] = defaultdict(set)
        self._managed: dict[tuple[str, str], set[str]] = defaultdict(set)
        for where, managed in run.circumstances.managed.items():
            self._managed[where] |= managed
        for address, id_ in ids.items():
            self.bound(address).add(id_)
        for address, kept in state.resources.items():
            self.bound(address).update((kept.id, *kept.deposed))
        self._guard = threading.Lock()
        for step in run.plan.steps.values():
            if step.writes and not isinstance(run.registry.kind(step.address), BulkKind):
                ids_ = [step.id] if step.id is not None and not step.renews else []
                self._reader.announce(step.address, ids_, step.key if self._will_create(step) else None)

    def look(self, step: Step, call: Call, id_: str, *, doomed: bool = False) -> Moment:
        """Read the object of a call, and see that it is as approved, or as our own last call left it.

        Raises:
            PlanStale: it isn't. Refused: it must not be written now.
        """
        kind, place = self._run.registry.kind(step.address), (step.address, id_)
        if not id_:
            return self._run.gate.moment()
        left = self._left.get(place)
        if left is not None and not kind.volatile and not doomed:
            return self._run.gate.moment()  # what a step does to it, it does in one go
        glance = self._glance(step, call, kind, id_, doomed=doomed)
        live = glance.objects.get(id_)
        if doomed and live is None:
            return glance.moment  # to delete what is gone is no harm
        if left is None:
            if step.live_fingerprint is not None and id_ == step.id:
                _refuse_edited(
                    step, live, live is not None and seen_fingerprint(step, kind, live) == step.live_fingerprint
                )
            if doomed or id_ == step.id:
                self._refuse_if(step, kind, Action.DELETE if doomed else step.action, live)
            else:
                self._refuse_if_immutable(step, kind, live)  # left over from an interrupted replacement
        else:
            self._refuse_if_touched(step, kind, left, live)
            self._refuse_if_immutable(step, kind, live)
        if live is not None:
            self._seen[place] = live
        if call.due is not None and live is not None:
            self._before_launch(step, call, kind, live, glance)
        return glance.moment

    def look_before_stop(self, step: Step, id_: str) -> Moment:
        """See that what is to be stopped is still ours; nothing else keeps it from being stopped.

        Raises:
            Refused: it isn't. PlanStale: somebody else has stopped it, and the step was to schedule it anew.
        """
        run, kind = self._run, self._run.registry.kind(step.address)
        glance = self._reader.alone(step.address, [id_])
        live, off = glance.objects.get(id_), launching(kind)
        if live is not None and id_ == step.id:
            circumstances = replace(run.circumstances, now=run.gate.now(step.address.provider))
            applied = run.locked.kept(step.address)
            change = Change(Action.UPDATE, step.address, off, applied, live, live.id, frozenset(off))
            if (refusal := kind.refusal(change, circumstances)) is not None:
                raise Refused.of([refusal])
        again = step.send is not None and step.send.after is not None
        if again and (step.address, id_) not in self._stops and (live is None or kind.holds(live, off)):
            raise PlanStale(
                f"It was {'deleted' if live is None else 'cancelled'} outside since the plan was made, so it is not "
                "scheduled anew.",
                hint="Plan again to see how it stands.",
                address=str(step.address),
            )
        return glance.moment

    def look_before_create(self, step: Step, call: Call) -> Moment:
        """See that nothing of the new object's natural key has come up, and what it is to replace is as approved."""
        run, kind = self._run, self._run.registry.kind(step.address)
        moments = [run.gate.moment()]
        if step.action is Action.REPLACE and step.id is not None and step.id not in self._touched_ids(step):
            glance = self._reader.alone(step.address, [step.id])
            live = glance.objects.get(step.id)
            self._refuse_unless_approved(step, kind, live)
            self._refuse_if(step, kind, step.action, live)
        elif step.id is None:
            self._refuse_if(step, kind, step.action, None)
        if step.key is not None and not kind.singleton:
            glance = self._reader.of_key(step.address, step.key)
            known = {*run.before.get(step.address, ()), *step.twins}
            bound = self.bound(step.address)
            if strangers := {id_ for id_ in glance.alike.keys() - known if id_ not in bound}:
                raise PlanStale(
                    f"Since the plan was made, an object with the same natural key has appeared (id "
                    f"{', '.join(sorted(strangers))}), so this one is not made.",
                    hint="Plan again.",
                    address=str(step.address),
                )
            moments.append(glance.moment)
        for template, fingerprint in self._embedded(step, kind):
            moments.append(template)
            self._templates[step.address] = fingerprint
        return min(moments, key=lambda moment: moment.monotonic)

    def made(self, step: Step, id_: str) -> None:
        """Note that our create made an object, which must read as it was declared."""
        self._left[step.address, id_] = _Left(None, self._declared(step))
        self.claim(step, id_)
        self.touched(step)

    def claim(self, step: Step, id_: str) -> bool:
        """Take a new object for a step; False if another one has it."""
        collection = self._run.registry.kind(step.address).collection.name
        with self._guard:
            taken = self.bound(step.address)
            if id_ in taken:
                return (step.address, id_) in self._left
            taken.add(id_)
            self._managed[step.address.provider, collection].add(id_)  # ours by now, so that it is in nobody's way
            return True

    def account(self, address: Address) -> Account | str:
        """Whose objects an address's are: several aliases may open one account."""
        return self._accounts.get(address.provider, address.provider)

    def bound(self, address: Address) -> set[str]:
        """The ids that a new object of the address's kind can't have: those of the state, and of what this run made."""
        return self._bound[self.account(address), self._run.registry.kind(address).collection.name]

    def wrote(self, step: Step, call: Call, id_: str, *, stops: bool = False) -> None:
        """Note that a call of ours about an object has left; whether it was carried out may be unknown."""
        if not id_:
            return
        if stops:
            self._stops.add((step.address, id_))
            self.touched(step, id_)  # what a plan was made from leaves out what its stops change
            return
        kind, place = self._run.registry.kind(step.address), (step.address, id_)
        former = self._left.get(place)
        wrote = dict(call.then) or self._written_by(step, kind)
        wrote = {**(former.wrote if former is not None else {}), **wrote}
        before = self._seen.get(place, former.live if former is not None else None)
        self._left[place] = _Left(before, wrote, frozenset(kind.follows(wrote, self._declared(step))))
        self.touched(step, id_)

    def seen(self, step: Step, live: RemoteObject) -> None:
        """Note how an object read right after our call: from now on it must read like this."""
        left = self._left.get((step.address, live.id))
        if left is not None and left.live is not None:
            self._refuse_nothing_but_note(step, left, live)

    def touched(self, step: Step, id_: str | None = None) -> None:
        """Forget what was read of an object, and of the objects of the step's natural key."""
        self._reader.touched(step.address, id_, step.key)

    def wrong_with_launch(self, step: Step, call: Call, id_: str) -> str | None:
        """What is not as approved of something that we have just scheduled; None if all is."""
        kind, place = self._run.registry.kind(step.address), (step.address, id_)
        glance = self._reader.alone(step.address, [id_], step.key)
        live, before = glance.objects.get(id_), self._seen.get(place)
        if live is None:
            return "It was deleted right after it was scheduled."
        follows = kind.follows(call.then, self._declared(step))
        changed = [
            name
            for name, value in live.attributes.items()
            if before is not None
            and name not in call.then
            and name not in follows
            and name in before.attributes
            and not same(before.attributes[name], value)
        ]
        if changed:
            return f"While it was being scheduled, somebody changed it outside ({', '.join(sorted(changed))})."
        if not kind.holds(live, call.then):
            return "While it was being scheduled, somebody moved or cancelled it outside."
        elder = [twin for twin in self._new_twins(step, call, kind, live, glance) if _age(twin) < _age(id_)]
        if elder:
            return (
                f"Another one of the same name goes to the same people at the same time (id {', '.join(elder)}), and "
                "was there first."
            )
        return None

    def _glance(self, step: Step, call: Call, kind: Kind, id_: str, *, doomed: bool) -> Glance:
        alone = doomed or call.due is not None or call.sends
        if not alone:
            return self._reader.together(step.address, [id_])
        dying = frozenset([id_]) if doomed and not kind.collection.studies else frozenset()
        return self._reader.alone(step.address, [id_], step.key if call.due is not None else None, dying)

    def _before_launch(self, step: Step, call: Call, kind: Kind, live: RemoteObject, glance: Glance) -> None:
        """Right before mail is handed over: nobody else has just done it, and its template is still the same."""
        if twins := self._new_twins(step, call, kind, live, glance):
            raise PlanStale(
                f"Since the plan was made, another one of the same name was scheduled for the same people and time "
                f"(id {', '.join(twins)}), so this one is not.",
                hint="Cancel one of the two, and plan again.",
                address=str(step.address),
            )
        known = self._templates.get(step.address)
        for id_, address in self._templates_of(step, kind).items() if known is not None else ():
            template = self._reader.alone(address, [id_]).objects.get(id_)
            if template is None or live_fingerprint(template) != known:
                raise _template_changed(step, "while it was made from it")

    def _new_twins(self, step: Step, call: Call, kind: Kind, live: RemoteObject, glance: Glance) -> list[str]:
        """Objects that nobody knew of and that send the same to the same people at the same time."""
        run = self._run
        known = {live.id, *step.twins, *run.before.get(step.address, ())}
        bound = self.bound(step.address)
        to = [name for name, rule in rules(kind.spec).items() if rule.refers is not None and not rule.embeds]
        return sorted(
            id_
            for id_, other in glance.alike.items()
            if id_ not in known
            and id_ not in bound
            and kind.holds(other, call.then)
            and all(same(other.attributes.get(name), live.attributes.get(name)) for name in to)
        )

    def _refuse_if(self, step: Step, kind: Kind, action: Action, live: RemoteObject | None) -> None:
        """Ask the kind once more, with the object and the time as they are now."""
        run = self._run
        now = run.gate.now(step.address.provider)
        circumstances = replace(run.circumstances, now=now, managed=self._managed)
        self._refuse_if_immutable(step, kind, live)
        if kind.collection.studies:
            return  # what it judges by is read for a plan alone
        # As it was when the step began: a replacement puts the new object on record before the old one is taken back.
        former = self._former.setdefault(step.address, run.locked.kept(step.address))
        change = Change(
            action,
            step.address,
            desired={
                **(step.applied.attributes if step.applied is not None else {}),
                **{changed.name: changed.after for changed in step.changes},
            },
            applied=former,
            live=live,
            id=live.id if live is not None else None,
            changed=frozenset(changed.name for changed in step.changes),
        )
        refusal = kind.refusal(change, circumstances)
        if refusal is not None:
            raise Refused.of([refusal])

    def _refuse_if_immutable(self, step: Step, kind: Kind, live: RemoteObject | None) -> None:
        circumstances = replace(self._run.circumstances, now=self._run.gate.now(step.address.provider))
        if live is not None and kind.immutable(live, circumstances):
            raise PlanStale("It was sent since the plan was made, so it is left as it is.", address=str(step.address))

    def _refuse_unless_approved(self, step: Step, kind: Kind, live: RemoteObject | None) -> None:
        approved = live is not None and seen_fingerprint(step, kind, live) == step.live_fingerprint
        _refuse_edited(step, live, approved)

    def _refuse_if_touched(self, step: Step, kind: Kind, left: _Left, live: RemoteObject | None) -> None:
        _refuse_edited(step, live, live is not None and not list(self._edited(step, kind, left, live)))

    def _refuse_nothing_but_note(self, step: Step, left: _Left, live: RemoteObject) -> None:
        """What our call was to do has been seen: where nothing else differs, this is how it was left."""
        kind = self._run.registry.kind(step.address)
        if not list(self._edited(step, kind, left, live)):
            self._left[step.address, live.id] = _Left(live)

    def _edited(self, step: Step, kind: Kind, left: _Left, live: RemoteObject) -> Iterator[str]:
        """The attributes that neither read as they did nor as our call wrote them."""
        names, off = rules(kind.spec), launching(kind)
        before = left.live.attributes if left.live is not None else {}
        for name, value in live.attributes.items():
            if name in left.follows or (name in before and same(before[name], value)):
                continue
            if name not in left.wrote and left.live is None and (name not in off or same(off[name], value)):
                continue  # what a new object has by itself; none is handed over by itself
            if name in left.wrote and self._as_written(step, names.get(name), left.wrote[name], value):
                continue
            yield name

    def _as_written(self, step: Step, rule: object, wrote: Value, read: Value) -> bool:
        if isinstance(wrote, Mapping):
            return True  # written member by member, so that it reads like neither on the way
        refers = getattr(rule, "refers", None)
        if refers is not None:
            ids = {(at.provider, at.kind, id_): at for at, id_ in dict(self._ids).items()}
            read = as_references(step.address, refers, read, ids)
        return same(wrote, read) or alike(wrote, read)

    def _declared(self, step: Step) -> dict[str, Value]:
        names = rules(self._run.registry.kind(step.address).spec)
        attributes: Attributes = {
            **(step.applied.attributes if step.applied is not None else {}),
            **{changed.name: changed.after for changed in step.changes},
        }
        return {
            name: value
            for name, value in attributes.items()
            if name not in names or (names[name].readable and not names[name].launches)
        }

    def _written_by(self, step: Step, kind: Kind) -> dict[str, Value]:
        names = rules(kind.spec)
        return {
            changed.name: changed.after
            for changed in step.changes
            if changed.name not in names or not names[changed.name].launches
        }

    def _templates_of(self, step: Step, kind: Kind) -> dict[str, Address]:
        """What is copied into the step's object when it is made, by its id."""
        names, attributes = rules(kind.spec), step.applied.attributes if step.applied is not None else {}
        return {
            id_: address
            for name, value in attributes.items()
            if name in names and names[name].embeds
            for address in references(value)
            if (id_ := self._ids.get(address))
        }

    def _embedded(self, step: Step, kind: Kind) -> Iterable[tuple[Moment, str]]:
        """How the template reads that an object is about to be made from and scheduled.

        Raises:
            PlanStale: not as it did when the plan was made.
        """
        launches = any(call.due is not None for call in step.calls)
        for id_, address in self._templates_of(step, kind).items() if launches else ():
            glance, planned = self._reader.alone(address, [id_]), self._run.plan.steps.get(address)
            if id_ not in glance.objects:
                continue
            found = live_fingerprint(glance.objects[id_])
            if planned is not None and not planned.writes and planned.live_fingerprint not in (None, found):
                raise _template_changed(step, "since the plan was made")
            yield glance.moment, found

    def _touched_ids(self, step: Step) -> AnyCollection[str]:
        return {id_ for address, id_ in self._left if address == step.address}

    def _will_create(self, step: Step) -> bool:
        operations = self._run.registry.operations(step.address.provider)
        return any(
            operations[call.operation].retry is Retry.LOOKUP and operations[call.operation].returns is not None
            for call in step.calls
        )


def _refuse_edited(step: Step, live: RemoteObject | None, unchanged: bool) -> None:
    """Stop a step whose object is not what it was when the plan was made, or when our last call left it."""
    if unchanged:
        return
    what = "was deleted" if live is None else "was edited"
    raise PlanStale(
        f"It {what} outside since the plan was made, so it is left as it is.",
        hint="Plan again to see the difference.",
        address=str(step.address),
    )


def _template_changed(step: Step, when: str) -> PlanStale:
    return PlanStale(
        f"Its template was changed outside {when}, so nobody has seen what it says, and it is not scheduled.",
        hint="Plan again.",
        address=str(step.address),
    )


def _age(id_: str) -> tuple[int, str]:
    """Ids count upwards on both platforms, so that the smaller one was there first."""
    return (int(id_) if id_.isdigit() else 0, id_)
