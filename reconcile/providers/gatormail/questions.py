"""What nobody has published and this code depends on: by the emulator's switch, what we do about it.

A question that no code of ours depends on is not here.
"""

from collections.abc import Mapping

ANSWERS: Mapping[str, str] = {
    "put_semantics": "Updates send the whole object: what is live, then what is declared.",
    "acknowledge_by_post": "The verb is the contract's, `op.integration.satisfied` and `op.datafeed.ack`.",
    "schema_delete_drops_mappings": "Mappings are taken for lost: a rebuild says which, and needs `--allow-delete`.",
    "schema_duplicate_post": "What is there is read first; only what is missing is posted.",
    "feed_redelivery": "Each batch is stored before it is marked, by the ids of its records, so that a second "
    "delivery adds nothing.",
    "campaign_status": "The capability `cap.campaign.status`; while it is off, whether a campaign is queued is what "
    "was last applied, and by hand none is initiated.",
    "campaign_read": "The capability `cap.campaign.read`; while it is off, members that the list does not have are "
    "those last applied, and a campaign may go to any group.",
    "campaign_list": "What a row of the list lacks is read campaign by campaign.",
    "email_read": "Content is compared with what was last sent; it is never read back.",
    "list_envelope": "`c.list.itemsPath` says where the array stands; an answer that is no array is an error.",
    "reject_zoned_dates": "Dates are written as wall time of the instance's `timezone`; a time that the clocks go "
    "through twice is refused.",
    "initiate_again": "The state is read first: only a campaign in setup is initiated, and never again on doubt.",
    "unique_names": "Two objects of one name are an error, not a choice; ours are known by id and by mark.",
    "membership_remove": "The capability `cap.membership.remove`; while it is off, nobody is taken out of a group.",
    "require_api_version": "The header is always sent: `c.api.versionHeader` and `c.api.version`.",
    "largest_page": "Pages have `c.page.size` rows, 100 by default; a list is read to an empty page, whatever a page "
    "was cut to.",
    "largest_piece": "Contacts are sent in pieces of 100.",
    "nested_group": "A campaign names its group by its id and by the name that it has.",
    "refresh_tokens": "A client of the APP kind signs in by `refreshToken`; one that the service renews is on disk "
    "before it is used. Of a login by password they are not used.",
    "bad_client_status": "400 and 401 both end the run at once (exit 7), and no login is repeated.",
    "group_update": "The capability `cap.group.update`; while it is off, a rename makes the group anew, exclusions "
    "first.",
    "membership_read": "The capability `cap.membership.read`; while it is off, exclusions can't be seen, so whatever "
    "could lose one is refused or needs `--allow-send`.",
    "contact_fields": "The capability `cap.contact.fields`; while it is off, names of contact fields are not checked.",
    "triggers": "The capability `cap.trigger`; there is no call of it but by hand.",
    "include_flips_exclusion": "Who is excluded is never included by a plan; by hand it needs `--allow-send`.",
    "trigger_key_again": "A trigger needs a key, and one that is known already is refused.",
    "rewrite_tracked_links": "The HTML that is read back is not compared.",
}
