"""The table of operations: how each is called in the vendor's documents, what it takes and answers, and who does it.

Operation ids, success statuses, bodies and answers are those of the reference OpenAPI document.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from reconcile.sandbox.distortions import Distortions
from reconcile.sandbox.gatormail import campaigns, contacts, emails, feed, groups, mappings, triggers
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


_Handler = Callable[[Instance, Arguments], Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. ``takes`` and ``answers`` name shapes, in brackets for arrays; ``needs`` is a capability."""

    name: str
    handler: _Handler
    answers: str = ""
    takes: str = ""
    status: int = 200
    write: bool = False
    needs: str = ""


def _paged(function: Callable[[Instance, int, int], Any]) -> _Handler:
    return lambda instance, call: function(instance, *call.page(instance.positions.number("largest_page")))


def _one(function: Callable[[Instance, int], Any], variable: str) -> _Handler:
    return lambda instance, call: function(instance, call.number(variable))


def _changed(function: Callable[[Instance, int, dict[str, Any]], Any], variable: str) -> _Handler:
    return lambda instance, call: function(instance, call.number(variable), call.body)


def _made(function: Callable[[Instance, dict[str, Any]], Any]) -> _Handler:
    return lambda instance, call: function(instance, call.body)


def _whole(function: Callable[[Instance], Any]) -> _Handler:
    return lambda instance, call: function(instance)


def _members(state: str) -> _Handler:
    return lambda instance, call: groups.members(
        instance, call.number("groupId"), state, *call.page(instance.positions.number("largest_page"))
    )


def _join(state: str) -> _Handler:
    return lambda instance, call: groups.add(instance, call.number("groupId"), state, call.body)


def _leave(state: str) -> _Handler:
    return lambda instance, call: groups.remove(instance, call.number("groupId"), state, call.number("contactId"))


def _match(instance: Instance, call: Arguments) -> list[dict[str, Any]]:
    field, value = (call.query.get(instance.contract.text(f"p.contact.match.{name}").lower()) for name in _MATCH)
    if not value:
        raise ApiError(
            400, "The request is invalid", {instance.contract.text("p.contact.match.value"): ["Is required"]}
        )
    return contacts.match(instance, field or "emailLogin", value)


_MATCH = ("field", "value")

