"""A finding about a value is told at the attribute that has it, and not at one whose value stands in any sentence."""

from reconcile.errors import Diagnostic, Location
from reconcile.model.address import Address
from reconcile.model.resource import Resource
from reconcile.planner.changes import _located


def test_the_longest_value_named_is_the_one_that_is_meant() -> None:
    places = {name: Location("a.yaml", line) for line, name in enumerate(("preheader", "name", "startDate"), 2)}
    values = {"preheader": "", "name": "a", "startDate": "2026-10-25T02:30:00"}
    entry = Resource(Address("g", "campaign", "x"), values, Location("a.yaml", 1), locations=places)
    found = Diagnostic("bad-time", "no such time", "This is a time that comes twice: 2026-10-25T02:30:00.")
    assert _located(found, entry).location == places["startDate"]
    other = Diagnostic("bad", "bad", "Nothing of it can be told.")
    assert _located(other, Resource(entry.address, {"preheader": ""}, entry.location, locations=places)).location == (
        entry.location
    )
