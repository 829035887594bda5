"""What entries say about one another: references, cycles, former names, and each kind's own check."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Set

from reconcile.errors import Diagnostic, Location
from reconcile.manifests.content import ProjectFiles, Unreadable
from reconcile.manifests.validate import Link
from reconcile.model.address import Address
from reconcile.model.registry import Registry, nearest
from reconcile.model.resource import Resource


def check_links(
    links: Iterable[Link], declared: Mapping[Address, Location], elsewhere: Collection[Address] = ()
) -> Iterator[Diagnostic]:
    """References to what is not declared; ``elsewhere`` are the entries that are for other environments alone."""
    for link in links:
        target = link.target
        if target in declared:
            continue
        known = [a.name for a in declared if a.provider == target.provider and a.kind == target.kind]
        close = _bare_name(target, known) or (nearest(target.name, known) if "${" not in link.written else None)
        detail = f"{link.written} refers to a {target.kind} that no manifest declares. Declare it, or correct the name."
        hint = f'Did you mean "{close}"?' if close else None
        if target in elsewhere:
            hint = (
                "Its entry is for other environments (`only`). Say there what stands here, or who refers to it: `only`."
            )
        if hint is None and not known:
            hint = f"There is no {target.kind} of {target.provider} in the manifests yet."
        yield Diagnostic("dangling-reference", "a reference to nothing", detail, str(link.owner), link.location, hint)


def _bare_name(target: Address, known: Collection[str]) -> str | None:
    """The entry's name where its whole address, or the way to it in the manifests, was written in its place."""
    parts = [part for part in re.split(r"[./]", target.name) if part]
    return parts[-1] if len(parts) > 1 and parts[-1] in known else None


def check_cycles(links: Iterable[Link], declared: Mapping[Address, Location]) -> Iterator[Diagnostic]:
    """Entries that refer to themselves, directly or through others; each circle is told once."""
    edges: dict[Address, dict[Address, Link]] = {}
    for link in links:
        if link.target in declared:
            edges.setdefault(link.owner, {}).setdefault(link.target, link)
    done: set[Address] = set()
    for start in sorted(edges):
        if start in done:
            continue
        circle = _circle(start, edges, done)
        if circle is None:
            continue
        steps = [edges[owner][target] for owner, target in zip(circle, (*circle[1:], circle[0]), strict=True)]
        if len(circle) == 1:
            detail = f"{circle[0]} refers to itself, so it could never be made. Leave the reference out."
        else:
            names = " -> ".join(str(address) for address in (*circle, circle[0]))
            detail = f"These entries refer to one another in a circle, so none could be made first: {names}. Break it."
        others = tuple(step.location for step in steps[1:])
        yield Diagnostic(
            "reference-cycle", "references go in a circle", detail, str(circle[0]), steps[0].location, others=others
        )


def _circle(
    start: Address, edges: Mapping[Address, Mapping[Address, Link]], done: set[Address]
) -> tuple[Address, ...] | None:
    """The first circle found from here on, smallest address first; what was walked is added to ``done``."""
    trail: list[Address] = []
    on_trail: set[Address] = set()
    waiting = [iter((start,))]
    found: tuple[Address, ...] | None = None
    while waiting:
        address = next(waiting[-1], None)
        if address is None:
            waiting.pop()
            if trail:
                last = trail.pop()
                on_trail.discard(last)
                done.add(last)
        elif address in on_trail:
            if found is None:
                circle = trail[trail.index(address) :]
                least = circle.index(min(circle))
                found = (*circle[least:], *circle[:least])
        elif address not in done:
            trail.append(address)
            on_trail.add(address)
            waiting.append(iter(sorted(edges.get(address, ()))))
    return found


def check_moves(resources: Mapping[Address, Resource], declared: Set[Address]) -> Iterator[Diagnostic]:
    """Former names that are still in use, or that two entries claim."""
    claimed: dict[Address, Resource] = {}
    for address in sorted(resources):
        resource = resources[address]
        place = resource.locations.get("was", resource.location)
        for former in resource.was:
            if former in declared:
                detail = (
                    f"{address} says that it was {former}, which is still declared. Rename that entry, or leave it "
                    f"out of `was`."
                )
                yield Diagnostic("former-name-in-use", "a former name is in use", detail, str(address), place)
            elif former in claimed:
                first = claimed[former]
                detail = f"{first.address} and {address} both say that they were {former}. Only one of them can be."
                other = first.locations.get("was", first.location)
                yield Diagnostic(
                    "former-name-twice", "a former name is claimed twice", detail, str(address), place, others=(other,)
                )
            else:
                claimed[former] = resource


def check_kinds(resources: Mapping[Address, Resource], registry: Registry) -> Iterator[Diagnostic]:
    """What the kinds themselves find wrong."""
    alike: dict[tuple[str, str], dict[Address, Resource]] = {}
    for address, resource in resources.items():
        if resource.external:
            continue
        alike.setdefault((address.provider, address.kind), {})[address] = resource
        for attribute, sentence in registry.kind(address).check(resource):
            yield _does_not_fit(resource, attribute, sentence)
    for group in alike.values():
        for address, attribute, sentence in registry.kind(next(iter(group))).check_together(group):
            yield _does_not_fit(group[address], attribute, sentence)


def check_sources(
    resources: Mapping[Address, Resource], registry: Registry, files: ProjectFiles
) -> Iterator[Diagnostic]:
    """Files that will be read later: whether they are there, inside the project."""
    for address, resource in resources.items():
        for attribute, path in _sources(resource, registry).items():
            try:
                files.located(path)
            except Unreadable as reason:
                place = resource.locations.get(attribute, resource.location)
                detail = f"`{attribute}` names {path}. {reason.detail}"
                yield Diagnostic(reason.code, reason.summary, detail, str(address), place, reason.hint)


def _sources(resource: Resource, registry: Registry) -> Mapping[str, str]:
    return {} if resource.external else registry.kind(resource.address).sources(resource)


def _does_not_fit(resource: Resource, attribute: str | None, sentence: str) -> Diagnostic:
    place = resource.locations.get(attribute, resource.location) if attribute else resource.location
    return Diagnostic("wrong-entry", "an entry does not fit together", sentence, str(resource.address), place)