OPERATIONS: Mapping[str, Operation] = {
    "op.campaign.list": Operation("gatormail_campaignList", _paged(campaigns.page), "[campaign]"),
    "op.campaign.get": Operation("gatormail_getCampaign", _one(campaigns.get, "campaignId"), "campaign"),
    "op.campaign.create": Operation(
        "gatormail_addCampaign", _made(campaigns.create), "campaign", "campaign", 201, write=True
    ),
    "op.campaign.update": Operation(
        "gatormail_updateCampaign", _changed(campaigns.update, "campaignId"), "campaign", "campaign", write=True
    ),
    "op.campaign.delete": Operation(
        "gatormail_deleteCampaign", _one(campaigns.delete, "campaignId"), status=204, write=True
    ),
    "op.campaign.initiate": Operation(
        "gatormail_initiateCampaign", _one(campaigns.initiate, "campaignId"), "initiate", write=True
    ),
    "op.campaign.uninitiate": Operation(
        "gatormail_uninitiateCampaign", _one(campaigns.uninitiate, "campaignId"), "uninitiate", write=True
    ),
    "op.campaign.audience": Operation(
        "gatormail_getCampaignAudience", _one(campaigns.audience, "campaignId"), "audience"
    ),
    "op.campaign.stats": Operation("gatormail_getCampaignStats", _one(campaigns.stats, "campaignId"), "stats"),
    "op.campaign.setUnsubscribe": Operation(
        "gatormail_putCampaignUnsubscribe",
        lambda instance, call: campaigns.set_unsubscribe(
            instance, call.number("campaignId"), call.number("unsubscribeId")
        ),
        "campaign",
        write=True,
    ),
    "op.campaign.test": Operation(
        "gatormail_postCampaignTest", _changed(campaigns.test, "campaignId"), takes="testSend", write=True
    ),
    "op.campaign.trigger": Operation(
        "gatormail_postCampaignTrigger",
        _changed(triggers.trigger, "campaignId"),
        "triggerResult",
        "trigger",
        202,
        write=True,
        needs="triggers",
    ),
    "op.trigger.get": Operation(
        "gatormail_getTrigger",
        lambda instance, call: triggers.get(instance, call.text("triggerKey") or ""),
        "triggerResult",
        needs="triggers",
    ),
    "op.trigger.cancel": Operation(
        "gatormail_deleteTrigger",
        lambda instance, call: triggers.cancel(instance, call.text("triggerKey") or ""),
        status=204,
        write=True,
        needs="triggers",
    ),
    "op.email.list": Operation("gatormail_emailList", _paged(emails.page), "[email]", needs="email_read"),
    "op.email.get": Operation("gatormail_getEmail", _one(emails.get, "emailId"), "email", needs="email_read"),
    "op.email.create": Operation("gatormail_addEmail", _made(emails.create), "email", "email", 201, write=True),
    "op.email.update": Operation(
        "gatormail_updateEmail", _changed(emails.update, "emailId"), "email", "email", write=True
    ),
    "op.group.list": Operation("gatormail_groupList", _paged(groups.page), "[group]"),
    "op.group.get": Operation("gatormail_getGroup", _one(groups.get, "groupId"), "group"),
    "op.group.create": Operation("gatormail_addGroup", _made(groups.create), "group", "group", 201, write=True),
    "op.group.update": Operation(
        "gatormail_updateGroup", _changed(groups.update, "groupId"), "group", "group", write=True, needs="group_update"
    ),
    "op.group.delete": Operation("gatormail_deleteGroup", _one(groups.delete, "groupId"), status=204, write=True),
    "op.group.count": Operation("gatormail_getGroupCount", _one(groups.count, "groupId"), "groupCount"),
    "op.group.cleardown": Operation(
        "gatormail_postGroupCleardown", _one(groups.clear_down, "groupId"), status=204, write=True
    ),
    "op.group.included.list": Operation(
        "gatormail_groupIncludedContactget", _members("included"), "[contact]", needs="membership_read"
    ),
    "op.group.included.add": Operation(
        "gatormail_groupIncludedContactpost", _join("included"), "[membership]", "[contact]", write=True
    ),
    "op.group.included.remove": Operation(
        "gatormail_groupIncludedContactdelete", _leave("included"), status=204, write=True, needs="membership_remove"
    ),
    "op.group.excluded.list": Operation(
        "gatormail_groupExcludedContactget", _members("excluded"), "[contact]", needs="membership_read"
    ),
    "op.group.excluded.add": Operation(
        "gatormail_groupExcludedContactpost", _join("excluded"), "[membership]", "[contact]", write=True
    ),
    "op.group.excluded.remove": Operation(
        "gatormail_groupExcludedContactdelete", _leave("excluded"), status=204, write=True, needs="membership_remove"
    ),
    "op.contact.list": Operation("gatormail_contactList", _paged(contacts.page), "[contact]"),
    "op.contact.get": Operation("gatormail_getContact", _one(contacts.get, "contactId"), "contact"),
    "op.contact.match": Operation("gatormail_contactMatch", _match, "[contact]"),
    "op.contact.upsert": Operation("gatormail_addContact", _made(contacts.upsert), "contact", "contact", write=True),
    "op.contact.update": Operation(
        "gatormail_updateContact", _changed(contacts.update, "contactId"), "contact", "contact", write=True
    ),
    "op.contact.groups": Operation(
        "gatormail_contactGroupList", _one(contacts.groups_of, "contactId"), "[contactGroup]"
    ),
    "op.contact.fields": Operation(
        "gatormail_contactFieldList", _whole(contacts.fields), "[contactField]", needs="contact_fields"
    ),
    "op.schema.get": Operation("gatormail_getSchema", _whole(mappings.get), "schema"),
    "op.schema.delete": Operation("gatormail_deleteSchema", _whole(mappings.delete), status=204, write=True),
    "op.schema.entity.create": Operation(
        "gatormail_postSchemaEntity", _made(mappings.add_entity), "entity", "entity", 201, write=True
    ),
    "op.schema.attribute.create": Operation(
        "gatormail_postSchemaAttribute", _made(mappings.add_attribute), "attribute", "attribute", 201, write=True
    ),
    "op.integration.requests": Operation("gatormail_getIntegrationRequests", _whole(mappings.requests), "[request]"),
    # Two operations are called get and yet change something: the log counts them as writes.
    "op.integration.satisfied": Operation(
        "gatormail_getIntegrationRequestSatisfied",
        lambda instance, call: mappings.satisfied(instance, call.text("requestType")),
        "request",
        write=True,
    ),
    "op.datafeed.options.get": Operation("gatormail_getDatafeedOptions", _whole(feed.options), "options"),
    "op.datafeed.options.set": Operation(
        "gatormail_postDatafeedOptions", _made(feed.set_options), "options", "options", write=True
    ),
    "op.datafeed.fetch": Operation("gatormail_getDatafeed", _whole(feed.fetch), "batch"),
    "op.datafeed.ack": Operation(
        "gatormail_getDatafeedBatchIdentifier",
        lambda instance, call: feed.mark(instance, call.text("batchIdentifier") or ""),
        "ack",
        write=True,
    ),
}
# Those that are also answered under POST.
ACKNOWLEDGING = frozenset({"op.integration.satisfied", "op.datafeed.ack"})
