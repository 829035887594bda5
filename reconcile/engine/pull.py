"""Write live edits back into the manifests; nothing remote changes.

The state remarks what was pulled into which manifests, and counts it as applied only where manifests that hold it are
planned: until they are merged, everybody else goes on seeing an outside edit.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from reconcile.engine.refresh import find
from reconcile.engine.workflow import Workspace, plan, settle
from reconcile.errors import Diagnostic, InvalidInput, Severity
from reconcile.manifests.load import Manifests
from reconcile.manifests.pulling import Drafts, made_from
from reconcile.manifests.text_change import Unwritable
from reconcile.model.address import Address
from reconcile.model.attributes import Value, condensed, digest_text, references, same
from reconcile.model.kind import Kind, Wanted, rules
from reconcile.model.resource import PullRecord, RemoteObject, Resource
from reconcile.planner.plan import AttributeChange, Cause, Growth, Plan, Right, Step
from reconcile.state.store import LockedState


@dataclass(frozen=True, slots=True)
class Pulled:
    """One attribute that a manifest, or a file that it points at, now says as it is live.

    ``conflict``: the manifest had been changed, too, and that change is gone; ``before`` is what it said.
    """

    address: Address
    attribute: str
    file: str
    before: Value
    after: Value
    conflict: bool = False
    text: bool = False


@dataclass(frozen=True, slots=True)
class TakenOut:
    """An entry that was taken out, as its object was deleted outside.

    ``comments`` stood above it and still do; ``files`` are those that no entry points at any more.
    """

    address: Address
    file: str
    comments: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


@dataclass(slots=True)
class Pull:
    """What a pull came to: what was written, what could not be, and which files differ now.

    ``taken_out`` are entries of what was deleted outside. ``reached`` is where more people than before are on record as
    approved of. ``unchecked`` counts, by attribute, what can't be read back, so that no edit of it was seen.
    """

    written: list[Pulled] = field(default_factory=list)
    taken_out: list[TakenOut] = field(default_factory=list)
    left: list[Diagnostic] = field(default_factory=list)
    files: tuple[str, ...] = ()
    reached: dict[Address, tuple[Growth, ...]] = field(default_factory=dict)
    unchecked: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Edits:
    """What the entry of one address is to say, and what it no longer says."""

    step: Step
    resource: Resource
    kind: Kind
    values: dict[str, Value] = field(default_factory=dict)
    removed: tuple[str, ...] = ()


def pull(
    workspace: Workspace,
    locked: LockedState,
    manifests: Manifests,
    drafts: Drafts,
    reload: Callable[[], Manifests],
    *,
    targets: Collection[Address] = (),
    detach: bool = False,
    by: str = "",
) -> Pull:
    """Take over what was edited outside, for all addresses or for ``targets``; ``reload`` reads the manifests anew.

    An entry that can't be written, since no manifest may say what is live, is reported and holds no other back. ``by``
    is who asked for it.

    Raises:
        InvalidInput: the manifests would say more, or less, than what is live; they are as before then.
    """
    settle(workspace, locked)
    made = plan(workspace, manifests.resources, locked.state)
    steps = [step for step in made.steps.values() if not targets or step.address in targets]

    def collected(of: Iterable[Step]) -> _Pulling:
        pulling = _Pulling(workspace, manifests.resources, replace(drafts, texts={}, bodies={}), detach=detach)
        for step in of:
            pulling.take(step)
        pulling.settle_bodies()
        return pulling

    def write(pulling: _Pulling, *, keep: bool) -> None:
        """The edits on disk; they stay there only if they say what is live and are to be kept."""
        try:
            with pulling.drafts.written() as files:
                pulling.outcome.files = files
                _check(manifests.resources, reload().resources, pulling.edits, pulling.gone)
                if not keep:
                    raise _Undone
        except OSError as error:
            raise InvalidInput(f"The manifests can't be written: {error.strerror}. They are as before.") from None
        except _Undone:
            return

    pulling, refused = collected(steps), dict[Address, InvalidInput]()
    try:
        write(pulling, keep=True)
    except InvalidInput as error:
        for step in [step for step in steps if step.address in {*pulling.edits, *pulling.gone}]:
            try:
                write(collected([step]), keep=False)
            except InvalidInput as reason:
                refused[step.address] = reason
        if not refused:
            raise error
        pulling = collected(step for step in steps if step.address not in refused)
        write(pulling, keep=True)
    pulling.outcome.left += [_refused(address, reason, manifests.resources) for address, reason in refused.items()]
    _put_on_record(locked, pulling, steps, PullRecord({}, commit=workspace.commit, by=by, when=workspace.clock()))
    pulling.outcome.left += _rendered_from(made, manifests.resources, pulling.edits, workspace)
    return pulling.outcome


def _put_on_record(locked: LockedState, pulling: "_Pulling", steps: Iterable[Step], record: PullRecord) -> None:
    """What was pulled, and how many people are approved of by it."""
    for edit in pulling.edits.values():
        _remark(locked, edit, record)
    for address in pulling.gone:
        locked.put(address, replace(locked.state.resources[address], pulled=replace(record, gone=True)))
    for step in steps:
        at = step.address if step.address in locked.state.resources else step.previous_address
        if step.outgrown and at is not None:
            kept = locked.state.resources[at]
            locked.put(at, replace(kept, reach={**kept.reach, **{grown.target: grown.now for grown in step.outgrown}}))
            pulling.outcome.reached[step.address] = step.outgrown


class _Undone(Exception):
    """Edits were written to see whether they can stand, and are not to stay."""


def _refused(address: Address, reason: InvalidInput, desired: Mapping[Address, Resource]) -> Diagnostic:
    """Why an entry can't say what is live, and what to do."""
    found = reason.diagnostics[0]
    return Diagnostic(
        "not-pulled",
        "not written to the manifests",
        f"{address}: no manifest may say what is live: {found.detail}",
        None,
        desired[address].location,
        hint=f"Correct it in the web interface, or put git's back: "
        f"reconcile apply --target {address} --overwrite-drift --auto-approve",
    )


