"""Audiences beside one another: what one keeps in sync can have no other, since each would undo what the other does."""

from collections.abc import Iterator, Mapping

from reconcile.model.address import Address
from reconcile.model.reference import Reference
from reconcile.model.resource import Resource


def check_together(
    resources: Mapping[Address, Resource], attribute: str, noun: str
) -> Iterator[tuple[Address, str | None, str]]:
    """Findings; ``attribute`` names the lists or the group that people are put on or in, ``noun`` is such a thing."""
    for address, resource in resources.items():
        if resource.attributes.get("mode") != "sync":
            continue
        for other, found in resources.items():
            shared = _targets(resource, attribute) & _targets(found, attribute)
            told_there = found.attributes.get("mode") == "sync" and other < address
            if shared and other != address and not told_there:
                names = ", ".join(sorted(str(target) for target in shared))
                sentence = (
                    f"It keeps {names} in sync, and {other} puts people there, too. A {noun} with an audience in the "
                    f"mode sync can have no other audience."
                )
                yield address, attribute, sentence


def _targets(resource: Resource, attribute: str) -> frozenset[Reference]:
    value = resource.attributes.get(attribute, ())
    return frozenset(value if isinstance(value, tuple) else (value,))
