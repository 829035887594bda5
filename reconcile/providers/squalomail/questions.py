"""What the vendor's page leaves open and this code depends on: by the emulator's switch, what we do about it.

A question that no code of ours depends on is not here.
"""

from collections.abc import Mapping

ANSWERS: Mapping[str, str] = {
    "update_list_identity": "The call names the list as `id` and as `listId`; what was written is read back.",
    "update_list_omitted": "Updates send the whole list: what is live, then what is declared.",
    "update_newsletter_omitted": "Updates send the whole newsletter, too. UTM settings of an adopted one can't be "
    "read: they have to be declared, or their loss accepted with `--accept-unknown`.",
    "update_recipient_omitted": "Updates send what is live, then what the file has; what is false is sent as false, so "
    "that nobody who opted out is reset. What is true is left out, as it may have changed this moment.",
    "existing_email": "Addresses are looked up before; only who is not there is created.",
    "duplicate_list_name": "Before a list is made, the account is searched for its name; a match is never duplicated "
    "unasked.",
    "duplicate_subject": "The same by subject, compared with body or send time where several match.",
    "initial_published": "`published` 1 proves nothing: sent is what has statistics, or a send date in the past that "
    "no longer waits.",
    "error_status": "Success is HTTP 2xx with an `errorCode` of 0 or none; no other number is interpreted.",
    "undocumented_payload": "An answer that does not name the new object's id counts as lost: the object is looked up. "
    "Nothing else of these answers is used.",
    "gender_codes": "A gender is written, never compared.",
    "app_id_member": "`appId`, `id` in any case, and a bare number are understood.",
    "unknown_custom_attribute": "The custom fields are read first; an audience that needs another one is blocked.",
    "custom_attributes_update": "All custom attributes that somebody has are sent with each update.",
    "empty_list_ids": "`listIds` is never sent with an update of somebody who exists.",
    "left_lists": "The same: memberships change by subscribe and unsubscribe calls alone.",
    "import_delay_seconds": "Apply waits up to `policy.importWait` until the imported people can be read.",
    "missing_send_date": "A send date is always sent.",
    "past_send_date": "A send date within `policy.freeze`, or in the past, is never sent.",
    "send_sent": "The newsletter is read before: one that was sent is never sent again.",
    "cancel_unscheduled": "Whether it is scheduled is read before and after; an error for a draft counts as done.",
    "update_scheduled": "An error stops the step; the newsletter stays as it was.",
    "update_sent": "What was sent is never updated.",
    "delete_scheduled": "A scheduled newsletter is cancelled before it is deleted.",
    "delete_sent": "What was sent is never deleted; its entry is forgotten.",
    "delete_used_list": "A list is not deleted while a scheduled or unmanaged unsent newsletter goes to it.",
    "delete_missing": "An error for what is gone already counts as done.",
    "subscribe_missing_list": "Lists are made before people are put on them.",
    "filter_forms": "Filters have documented forms only: no parentheses, `==`, `Startwith` and `Endswith`, no escapes.",
    "filter_case": "Names and subjects are compared again, exactly, in what comes back.",
    "get_data_rows": "A filter asks for 250 ids at most. A cut below that would make objects look deleted.",
    "rewrite_body": "A body is compared with what was read right after it was written, line ends aside.",
    "array_in_query": "Arrays are sent by POST only.",
    "list_published": "`published` is always sent.",
    "list_color": "The colour is compared only where it is declared.",
    "list_ordering": "The position is compared only where it is declared.",
    "needs_gdpr_consent": "A consent is granted only to whom it still says 1: 0 means that they have decided.",
    "welcome_mail": "Whoever puts people on lists may send: it needs `--allow-send`.",
    "read_delay_seconds": "A write is looked for up to four seconds before it counts as lost or not kept.",
    "strict_verbs": "Every function is called under a verb that the page names for it.",
    "queue_lead_seconds": "The freeze is 30 minutes or more, longer than the platform's queue is known to lead.",
    "reschedule": "A schedule is cancelled and set anew, never moved by a second call.",
    "unsubscribe_scope": "`accept` is sent with each unsubscribe call, as it is live.",
    "send_without_lists": "A schedule needs lists.",
    "newsletter_list": "Lists are made before what goes to them.",
    "too_long_text": "Names, subjects and senders of more than 250 characters are errors of the manifest.",
    "core_fields": "Built-in fields (`core`) are left aside.",
}