class _Pulling:
    """Collects the edits of one pull."""

    def __init__(
        self, workspace: Workspace, desired: Mapping[Address, Resource], drafts: Drafts, *, detach: bool
    ) -> None:
        self._workspace = workspace
        self._desired = desired
        self.drafts = drafts
        self._detach = detach
        self._bodies: dict[str, dict[tuple[Address, str], Pulled]] = defaultdict(dict)
        self.outcome = Pull()
        self.edits: dict[Address, _Edits] = {}
        self.gone: set[Address] = set()

    def take(self, step: Step) -> None:
        """Take over what differs in one object."""
        resource = self._desired.get(step.address)
        self.outcome.unchecked.update(step.unchecked)
        if resource is None:
            if any(need.right is Right.OVERWRITE_DRIFT for need in step.requires):
                self._leave(step, "it was edited outside, but no manifest has it any more", None)
            return
        if step.cause is Cause.GONE:
            self._take_out(step, resource)
            return
        edits = _Edits(step, resource, self._workspace.registry.kind(step.address))
        outside = [change for change in step.changes if change.cause in (Cause.OUTSIDE, Cause.BOTH)]
        for change in outside:
            if change.name in resource.attributes:
                self._set(edits, change)
        computed = [change.name for change in outside if change.name not in resource.attributes]
        if computed and not self._detach:
            self._leave(
                step,
                f"{' and '.join(computed)} changed outside, and the entry has it from a template. Give --detach to "
                f"write it to a file of its own and take the template out",
                resource,
            )
        elif computed:
            self._detached(edits, computed)
        if edits.values or edits.removed:
            self.edits[step.address] = edits

    def _take_out(self, step: Step, resource: Resource) -> None:
        """Take the entry of what was deleted outside out of the manifests."""
        if step.previous_address is not None:
            self._leave(step, "it was deleted outside. Take the entry out, or let apply make it anew", resource)
            return
        if self.drafts.others and resource.only != (self.drafts.environment,):
            others = ", ".join(self.drafts.others)
            reason = f"it was deleted outside, and its entry is for other environments, too. Give it `only: [{others}]`"
            self._leave(step, reason, resource)
            return
        try:
            above = self.drafts.take_out(resource, self._workspace.registry.kind(step.address))
        except Unwritable as reason:
            self._leave(step, f"it was deleted outside, but its entry can't be taken out: {reason.reason}", resource)
            return
        used = {path for other in self._desired.values() if other is not resource for path in other.files.values()}
        files = tuple(sorted({*resource.files.values()} - used))
        self.outcome.taken_out.append(TakenOut(step.address, resource.location.file, tuple(above), files))
        self.gone.add(step.address)

    def settle_bodies(self) -> None:
        """Leave files as they are that other entries, whose texts differ, point at, too."""
        for file, users in self._bodies.items():
            others = {
                (address, name)
                for address, resource in self._desired.items()
                for name, path in resource.files.items()
                if path == file and (address, name) not in users
            }
            texts = {str(pulled.after) for pulled in users.values()}
            if not others and len(texts) == 1:
                self.outcome.written += users.values()
                continue
            self.drafts.bodies.pop(file)
            for address, name in users:
                edits = self.edits[address]
                del edits.values[name]
                whose = ", ".join(sorted(str(other) for other, _ in others or users if other != address))
                reason = f"{name} changed outside, but it is in {file}, which is also the file of {whose}"
                self._leave(edits.step, reason, edits.resource, name)
        self.edits = {address: edits for address, edits in self.edits.items() if edits.values or edits.removed}

    def _set(self, edits: _Edits, change: AttributeChange) -> None:
        name, live = change.name, change.before
        made = edits.resource.builds.get(name)
        if made is not None:
            # A source is never made from what was built of it.
            self._leave(
                edits.step,
                f"{name} changed outside, but it is built from {', '.join(made.sources)}. Make the edit there, or put "
                f"git's back: reconcile apply --target {edits.step.address} --overwrite-drift --auto-approve",
                edits.resource,
                name,
            )
            return
        try:
            file = self.drafts.set_value(edits.resource, edits.kind, name, live)
        except Unwritable as reason:
            self._leave(edits.step, f"{name} changed outside, but {reason.reason}", edits.resource, name)
            return
        edits.values[name] = live
        conflict = change.cause is Cause.BOTH
        pulled = Pulled(edits.step.address, name, file, change.after, live, conflict, change.text)
        if name in edits.resource.files:
            self._bodies[file][edits.step.address, name] = pulled
        else:
            self.outcome.written.append(pulled)

    def _detached(self, edits: _Edits, changed: Collection[str]) -> None:
        live = self._read(edits.step, edits.kind)
        names = edits.kind.computed(edits.resource.attributes)
        texts = {name: str(live.attributes[name]) for name in names if live.attributes[name] or name in changed}
        try:
            files = self.drafts.detach(edits.resource, edits.kind, texts)
        except Unwritable as reason:
            self._leave(edits.step, f"{' and '.join(changed)} changed outside, but {reason.reason}", edits.resource)
            return
        edits.removed = made_from(edits.kind, edits.resource)
        edits.values |= texts
        for (name, text), file in zip(texts.items(), files, strict=True):
            self.outcome.written.append(Pulled(edits.step.address, name, file, None, text, text=True))

    def _read(self, step: Step, kind: Kind) -> RemoteObject:
        id_ = step.id or ""
        found = find(kind, self._workspace.clients[step.address.provider], Wanted(frozenset([id_])))
        if id_ not in found:
            raise InvalidInput(f"{step.address} was deleted outside a moment ago.", hint="Run again.")
        return found[id_]

    def _leave(self, step: Step, reason: str, resource: Resource | None, name: str | None = None) -> None:
        place = resource.location if resource is not None else None
        if resource is not None and name is not None:
            place = resource.locations.get(name, place)
        self.outcome.left.append(
            Diagnostic("not-pulled", "not written to the manifests", f"{step.address}: {reason}.", None, place)
        )


