"""GatorMail's operations: what each may do and how it may be repeated, beside what the OpenAPI document says of it.

A call's arguments are the variables of its path, query members, and the members of its body by their own names; an
array of contacts is the argument ``contacts``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from reconcile.model.call import Operation, Retry
from reconcile.providers.gatormail.document import OPERATIONS as DESCRIBED

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
    retry: Retry,
    *,
    summary: str,
    used_by: str = "",
    write: bool = True,
    sends: bool = False,
    returns: str | None = None,
    needs: str | None = None,
) -> GatorMailOperation:
    described = DESCRIBED[name]
    return GatorMailOperation(
        name=name,
        verb=described.verb,
        documented=(described.verb,) if described.provenance != "inferred" else (),
        retry=retry,
        write=write and retry is not _SAFE,
        sends=sends,
        returns=returns,
        used_by=tuple(used_by.split()),
        summary=summary,
        key=described.key,
        takes=described.takes,
        answers=described.answers,
        needs=needs,
        provenance=described.provenance,
    )


_ROWS = (
    _row("oauth_token", _IDEMPOTENT, used_by="sign-in", write=False, summary="Log in and get a bearer token."),
    _row("gatormail_campaignList", _SAFE, used_by="account campaign group audience",
         summary="A page of the campaigns."),
    _row("gatormail_getCampaign", _SAFE, used_by="campaign group audience",
         summary="One campaign with its group and e-mail."),
    _row("gatormail_addCampaign", _LOOKUP, used_by="campaign", returns="id",
         summary="Make a campaign, with its e-mail if that comes along."),
    _row("gatormail_updateCampaign", _IDEMPOTENT, used_by="campaign", summary="Overwrite a campaign that is in setup."),
    _row("gatormail_deleteCampaign", _IDEMPOTENT, used_by="campaign",
         summary="Delete a campaign; its e-mail stays behind."),
    _row("gatormail_initiateCampaign", _NEVER, used_by="campaign", sends=True,
         summary="Queue a campaign, so that it goes out at its start date."),
    _row("gatormail_uninitiateCampaign", _LOOKUP, used_by="campaign",
         summary="Take a campaign back before its first message leaves."),
    _row("gatormail_getCampaignAudience", _SAFE, summary="How many people a campaign goes to."),
    _row("gatormail_getCampaignStats", _SAFE, summary="A campaign's results."),
    _row("gatormail_putCampaignUnsubscribe", _IDEMPOTENT, summary="Attach an unsubscribe definition to a campaign."),
    _row("gatormail_postCampaignTest", _NEVER, sends=True, summary="Send a real message to one address."),
    _row("gatormail_postCampaignTrigger", _LOOKUP, sends=True, needs="trigger",
         summary="Send a follow-up campaign to one contact."),
    _row("gatormail_getTrigger", _SAFE, needs="trigger", summary="What became of a trigger."),
    _row("gatormail_deleteTrigger", _IDEMPOTENT, needs="trigger", summary="Cancel a trigger that was not sent yet."),
    _row("gatormail_emailList", _SAFE, needs="email.read", summary="A page of the e-mails."),
    _row("gatormail_getEmail", _SAFE, needs="email.read", summary="One e-mail with its content."),
    _row("gatormail_addEmail", _LOOKUP, returns="id", summary="Make an e-mail."),
    _row("gatormail_updateEmail", _IDEMPOTENT, used_by="campaign",
         summary="Overwrite the content of an e-mail; its name is fixed."),
    _row("gatormail_groupList", _SAFE, used_by="group", summary="A page of the groups."),
    _row("gatormail_getGroup", _SAFE, used_by="campaign", summary="One group."),
    _row("gatormail_addGroup", _LOOKUP, used_by="group", returns="id", summary="Make a group."),
    _row("gatormail_updateGroup", _IDEMPOTENT, used_by="group", needs="group.update",
         summary="Rename a group or change its description."),
    _row("gatormail_deleteGroup", _IDEMPOTENT, used_by="group", summary="Delete a group; its contacts stay."),
    _row("gatormail_getGroupCount", _SAFE, used_by="group", summary="How many people are effectively in a group."),
    _row("gatormail_postGroupCleardown", _NEVER, summary="Remove all inclusions and exclusions, opt-outs among them."),
    _row("gatormail_groupIncludedContactget", _SAFE, used_by="audience group", needs="membership.read",
         summary="A page of a group's inclusions."),
    _row("gatormail_groupIncludedContactpost", _LOOKUP, used_by="audience group",
         summary="Include contacts in a group, making or updating them first."),
    _row("gatormail_groupIncludedContactdelete", _IDEMPOTENT, used_by="audience", needs="membership.remove",
         summary="Take one inclusion back."),
    _row("gatormail_groupExcludedContactget", _SAFE, used_by="audience group", needs="membership.read",
         summary="A page of a group's exclusions."),
    _row("gatormail_groupExcludedContactpost", _IDEMPOTENT, used_by="audience group",
         summary="Exclude contacts from a group."),
    _row("gatormail_groupExcludedContactdelete", _LOOKUP, sends=True, needs="membership.remove",
         summary="Take one exclusion back; it may be somebody's opt-out."),
    _row("gatormail_contactList", _SAFE, summary="A page of the contacts."),
    _row("gatormail_getContact", _SAFE, summary="One contact."),
    _row("gatormail_contactMatch", _SAFE, used_by="audience", summary="Contacts by the value of one field."),
    _row("gatormail_addContact", _IDEMPOTENT, summary="Make or update a contact by its address."),
    _row("gatormail_updateContact", _IDEMPOTENT, summary="Change members of one contact."),
    _row("gatormail_contactGroupList", _SAFE, used_by="audience",
         summary="The groups that a contact is in or excluded from."),
    _row("gatormail_contactFieldList", _SAFE, used_by="audience", needs="contact.fields",
         summary="The contact fields of the instance."),
    _row("gatormail_getSchema", _SAFE, used_by="schema schema-requests",
         summary="The CRM schema with the published mappings."),
    _row("gatormail_deleteSchema", _NEVER, used_by="schema", summary="Delete all entities and attributes at once."),
    _row("gatormail_postSchemaEntity", _LOOKUP, used_by="schema", summary="Add an entity to the schema."),
    _row("gatormail_postSchemaAttribute", _LOOKUP, used_by="schema", summary="Add an attribute to an entity."),
    _row("gatormail_getIntegrationRequests", _SAFE, used_by="schema schema-requests",
         summary="What the people in the web interface are waiting for."),
    _row("gatormail_getIntegrationRequestSatisfied", _IDEMPOTENT, used_by="schema schema-requests",
         summary="Tell them that it is done; a GET that changes something."),
    _row("gatormail_getDatafeedOptions", _SAFE, used_by="datafeed", summary="Which activity is queued."),
    _row("gatormail_postDatafeedOptions", _IDEMPOTENT, used_by="datafeed", summary="Set which activity is queued."),
    _row("gatormail_getDatafeed", _SAFE, used_by="datafeed-pull",
         summary="A batch of activity, handed out again until it is marked."),
    _row("gatormail_getDatafeedBatchIdentifier", _IDEMPOTENT, used_by="datafeed-pull",
         summary="Mark a batch as processed; a GET that changes something."),
)  # fmt: skip

# Every row but the sign-in, whose answer is a credential, can be called by hand, too.
OPERATIONS: Mapping[str, GatorMailOperation] = {
    row.name: row if row.name == "oauth_token" else replace(row, used_by=(*row.used_by, "api")) for row in _ROWS
}
