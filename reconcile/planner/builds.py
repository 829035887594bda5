"""Mails that another builder would make otherwise: a newer one alone changes nothing, unless it is asked for.

A text whose sources are those that were applied is not written again because of what builds it. It stays as it is live
where that can be read; where it can't, it is left out of the comparison, and what writes the mail anyway writes what is
built now.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from reconcile.errors import Diagnostic, Severity
from reconcile.model.address import Address
from reconcile.model.attributes import same
from reconcile.model.kind import PLAIN, Kind, rules
from reconcile.model.resource import Applied, RemoteObject, Resource
from reconcile.planner.plan import Step

_NAMED = 5


def as_applied(resource: Resource, kind: Kind, applied: Applied | None, live: RemoteObject | None) -> Resource:
    """The resource with texts as they were applied that only another builder makes otherwise; itself if there is none.

    What somebody has edited outside since is put back as it is built now.
    """
    if applied is None or live is None or not resource.builds or not applied.builds:
        return resource
    kept = {}
    for name, made in resource.builds.items():
        last = applied.builds.get(name)
        if last is None or last.source != made.digest or last.builder == made.builder or name not in applied.attributes:
            continue
        if same(resource.attributes[name], applied.attributes[name]):
            continue
        if not rules(kind.spec).get(name, PLAIN).readable or name not in live.attributes:
            kept[name] = applied.attributes[name]
        elif same(live.attributes[name], applied.observed.get(name, applied.attributes[name])):
            kept[name] = live.attributes[name]
    return replace(resource, attributes={**resource.attributes, **kept}) if kept else resource


def writes_unknown(step: Step, declared: Resource, resource: Resource) -> bool:
    """Whether a step writes a text that was kept as applied, of which only the digest is known, or makes all anew."""
    unknown = any(not isinstance(resource.attributes[name], str) for name in _kept(declared, resource))
    return step.renews or (unknown and bool(step.calls))


def on_record(step: Step, declared: Resource, resource: Resource, before: Applied | None) -> Step:
    """The step, the state keeping of each built text what was applied and by whom it was built."""
    if step.applied is None or declared.external or not (declared.builds or (before is not None and before.builds)):
        return step
    attributes = dict(step.applied.attributes)
    known = before.builds if before is not None else {}
    kept = _kept(declared, resource)
    for name in kept if before is not None else ():
        if before is not None and name in before.attributes and name in attributes:
            attributes[name] = before.attributes[name]
    builds = {}
    for name, value in attributes.items():
        if name in declared.builds and same(declared.attributes[name], value):
            builds[name] = declared.builds[name].record
        elif name in known and before is not None and same(before.attributes.get(name), value):
            builds[name] = known[name]
    return replace(step, applied=replace(step.applied, attributes=attributes, builds=builds))


def built_otherwise(desired: Mapping[Address, Resource], steps: Mapping[Address, Step]) -> Iterator[Diagnostic]:
    """A word on mails that stay as an earlier builder made them."""
    found: dict[tuple[str, str], list[Address]] = {}
    for address, step in steps.items():
        for name, last in (step.applied.builds if step.applied is not None else {}).items():
            made = desired[address].builds.get(name) if address in desired else None
            if made is not None and made.digest == last.source and made.builder != last.builder:
                found.setdefault((last.builder, made.builder), []).append(address)
    for (former, now), addresses in sorted(found.items()):
        named = sorted(set(map(str, addresses)))
        more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
        yield Diagnostic(
            "built-before",
            "built by an earlier builder",
            f"{', '.join(named[:_NAMED])}{more}: built by {former}; {now} would make something else of the same "
            "sources. Nothing changes for that alone.",
            hint="To take what is built now: reconcile plan --rebuild",
            severity=Severity.WARNING,
        )


def _kept(declared: Resource, resource: Resource) -> list[str]:
    if resource is declared:
        return []
    return [name for name in declared.builds if resource.attributes[name] is not declared.attributes[name]]
