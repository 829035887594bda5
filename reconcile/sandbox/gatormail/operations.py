"""Who carries out each operation; what it is called, takes and answers stands in the OpenAPI document."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from reconcile.sandbox.distortions import Distortions
from reconcile.sandbox.gatormail import campaigns, contacts, emails, feed, groups, mappings, triggers
from reconcile.sandbox.gatormail.contract import PATHS, TEXTS
from reconcile.sandbox.gatormail.document import OPERATIONS
from reconcile.sandbox.gatormail.instance import Instance
from reconcile.sandbox.gatormail.reply import ApiError


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a call says: path variables (or query members of their names), the body as read, and the query."""

    variables: Mapping[str, str]
    query: Mapping[str, str]
    body: Any
    distortions: Distortions

    def number(self, name: str) -> int:
        """A path variable that is a number."""
        text = self.text(name) or ""
        if not (text.isascii() and text.isdigit()):
            raise ApiError(400, "The request is invalid", {name: ["Should be a whole number"]})
        return int(text)

    def text(self, name: str) -> str | None:
        """A path variable; a contract may have dropped it from the path, and it may then be in the query."""
        return self.variables.get(name, self.query.get(name.lower()))

    def page(self, largest: int) -> tuple[int, int]:
        """Limit and offset of the page asked for; the first one is 1."""
        page, size = self.number("page"), self.number("pageSize")
        if page < 1:
            raise ApiError(400, "The request is invalid", {"page": ["The first page is 1"]})
        if not 1 <= size <= largest:
            raise ApiError(400, "The request is invalid", {"pageSize": [f"Should be from 1 to {largest}"]})
        page, size = self.distortions.page(1, page, size)
        return size, (page - 1) * size


_VARIABLE = re.compile(r"\{(\w+)\}")
HANDLERS: Mapping[str, Callable[..., Any]] = {
    "op.campaign.list": campaigns.page,
    "op.campaign.get": campaigns.get,
    "op.campaign.create": campaigns.create,
    "op.campaign.update": campaigns.update,
    "op.campaign.delete": campaigns.delete,
    "op.campaign.initiate": campaigns.initiate,
    "op.campaign.uninitiate": campaigns.uninitiate,
    "op.campaign.audience": campaigns.audience,
    "op.campaign.stats": campaigns.stats,
    "op.campaign.setUnsubscribe": campaigns.set_unsubscribe,
    "op.campaign.test": campaigns.test,
    "op.campaign.trigger": triggers.trigger,
    "op.trigger.get": triggers.get,
    "op.trigger.cancel": triggers.cancel,
    "op.email.list": emails.page,
    "op.email.get": emails.get,
    "op.email.create": emails.create,
    "op.email.update": emails.update,
    "op.group.list": groups.page,
    "op.group.get": groups.get,
    "op.group.create": groups.create,
    "op.group.update": groups.update,
    "op.group.delete": groups.delete,
    "op.group.count": groups.count,
    "op.group.cleardown": groups.clear_down,
    "op.group.included.list": partial(groups.members, "included"),
    "op.group.included.add": partial(groups.add, "included"),
    "op.group.included.remove": partial(groups.remove, "included"),
    "op.group.excluded.list": partial(groups.members, "excluded"),
    "op.group.excluded.add": partial(groups.add, "excluded"),
    "op.group.excluded.remove": partial(groups.remove, "excluded"),
    "op.contact.list": contacts.page,
    "op.contact.get": contacts.get,
    "op.contact.match": contacts.match,
    "op.contact.upsert": contacts.upsert,
    "op.contact.update": contacts.update,
    "op.contact.groups": contacts.groups_of,
    "op.contact.fields": contacts.fields,
    "op.schema.get": mappings.get,
    "op.schema.delete": mappings.delete,
    "op.schema.entity.create": mappings.add_entity,
    "op.schema.attribute.create": mappings.add_attribute,
    "op.integration.requests": mappings.requests,
    "op.integration.satisfied": mappings.satisfied,
    "op.datafeed.options.get": feed.options,
    "op.datafeed.options.set": feed.set_options,
    "op.datafeed.fetch": feed.fetch,
    "op.datafeed.ack": feed.mark,
}
# The capability without which an instance does not offer an operation.
_NEEDED: Mapping[str, str] = {
    "triggers": "op.campaign.trigger op.trigger.get op.trigger.cancel",
    "email_read": "op.email.list op.email.get",
    "group_update": "op.group.update",
    "membership_read": "op.group.included.list op.group.excluded.list",
    "membership_remove": "op.group.included.remove op.group.excluded.remove",
    "contact_fields": "op.contact.fields",
}
NEEDS: Mapping[str, str] = {key: capability for capability, keys in _NEEDED.items() for key in keys.split()}
# Those that are also answered under POST.
ACKNOWLEDGING = frozenset({"op.integration.satisfied", "op.datafeed.ack"})


def carry_out(key: str, instance: Instance, call: Arguments) -> Any:
    """Do what an operation does: it takes what its path names, in that order, and the body if there is one."""
    given: list[Any] = []
    for name in _VARIABLE.findall(PATHS[key]):
        if name == "page":
            given += call.page(instance.positions.number("largest_page"))
        elif name != "pageSize":
            given.append(call.text(name) if name in TEXTS else call.number(name))
    if key == "op.contact.match":
        names = (instance.contract.text(f"p.contact.match.{each}") for each in ("field", "value"))
        given += (call.query.get(name.lower()) for name in names)
    return HANDLERS[key](instance, *given, *([call.body] if OPERATIONS[key].takes else []))
