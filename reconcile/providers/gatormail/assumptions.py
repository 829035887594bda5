"""What is assumed of a GatorMail instance: each row of the contract table and each switch, and how to ask for it.

Only reads are made: the lists, at page sizes of one and two, and what is inferred on a finished campaign and its group
alone, where a wrong guess at a route can do nothing. The feed is never fetched, since fetching may open a batch.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from reconcile.model.assumption import READS, SCRATCH, Assumption, Questionnaire, Read
from reconcile.providers.gatormail.asking import ask
from reconcile.providers.gatormail.contract import CAPABILITIES, CONVENTIONS, ENUMS, ROUTES, defaults, members
from reconcile.providers.gatormail.inferences import (
    ASKED,
    ENUMS_SHOWN,
    NEEDED,
    SHAPES,
    WHOLE,
    answers_at,
    columns,
    date_form,
    envelope,
    errors_are_200,
    first_page,
    id_form,
    ignores_page,
    is_there,
    items_path,
    name_of,
    needs_version,
    reads_whole,
    shows_status,
    words_shown,
)
from reconcile.providers.gatormail.scratch import SCRATCH as TRIALS
from reconcile.providers.gatormail.scratch import TRIED, WRITES, made_at, renames
from reconcile.providers.shapes import other_types

_SENDS = "Its answer comes from a call through which people may get mail."
_PEOPLE = "It is about people, whom nothing is tried on."
_FEED = "The feed is never fetched, as that may open a batch."
_LOGIN = "A wrong password too often may lock the account."
_UNASKED: Mapping[str, str] = {
    "f.initiate": _SENDS,
    "f.uninitiate": "Schedules are never tried.",
    "f.membership": _PEOPLE,
    "f.contactGroup": _PEOPLE,
    "f.trigger": _SENDS,
    "f.triggerResult": _SENDS,
    "f.batch": _FEED,
    "f.record": _FEED,
    "f.ack": _FEED,
    "f.token": "Signing in reads it: it is an error there.",
    "f.oauthError": _LOGIN,
    "f.error": "It is only shown.",
    "v.contactState": _PEOPLE,
    "v.triggerState": _SENDS,
    "v.activityType": _FEED,
    "v.bounceType": _FEED,
    "p": _PEOPLE,
    "p.campaign": _SENDS,
    "c.auth": "Signing in tells.",
    "c.api": "Every call tells.",
    "c.page.size": "Lists are read to an empty page, whatever the size.",
    "c.date.zone": "No answer says it: look at a start date in the web interface.",
    "op.auth.token": "Signing in tells.",
    "op.datafeed": _FEED,
    "op.integration.satisfied": "People would be told.",
    "op.schema": "The schema is never deleted or posted to find out.",
    "op.contact": _PEOPLE,
    "op.trigger": _SENDS,
    "op.campaign": _SENDS,
    "op.campaign.uninitiate": "Schedules are never tried.",
    "op.campaign.setUnsubscribe": "Drafts to find out are left as they are made.",
    "op.group": _PEOPLE,
    "cap.membership.remove": _PEOPLE,
    "cap.trigger": _SENDS,
    "op.email": "E-mails can't be deleted, so none is made to find out.",
    "op.group.update": "See cap.group.update.",
}


def _rows_of_the_table() -> Iterator[Assumption]:
    for key, value in ROUTES.items():
        name, tried = ASKED.get(key), WRITES.get(key)
        read = answers_at(name) if name else made_at(tried, key) if tried else None
        level = SCRATCH if tried else READS
        yield _row(key, f"Is it at {value}?", value, "The call is an error.", read, level=level)
    for key, value in CONVENTIONS.items():
        read = {"c.list.itemsPath": items_path, "c.page.first": first_page, "c.date.format": date_form}.get(key)
        yield _row(key, f"Is it {value or 'nothing'}?", value, "Answers can't be read.", read, paste=True)
    for enum, words in ENUMS.items():
        shown = words_shown(enum) if enum in ENUMS_SHOWN else None
        listed = ", ".join(words)
        breaks = f"What rests on it stops. Put all its words into the contract, in the order of these: {listed}."
        yield _row(f"v.{enum}", f"Are these its words: {listed}?", "", breaks, shown)
    for shape in _shapes():
        for name, member in members(shape).items():
            named = name_of(shape, name) if shape in SHAPES else None
            yield _row(member.key, f"Is it called {member.default}?", member.default, _broken(shape, name), named,
                       paste=True)  # fmt: skip
    for key, on in CAPABILITIES.items():
        level = SCRATCH if key == "cap.group.update" else READS
        yield _row(key, "Can the account do that?", on, "Plans are made by it.", _CAPABLE.get(key), paste=True,
                   level=level)  # fmt: skip


def _broken(shape: str, name: str) -> str:
    needed = f"{shape}.{name}" in NEEDED | WHOLE
    return "Reading it is an error." if needed else "It counts as not there."


def _shapes() -> list[str]:
    return sorted({key.split(".")[1] for key in defaults() if key.startswith("f.")})


_CAPABLE: Mapping[str, Read] = {
    "cap.campaign.status": shows_status,
    "cap.campaign.read": reads_whole,
    "cap.email.read": is_there("emails", "email"),
    "cap.membership.read": is_there("included", "contact"),
    "cap.contact.fields": is_there("fields", "contactField"),
    "cap.group.update": renames,
}


def _row(
    key: str, question: str, assumed: Any, breaks: str, read: Read | None, *, paste: bool = False, level: int = READS
) -> Assumption:
    return Assumption(key, question, assumed, breaks, level, read, "" if read else _reason(key), row=paste)


def _reason(key: str) -> str:
    parts = key.split(".")
    for length in range(len(parts), 0, -1):
        if (found := _UNASKED.get(".".join(parts[:length]))) is not None:
            return found
    raise LookupError(key)


def _switch(name: str, assumed: Any, breaks: str, read: Read | None = None, reason: str = "") -> Assumption:
    return Assumption(name, f"See the switch {name}.", assumed, breaks, READS, read, reason, switch=read is not None)


_BY_ROW = "Row by row: see f., v. and op."
_OWN = "It is the sandbox's own: no account has it."
_SWITCHES = (
    _switch("campaign_status", True, "Whether it is queued is not known.", shows_status),
    _switch("campaign_read", True, "What the list lacks is what was last applied.", reads_whole),
    _switch("campaign_list", "columns", "Nothing: what a row lacks is read one by one.", columns),
    _switch("email_read", False, "Nothing: it is not used while off.", is_there("emails", "email")),
    _switch("list_envelope", "none", "No list can be read: set c.list.itemsPath.", envelope),
    _switch(
        "membership_read",
        True,
        "Exclusions can't be seen: switch cap.membership.read off.",
        is_there("included", "contact"),
    ),
    _switch("contact_fields", True, "Names of contact fields are not checked.", is_there("fields", "contactField")),
    _switch("require_api_version", False, "Nothing: the header is always sent.", needs_version),
    _switch("id_form", "number", "Nothing, but for objects: ids are opaque texts.", id_form),
    _switch("ignore_page", False, "No list can be read to its end.", ignores_page),
    _switch("errors_as_200", False, "Nothing: an error is known by its body, too.", errors_are_200),
    _switch("acknowledge_by_post", True, "Nothing: the contract's verb is used.", reason=_FEED),
    _switch("schema_delete_drops_mappings", True, "Mappings may be lost.", reason=_reason("op.schema")),
    _switch("schema_duplicate_post", "conflict", "Nothing: what is there is read first.", reason=_reason("op.schema")),
    _switch("feed_redelivery", "same_batch", "Nothing: both ways are met.", reason=_FEED),
    _switch("reject_zoned_dates", True, "Nothing: no zone is written.", reason="Drafts to find out get no dates."),
    _switch("initiate_again", "refuse", "Nothing: the state is read first.", reason=_SENDS),
    _switch("membership_remove", False, "Nobody is taken out.", reason=_PEOPLE),
    _switch("largest_page", 1000, "Nothing: pages have 100 rows.", reason="No larger page is ever asked for."),
    _switch("largest_piece", 1000, "Nothing: pieces have 100.", reason=_PEOPLE),
    _switch(
        "nested_group",
        "reference",
        "Nothing: the name that goes along is the group's.",
        reason="Drafts to find out get no group.",
    ),
    _switch("refresh_tokens", False, "Nothing: both kinds of client sign in.", reason="Signing in tells."),
    _switch("refresh_token_ends", False, "Nothing: a new token is kept first.", reason="Signing in tells."),
    _switch("bad_client_status", 400, "Nothing: both end the run.", reason=_LOGIN),
    _switch("triggers", False, "There are no triggers.", reason=_SENDS),
    _switch("include_flips_exclusion", True, "Nothing: who is excluded is never included.", reason=_PEOPLE),
    _switch("unknown_contact_field", "error", "Nothing: names are checked first.", reason=_PEOPLE),
    _switch("trigger_key_again", "send", "Nothing: a known key is refused.", reason=_SENDS),
    _switch("rewrite_tracked_links", True, "Nothing: HTML is not compared.", reason=_UNASKED["op.email"]),
    _switch("sending_seconds", 60, "", reason=_OWN),
    _switch("refresh_seconds", 86_400, "", reason=_OWN),
    _switch("distort_members", "", "", reason=_BY_ROW),
    Assumption("distort_types", "Are members of their types?", "", "A plan that reads it stops.", READS, other_types),
    _switch("status_words", "", "", reason=_BY_ROW),
    _switch("error_under_200", "", "", reason="Nothing rests on it: an error is known by its body, too."),
    *(
        Assumption(name, f"See the switch {name}.", assumed, breaks, SCRATCH, read, switch=True)
        for name, (assumed, breaks, read) in TRIED.items()
    ),
    _switch("page_cap", 0, "Nothing: lists are read to an empty page.", reason="Lists are read to an empty page."),
)


# Switches of the sandbox that say the same as a capability.
_SAME = {
    "cap.campaign.status": "campaign_status",
    "cap.campaign.read": "campaign_read",
    "cap.email.read": "email_read",
    "cap.membership.read": "membership_read",
    "cap.contact.fields": "contact_fields",
    "cap.group.update": "group_update",
}


def current(extra: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the account's contract says, and what that makes of the switches."""
    on = {"on": True, "off": False}
    rows = extra.get("contract") or {}
    found = {
        key: on.get(value, value) if key.startswith("cap.") else value
        for key, value in rows.items()
        if not key.startswith("v.")
    }
    found |= {switch: found[key] for key, switch in _SAME.items() if key in found}
    if found.get("c.list.itemsPath") == "items":
        found["list_envelope"] = "items"
    return found


def _known_words() -> frozenset[str]:
    texts = [str(value) for value in defaults().values() if isinstance(value, str)]
    texts += [word for words in ENUMS.values() for word in words]
    texts += [part for route in ROUTES.values() for part in route.split("/") if part.isalpha()]
    return frozenset(text for text in texts if text.isprintable() and " " not in text)


ASSUMPTIONS = Questionnaire((*_rows_of_the_table(), *_SWITCHES), ask, current, TRIALS, _known_words())
