"""GatorMail's operations, one row each: operation id, row of the contract table, retry class, shapes, provenance.

Ids, retry classes (R safe, I idempotent, V lookup, N never) and provenance are those of the vendor's page and of
``schemas/gatormail.openapi.yaml``; verbs and paths stand in ``contract.py``. A call's arguments are the variables of
its path, query members, and the members of its body by their own names; an array of contacts is the argument
``contacts``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from reconcile.model.call import Operation, Retry
from reconcile.providers.gatormail.contract import ROUTES

_SAFE, _IDEMPOTENT, _LOOKUP, _NEVER = Retry.SAFE, Retry.IDEMPOTENT, Retry.LOOKUP, Retry.NEVER


@dataclass(frozen=True, slots=True)
class GatorMailOperation(Operation):
    """A row. ``takes`` and ``answers`` name shapes of the contract, in brackets for arrays, "" for no body.

    ``needs`` is the capability without which it is not called, ``provenance`` how sure its verb and path are: "doc"
    (the vendor's page), "client" (seen in a public client) or "inferred".
    """

    key: str = ""
    takes: str = ""
    answers: str = ""
    needs: str | None = None
    provenance: str = "inferred"


def _row(
    name: str,
    key: str,
    retry: Retry,
    answers: str = "",
    takes: str = "",
    *,
    summary: str,
    used_by: str = "",
    write: bool = True,
    sends: bool = False,
    returns: str | None = None,
    needs: str | None = None,
    provenance: str = "inferred",
) -> GatorMailOperation:
    verb = ROUTES[key].partition(" ")[0]
    return GatorMailOperation(
        name=name,
        verb=verb,
        documented=(verb,) if provenance != "inferred" else (),
        retry=retry,
        write=write and retry is not _SAFE,
        sends=sends,
        returns=returns,
        used_by=tuple(used_by.split()),
        summary=summary,
        key=key,
        takes=takes,
        answers=answers,
        needs=needs,
        provenance=provenance,
    )


_ROWS = (
    _row("oauth_token", "op.auth.token", _IDEMPOTENT, "token", write=False, provenance="doc", used_by="sign-in",
         summary="Log in and get a bearer token."),
    _row("gatormail_campaignList", "op.campaign.list", _SAFE, "[campaign]", provenance="doc",
         used_by="account campaign group audience", summary="A page of the campaigns."),
    _row("gatormail_getCampaign", "op.campaign.get", _SAFE, "campaign", used_by="campaign group audience",
         summary="One campaign with its group and e-mail."),
    _row("gatormail_addCampaign", "op.campaign.create", _LOOKUP, "campaign", "campaign", returns="id",
         provenance="client", used_by="campaign", summary="Make a campaign, with its e-mail if that comes along."),
    _row("gatormail_updateCampaign", "op.campaign.update", _IDEMPOTENT, "campaign", "campaign", used_by="campaign",
         summary="Overwrite a campaign that is in setup."),
    _row("gatormail_deleteCampaign", "op.campaign.delete", _IDEMPOTENT, used_by="campaign",
         summary="Delete a campaign; its e-mail stays behind."),
    _row("gatormail_initiateCampaign", "op.campaign.initiate", _NEVER, "initiate", sends=True, provenance="client",
         used_by="campaign", summary="Queue a campaign, so that it goes out at its start date."),
    _row("gatormail_uninitiateCampaign", "op.campaign.uninitiate", _LOOKUP, "uninitiate", used_by="campaign",
         summary="Take a campaign back before its first message leaves."),
    _row("gatormail_getCampaignAudience", "op.campaign.audience", _SAFE, "audience",
         summary="How many people a campaign goes to."),
    _row("gatormail_getCampaignStats", "op.campaign.stats", _SAFE, "stats", summary="A campaign's results."),
    _row("gatormail_putCampaignUnsubscribe", "op.campaign.setUnsubscribe", _IDEMPOTENT, "campaign",
         summary="Attach an unsubscribe definition to a campaign."),
    _row("gatormail_postCampaignTest", "op.campaign.test", _NEVER, "", "testSend", sends=True,
         summary="Send a real message to one address."),
    _row("gatormail_postCampaignTrigger", "op.campaign.trigger", _LOOKUP, "triggerResult", "trigger", sends=True,
         needs="trigger", summary="Send a follow-up campaign to one contact."),
    _row("gatormail_getTrigger", "op.trigger.get", _SAFE, "triggerResult", needs="trigger",
         summary="What became of a trigger."),
    _row("gatormail_deleteTrigger", "op.trigger.cancel", _IDEMPOTENT, needs="trigger",
         summary="Cancel a trigger that was not sent yet."),
    _row("gatormail_emailList", "op.email.list", _SAFE, "[email]", needs="email.read",
         summary="A page of the e-mails."),
    _row("gatormail_getEmail", "op.email.get", _SAFE, "email", needs="email.read",
         summary="One e-mail with its content."),
    _row("gatormail_addEmail", "op.email.create", _LOOKUP, "email", "email", returns="id", summary="Make an e-mail."),
    _row("gatormail_updateEmail", "op.email.update", _IDEMPOTENT, "email", "email", used_by="campaign",
         summary="Overwrite the content of an e-mail; its name is fixed."),
    _row("gatormail_groupList", "op.group.list", _SAFE, "[group]", used_by="group", summary="A page of the groups."),
    _row("gatormail_getGroup", "op.group.get", _SAFE, "group", used_by="campaign", summary="One group."),
    _row("gatormail_addGroup", "op.group.create", _LOOKUP, "group", "group", returns="id", used_by="group",
         summary="Make a group."),
    _row("gatormail_updateGroup", "op.group.update", _IDEMPOTENT, "group", "group", needs="group.update",
         used_by="group", summary="Rename a group or change its description."),
    _row("gatormail_deleteGroup", "op.group.delete", _IDEMPOTENT, used_by="group",
         summary="Delete a group; its contacts stay."),
    _row("gatormail_getGroupCount", "op.group.count", _SAFE, "groupCount", used_by="group",
         summary="How many people are effectively in a group."),
    _row("gatormail_postGroupCleardown", "op.group.cleardown", _NEVER,
         summary="Remove all inclusions and exclusions, opt-outs among them."),
    _row("gatormail_groupIncludedContactget", "op.group.included.list", _SAFE, "[contact]", needs="membership.read",
         used_by="audience group", summary="A page of a group's inclusions."),
    _row("gatormail_groupIncludedContactpost", "op.group.included.add", _LOOKUP, "[membership]", "[contact]",
         used_by="audience group", summary="Include contacts in a group, making or updating them first."),
    _row("gatormail_groupIncludedContactdelete", "op.group.included.remove", _IDEMPOTENT, needs="membership.remove",
         used_by="audience", summary="Take one inclusion back."),
    _row("gatormail_groupExcludedContactget", "op.group.excluded.list", _SAFE, "[contact]", needs="membership.read",
         used_by="audience group", summary="A page of a group's exclusions."),
    _row("gatormail_groupExcludedContactpost", "op.group.excluded.add", _IDEMPOTENT, "[membership]", "[contact]",
         used_by="audience group", summary="Exclude contacts from a group."),
    _row("gatormail_groupExcludedContactdelete", "op.group.excluded.remove", _LOOKUP, sends=True,
         needs="membership.remove", summary="Take one exclusion back; it may be somebody's opt-out."),
    _row("gatormail_contactList", "op.contact.list", _SAFE, "[contact]", summary="A page of the contacts."),
    _row("gatormail_getContact", "op.contact.get", _SAFE, "contact", summary="One contact."),
    _row("gatormail_contactMatch", "op.contact.match", _SAFE, "[contact]", used_by="audience",
         summary="Contacts by the value of one field."),
    _row("gatormail_addContact", "op.contact.upsert", _IDEMPOTENT, "contact", "contact",
         summary="Make or update a contact by its address."),
    _row("gatormail_updateContact", "op.contact.update", _IDEMPOTENT, "contact", "contact",
         summary="Change members of one contact."),
    _row("gatormail_contactGroupList", "op.contact.groups", _SAFE, "[contactGroup]", used_by="audience",
         summary="The groups that a contact is in or excluded from."),
    _row("gatormail_contactFieldList", "op.contact.fields", _SAFE, "[contactField]", needs="contact.fields",
         used_by="audience", summary="The contact fields of the instance."),
    _row("gatormail_getSchema", "op.schema.get", _SAFE, "schema", used_by="schema schema-requests",
         summary="The CRM schema with the published mappings."),
    _row("gatormail_deleteSchema", "op.schema.delete", _NEVER, used_by="schema",
         summary="Delete all entities and attributes at once."),
    _row("gatormail_postSchemaEntity", "op.schema.entity.create", _LOOKUP, "entity", "entity", used_by="schema",
         summary="Add an entity to the schema."),
    _row("gatormail_postSchemaAttribute", "op.schema.attribute.create", _LOOKUP, "attribute", "attribute",
         used_by="schema", summary="Add an attribute to an entity."),
    _row("gatormail_getIntegrationRequests", "op.integration.requests", _SAFE, "[request]",
         used_by="schema schema-requests", summary="What the people in the web interface are waiting for."),
    _row("gatormail_getIntegrationRequestSatisfied", "op.integration.satisfied", _IDEMPOTENT, "request",
         used_by="schema schema-requests", summary="Tell them that it is done; a GET that changes something."),
    _row("gatormail_getDatafeedOptions", "op.datafeed.options.get", _SAFE, "options", used_by="datafeed",
         summary="Which activity is queued."),
    _row("gatormail_postDatafeedOptions", "op.datafeed.options.set", _IDEMPOTENT, "options", "options",
         used_by="datafeed", summary="Set which activity is queued."),
    _row("gatormail_getDatafeed", "op.datafeed.fetch", _SAFE, "batch", used_by="datafeed-pull",
         summary="A batch of activity, handed out again until it is marked."),
    _row("gatormail_getDatafeedBatchIdentifier", "op.datafeed.ack", _IDEMPOTENT, "ack", used_by="datafeed-pull",
         summary="Mark a batch as processed; a GET that changes something."),
)  # fmt: skip

# Every row but the sign-in, whose answer is a credential, can be called by hand, too.
OPERATIONS: Mapping[str, GatorMailOperation] = {
    row.name: row if row.name == "oauth_token" else replace(row, used_by=(*row.used_by, "api")) for row in _ROWS
}