def _check(
    before: Mapping[Address, Resource],
    after: Mapping[Address, Resource],
    edits: Mapping[Address, _Edits],
    gone: Collection[Address],
) -> None:
    """Refuse manifests that say anything but what they said before and what is live.

    Raises:
        InvalidInput: they do.
    """
    wrong = sorted((before.keys() - set(gone)) ^ after.keys())
    for address in before.keys() & after.keys():
        edit = edits.get(address)
        expected = dict(before[address].attributes)
        if edit is not None:
            expected = {name: value for name, value in expected.items() if name not in edit.removed} | edit.values
        found = after[address].attributes
        if expected.keys() != found.keys() or not all(same(expected[name], found[name]) for name in expected):
            wrong.append(address)
    if wrong:
        raise InvalidInput(
            f"The manifests would not say what is live: {', '.join(map(str, wrong))}. They are as before.",
            hint="Pull the other addresses by name, and edit this one by hand.",
        )


def _remark(locked: LockedState, edit: _Edits, record: PullRecord) -> None:
    """Put on record what the manifest says now and the platform has, beside what was applied."""
    address, source = edit.step.address, edit.step.previous_address
    # The new name is this checkout's, too.
    at = source if source is not None and source in locked.state.resources else address
    kept = locked.state.resources[at]
    known = rules(edit.kind.spec)
    values = {name: condensed(value) if known[name].text else value for name, value in edit.values.items()}
    observed = {name: digest_text(str(edit.values[name])) for name in kept.observed if name in edit.values}
    if kept.pulled is not None:
        values = {**kept.pulled.attributes, **values}
        observed = {**kept.pulled.observed, **observed}
    removed = (*(kept.pulled.removed if kept.pulled is not None else ()), *edit.removed)
    record = replace(record, attributes=values, removed=tuple(dict.fromkeys(removed)), observed=observed)
    locked.put(at, replace(kept, pulled=record))


def _rendered_from(
    made: Plan, desired: Mapping[Address, Resource], edits: Mapping[Address, _Edits], workspace: Workspace
) -> Iterator[Diagnostic]:
    """What the next apply makes anew, as it was made from what has changed."""
    changed = {address for address, edit in edits.items() if any(_long_texts(edit))}
    for address, resource in desired.items():
        known = rules(workspace.registry.kind(address).spec)
        embedded = {
            target for name, value in resource.attributes.items() if known[name].embeds for target in references(value)
        }
        detached = address in edits and edits[address].removed
        if embedded & changed and address in made.steps and not detached:
            names = ", ".join(map(str, sorted(embedded & changed)))
            yield Diagnostic(
                "rendered-before",
                "made from what has changed",
                f"{address} was made from {names} as it was before, so the next apply makes it anew, unless it was "
                f"sent.",
                severity=Severity.WARNING,
            )


def _long_texts(edit: _Edits) -> Iterator[str]:
    known = rules(edit.kind.spec)
    return (name for name in edit.values if known[name].text)
