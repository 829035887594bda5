"""What an instance holds, the lights of the integration, and the clock."""

from reconcile.sandbox.gatormail import feed, mappings
from reconcile.sandbox.gatormail.instance import Instance
from reconcile.sandbox.web.gatormail import frame
from reconcile.sandbox.web.html import Child, Html, join, tag
from reconcile.sandbox.web.layout import clock, dot, table

_COUNTED = {"campaigns": "gm_campaign", "groups": "gm_group", "emails": "gm_email", "schema": "gm_attribute"}
_MEANINGS = {
    "FieldMappingSchema": "The integration is to post the fields of the other system.",
    "FieldMappingUpdates": "The integration is to read the mappings that were published.",
}


def page(instance: Instance) -> Html:
    """The instance at a glance."""
    rows: list[list[Child]] = [
        [tag("a", shown, href=frame.path(instance.name, kind)), _count(instance, kind)] for kind, shown in frame.KINDS
    ]
    people = instance.number("SELECT count(*) FROM gm_contact WHERE instance = :instance")
    return join(
        [
            table(["", "Number"], [*rows, ["Contacts", people]]),
            lights(instance),
            clock(frame.path(instance.name, "clock"), instance.now),
        ]
    )


def lights(instance: Instance) -> list[Html]:
    """The requests that people raise and the integration satisfies."""
    rows = [
        [
            dot("#d98200" if light["requested"] else "#8a94a3", "on" if light["requested"] else "off", round_=True),
            light["type"],
            "on" if light["requested"] else "off",
            light["requestedAt"] or "never",
            _MEANINGS[light["type"]],
        ]
        for light in mappings.requests(instance)
    ]
    return [tag("h2", "Requests"), table(["Light", "Request", "State", "Last raised", "When it is on"], rows)]


def _count(instance: Instance, kind: str) -> int:
    if kind == "feed":
        return feed.waiting(instance)
    return instance.number(f"SELECT count(*) FROM {_COUNTED[kind]} WHERE instance = :instance")  # noqa: S608 - our names
