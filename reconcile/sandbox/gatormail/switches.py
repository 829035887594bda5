"""GatorMail's switches: one for each choice that the reference leaves open, and one for each capability.

A default takes the way that hurts a careless client more, or the reference's own answer. Numbers such as Q9 are those
of the reference's open questions; a dash marks a choice that belongs to a proposal rather than to a question.
"""

from collections.abc import Mapping

from reconcile.sandbox.switches import Switch

_YES_NO = (False, True)
_SECONDS = range(10**9)

TABLE: tuple[Switch, ...] = (
    Switch("put_semantics", "Q1", "What happens to members that an update leaves out?", "replace", ("replace", "merge"),
           "replace: they become empty; merge: they stay"),
    Switch("acknowledge_by_post", "Q2", "Are satisfied and marking a batch also answered under POST?", True, _YES_NO,
           "true: GET and POST; false: only the contract's verb"),
    Switch("schema_delete_drops_mappings", "Q4", "Does deleting the schema drop mappings?", True, _YES_NO,
           "true: they are gone; false: they come back with an attribute of the same name"),
    Switch("schema_duplicate_post", "-", "What does posting a schema name again do?", "conflict",
           ("conflict", "accept"),
           "conflict: 409; accept: the existing one is answered"),
    Switch("feed_redelivery", "Q5", "How is an unmarked batch handed out again?", "same_batch",
           ("same_batch", "new_batch"),
           "same_batch: same identifier and rows; new_batch: a new identifier with newer rows, and the old one is 404"),
    Switch("campaign_status", "Q6", "Is a campaign's status shown?", True, _YES_NO, "capability cap.campaign.status"),
    Switch("campaign_read", "Q6", "Can one campaign be read whole?", True, _YES_NO,
           "capability cap.campaign.read; false: only the columns of the list"),
    Switch("campaign_list", "Q6", "Which members do rows of the campaign list have?", "columns", ("columns", "full"),
           "columns: id, name, crmId, type, status and dates; full: as of reading one campaign"),
    Switch("email_read", "Q6", "Can e-mails be read?", False, _YES_NO,
           "capability cap.email.read; true also puts html and text into a campaign that is read"),
    Switch("list_envelope", "Q7", "What shape do lists have?", "none", ("none", "items"),
           "none: an array, or what c.list.itemsPath says; items: an object with the array as items"),
    Switch("reject_zoned_dates", "Q8", "Is a date with a zone refused?", True, _YES_NO,
           "true: 400; false: it is converted to the instance's zone"),
    Switch("initiate_again", "Q9", "What does initiate do with a campaign that is not in setup?", "refuse",
           ("refuse", "requeue"), "refuse: campaignInitiated is false; requeue: it is sent once more"),
    Switch("unique_names", "Q10", "Are names of campaigns, groups and e-mails unique?", False, _YES_NO,
           "true: a second one is 409"),
    Switch("membership_remove", "Q11", "Can one membership be taken back?", False, _YES_NO,
           "capability cap.membership.remove"),
    Switch("require_api_version", "Q12", "Is the version header needed?", False, _YES_NO, "true: 400 without it"),
    Switch("largest_page", "Q13", "How many rows may a page have?", 1000, range(1, 10**6), "400 beyond it"),
    Switch("largest_piece", "Q13", "How many contacts may one call have?", 1000, range(1, 10**6), "413 beyond it"),
    Switch("nested_group", "Q15", "Does a group with an id inside a campaign change that group?", "reference",
           ("reference", "update"), "reference: never; update: a name or description that is not empty is stored"),
    Switch("refresh_tokens", "-", "Does the token answer have a refresh token?", False, _YES_NO,
           "true: as for clients of the APP kind, and grant_type=refresh_token is taken"),
    Switch("bad_client_status", "-", "Which status has invalid_client?", 400, (400, 401), "the status"),
    Switch("group_update", "-", "Can groups be renamed?", False, _YES_NO, "capability cap.group.update"),
    Switch("membership_read", "-", "Can a group's contacts be listed?", True, _YES_NO,
           "capability cap.membership.read"),
    Switch("contact_fields", "-", "Can contact fields be listed?", True, _YES_NO, "capability cap.contact.fields"),
    Switch("triggers", "-", "Are there triggers?", False, _YES_NO, "capability cap.trigger"),
    Switch("include_flips_exclusion", "-", "Does including an excluded contact include it?", True, _YES_NO,
           "true: the exclusion is gone; false: it stays"),
    Switch("unknown_contact_field", "-", "What happens to values of contact fields that are not there?", "error",
           ("error", "ignore", "accept"), "error: 400; ignore: dropped without a word; accept: stored"),
    Switch("trigger_key_again", "-", "What does a trigger with a key that exists do?", "send", ("send", "conflict"),
           "send: a second message; conflict: 409"),
    Switch("rewrite_tracked_links", "-", "Do links of a tracked e-mail change when it is read?", True, _YES_NO,
           "true: absolute ones become counted links"),
    Switch("sending_seconds", "-", "How long is a static campaign active?", 60, _SECONDS,
           "seconds from its first message to Finished"),
    Switch("refresh_seconds", "-", "How often is a recurring campaign sent?", 86_400, range(1, 10**9), "seconds"),
)  # fmt: skip

BY_NAME: Mapping[str, Switch] = {switch.name: switch for switch in TABLE}

# The capabilities of the contract table, which may be switched there too.
CAPABILITIES: Mapping[str, str] = {
    "cap.campaign.status": "campaign_status",
    "cap.campaign.read": "campaign_read",
    "cap.email.read": "email_read",
    "cap.group.update": "group_update",
    "cap.membership.read": "membership_read",
    "cap.membership.remove": "membership_remove",
    "cap.contact.fields": "contact_fields",
    "cap.trigger": "triggers",
}
