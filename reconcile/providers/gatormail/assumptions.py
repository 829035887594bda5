"""What is assumed of a GatorMail instance: each row of the contract table and each switch, and how to ask for it.

Only reads are made: the lists, at page sizes of one and two, and what is inferred on a finished campaign and its group
alone, where a wrong guess at a route can do nothing. The feed is never fetched, since fetching may open a batch.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from reconcile.model.assumption import READS, SCRATCH, Answer, Answers, Assumption, Questionnaire, Read
from reconcile.providers.gatormail.asking import all_known, ask, known
from reconcile.providers.gatormail.asking import member as _member
from reconcile.providers.gatormail.asking import rows as _rows
from reconcile.providers.gatormail.asking import wire as _wire
from reconcile.providers.gatormail.contract import CAPABILITIES, CONVENTIONS, ENUMS, ROUTES, defaults, members
from reconcile.providers.gatormail.scratch import SCRATCH as TRIALS
from reconcile.providers.gatormail.scratch import TRIED, WRITES, made_at, renames
from reconcile.providers.shapes import other_types, says_error

# Operations, by the answer that tells of them.
_ASKED = {
    "op.campaign.list": "campaigns1",
    "op.campaign.get": "campaign",
    "op.campaign.audience": "audience",
    "op.campaign.stats": "stats",
    "op.email.list": "emails",
    "op.group.list": "groups",
    "op.group.get": "group",
    "op.group.count": "count",
    "op.group.included.list": "included",
    "op.group.excluded.list": "excluded",
    "op.contact.list": "contacts",
    "op.contact.fields": "fields",
    "op.contact.match": "match",
    "op.schema.get": "schema",
    "op.integration.requests": "requests",
    "op.datafeed.options.get": "options",
}
# Where objects of a shape are found: an answer, and the rows of the contract that lead to them from there.
_SHAPES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "campaign": (("campaigns",), ("campaigns1",), ("campaigns2",), ("campaign",), ("own campaign",)),
    "group": (("groups",), ("group",), ("own group",), ("campaign", "f.campaign.group")),
    "email": (("emails",), ("campaign", "f.campaign.email")),
    "groupCount": (("count",), ("own count",)),
    "contact": (("contacts",), ("included",), ("excluded",)),
    "contactField": (("fields",),),
    "audience": (("audience",),),
    "stats": (("stats",),),
    "schema": (("schema",),),
    "entity": (("schema", "f.schema.entities"),),
    "attribute": (("schema", "f.schema.entities", "f.entity.attributes"),),
    "mapping": (("schema", "f.schema.entities", "f.entity.attributes", "f.attribute.mappings"),),
    "request": (("requests",),),
    "options": (("options",),),
    "feeds": (("options", "f.options.feeds"),),
}
_WORDS = {"campaignType": "f.campaign.type", "campaignStatus": "f.campaign.status", "dataType": "f.attribute.dataType",
          "requestType": "f.request.type"}  # fmt: skip
# Members that need not be there; of the others one that is missing breaks something.
_NEEDED = frozenset(
    [
        "campaign.id",
        "campaign.name",
        "campaign.type",
        "campaign.status",
        "campaign.startDate",
        "campaign.endDate",
        "group.id",
        "group.name",
        "email.id",
        "email.name",
        "groupCount.count",
        "contact.id",
        "contact.emailLogin",
        "contactField.name",
        "audience.total",
        "audience.final",
        "stats.sent",
        "schema.entities",
        "entity.name",
        "entity.attributes",
        "attribute.name",
        "attribute.dataType",
        "attribute.mappings",
        "mapping.contactAttribute",
        "mapping.dataCleanse",
        "request.type",
        "request.requested",
        "options.feeds",
    ]
)
# Of a campaign that is read whole.
_WHOLE = frozenset({"campaign.group", "campaign.email"})
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


def _objects(answers: Answers, shape: str) -> Iterator[Mapping[str, Any]]:
    for name, *keys in _SHAPES[shape]:
        found: list[Any] = list(_rows(answers, name))
        for key in keys:
            inner = [_member(answers, key, value) for value in found if isinstance(value, Mapping)]
            found = [each for value in inner for each in (value if isinstance(value, list) else [value])]
        yield from (value for value in found if isinstance(value, Mapping))


def _name_of(shape: str, name: str) -> Read:
    """The name under which a member stands; "" where it is missing and no other name suggests itself."""
    member = members(shape)[name]
    required = _WHOLE if f"{shape}.{name}" in _WHOLE else _NEEDED

    def read(answers: Answers) -> str | None:
        objects = list(_objects(answers, shape))
        wire = _wire(answers, member.key)
        if any(_has(value, wire) for value in objects):
            return wire
        if required is _WHOLE:
            objects = [value for value in objects if _is_whole(answers, value)]
        if not objects or f"{shape}.{name}" not in required:
            return None
        known = {_wire(answers, each.key).lower() for each in members(shape).values()}
        strangers = {name for value in objects for name in value if name.lower() not in known}
        missing = [
            each.key
            for each_name, each in members(shape).items()
            if f"{shape}.{each_name}" in required
            and not any(_has(value, _wire(answers, each.key)) for value in objects)
        ]
        return strangers.pop() if len(strangers) == len(missing) == 1 else ""

    return read


def _has(value: Mapping[str, Any], wire: str) -> bool:
    return any(name.lower() == wire.lower() for name in value)


def _words_of(enum: str) -> Read:
    """The words of an enumeration that are not known, by commas; "" where all that are seen are known."""

    def read(answers: Answers) -> str | None:
        key = _WORDS[enum]
        found = {_member(answers, key, value) for value in _objects(answers, key.split(".")[1])} - {None}
        known = answers[f"v.{enum}"].content
        return ", ".join(sorted(str(word) for word in found - set(known))) if found else None

    return read


def _one(answers: Answers, name: str) -> Answer:
    """What was said of somebody's object, or else of ours."""
    return answers[name] if name in answers else answers[f"own {name}"]


def _answers_at(name: str) -> Read:
    """The route, if it is there."""

    def read(answers: Answers) -> str | None:
        answer = _one(answers, name)
        if answer.status in (404, 405) and name not in _CAPABILITIES_TELL:
            return f"HTTP {answer.status}"
        key = next(key for key, asked in _ASKED.items() if asked == name)
        told = answer.fine and isinstance(answer.content, Mapping | list) and says_error(answer.content) is None
        return _wire(answers, key) if told else None

    return read


# A capability that is off is no wrong route.
_CAPABILITIES_TELL = ("emails", "included", "excluded", "fields")


def _reads_whole(answers: Answers) -> bool | None:
    """Whether reading a campaign gives more than the columns of the list."""
    answer = _one(answers, "campaign")
    if answer.fine and isinstance(answer.content, Mapping):
        whole = _is_whole(answers, answer.content)
        return whole if whole or all_known(answers, "campaign", [answer.content]) else None
    return False if answer.status in (404, 405) else None


def _is_there(name: str, shape: str) -> Read:
    """Whether an operation is there: a capability. An empty list tells nothing, nor do rows that aren't understood."""

    def read(answers: Answers) -> bool | None:
        answer = _one(answers, name)
        if answer.status in (404, 405):
            return False
        return True if any(known(answers, shape, row) for row in _rows(answers, name)) else None

    return read


def _shows_status(answers: Answers) -> bool | None:
    # Under another name it is shown, too: so where any member is a stranger, that it is not shown is not known.
    named = _name_of("campaign", "status")(answers)
    if named:
        return True
    return None if named is None or not all_known(answers, "campaign", _objects(answers, "campaign")) else False


def _columns(answers: Answers) -> str | None:
    rows = _rows(answers, "campaigns")
    return ("full" if _is_whole(answers, rows[0]) else "columns") if rows else None


def _is_whole(answers: Answers, campaign: Mapping[str, Any]) -> bool:
    """Whether there is more than the columns of the list."""
    names = ("group", "email", "subject", "fromName", "fromAddress", "replyTo")
    return any(_has(campaign, _wire(answers, f"f.campaign.{name}")) for name in names)


def _envelope(answers: Answers) -> str | None:
    content = answers["campaigns1"].content
    if isinstance(content, list):
        return "none"
    arrays = [name for name, value in content.items() if isinstance(value, list)]
    return "items" if arrays == ["items"] else None


def _items_path(answers: Answers) -> str | None:
    content = answers["campaigns1"].content if answers["campaigns1"].fine else None
    if isinstance(content, list):
        return ""
    arrays = [name for name, value in content.items() if isinstance(value, list)] if content else []
    return arrays[0] if len(arrays) == 1 else None


def _first_page(answers: Answers) -> str | None:
    """Where pages begin: the page before ours must have nothing that ours has not."""
    ids = [
        [_member(answers, "f.campaign.id", row) for row in _rows(answers, name)] for name in ("before", "campaigns1")
    ]
    if not ids[1] and not ids[0]:
        return None
    first = _wire(answers, "c.page.first")
    return str(int(first) - 1) if ids[0] and ids[0] != ids[1] else first


def _ignores_page(answers: Answers) -> bool | None:
    two = [_member(answers, "f.campaign.id", row) for row in _rows(answers, "campaigns2")]
    after = [_member(answers, "f.campaign.id", row) for row in _rows(answers, "next")]
    return after == two[:1] if len(two) == 2 else None


def _id_form(answers: Answers) -> str | None:
    ids = [_member(answers, f"f.{shape}.id", value) for shape in ("campaign", "group") for value in
           _objects(answers, shape)]  # fmt: skip
    id_ = next(value for value in ids if value is not None)
    if isinstance(id_, Mapping):
        return "object"
    if isinstance(id_, str):
        return "text" if id_.isdigit() else "guid"
    return "number"


def _needs_version(answers: Answers) -> bool | None:
    status = answers["unversioned"].status
    return (
        None if not answers["campaigns1"].fine else False if answers["unversioned"].fine else True if status else None
    )


def _errors_are_200(answers: Answers) -> bool | None:
    answer = answers["no_size"]
    if answer.status is None or (answer.fine and not isinstance(answer.content, Mapping)):
        return None  # a page of none is no error there
    return answer.fine and not any(isinstance(value, list) for value in answer.content.values())


def _rows_of_the_table() -> Iterator[Assumption]:
    for key, value in ROUTES.items():
        name, tried = _ASKED.get(key), WRITES.get(key)
        read = _answers_at(name) if name else made_at(tried, key) if tried else None
        level = SCRATCH if tried else READS
        yield _row(key, f"Is it at {value}?", value, "The call is an error.", read, level=level)
    for key, value in CONVENTIONS.items():
        read = {"c.list.itemsPath": _items_path, "c.page.first": _first_page, "c.date.format": _date_form}.get(key)
        yield _row(key, f"Is it {value or 'nothing'}?", value, "Answers can't be read.", read, paste=True)
    for enum, words in ENUMS.items():
        words_of = _words_of(enum) if enum in _WORDS else None
        listed = ", ".join(words)
        breaks = f"What rests on it stops. Put all its words into the contract, in the order of these: {listed}."
        yield _row(f"v.{enum}", f"Are these its words: {listed}?", "", breaks, words_of)
    for shape in _shapes():
        for name, member in members(shape).items():
            named = _name_of(shape, name) if shape in _SHAPES else None
            yield _row(member.key, f"Is it called {member.default}?", member.default, _broken(shape, name), named,
                       paste=True)  # fmt: skip
    for key, on in CAPABILITIES.items():
        level = SCRATCH if key == "cap.group.update" else READS
        yield _row(key, "Can the account do that?", on, "Plans are made by it.", _CAPABLE.get(key), paste=True,
                   level=level)  # fmt: skip


def _broken(shape: str, name: str) -> str:
    needed = f"{shape}.{name}" in _NEEDED | _WHOLE
    return "Reading it is an error." if needed else "It counts as not there."


def _shapes() -> list[str]:
    return sorted({key.split(".")[1] for key in defaults() if key.startswith("f.")})


def _date_form(answers: Answers) -> str | None:
    from reconcile.providers.gatormail.contract import Contract

    keys = ("f.campaign.startDate", "f.campaign.endDate", "f.campaign.created")
    texts = [_member(answers, key, row) for key in keys for row in _rows(answers, "campaigns")]
    found = next((text for text in texts if isinstance(text, str) and text), None)
    if found is None:
        return None
    form = _wire(answers, "c.date.format")
    read = Contract({"c.date.format": form}).read("campaign", {"startDate": found})["startDate"]
    return form if len(read) == 20 and read.endswith("Z") else ""


_CAPABLE: Mapping[str, Read] = {
    "cap.campaign.status": _shows_status,
    "cap.campaign.read": _reads_whole,
    "cap.email.read": _is_there("emails", "email"),
    "cap.membership.read": _is_there("included", "contact"),
    "cap.contact.fields": _is_there("fields", "contactField"),
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
    _switch("campaign_status", True, "Whether it is queued is not known.", _shows_status),
    _switch("campaign_read", True, "What the list lacks is what was last applied.", _reads_whole),
    _switch("campaign_list", "columns", "Nothing: what a row lacks is read one by one.", _columns),
    _switch("email_read", False, "Nothing: it is not used while off.", _is_there("emails", "email")),
    _switch("list_envelope", "none", "No list can be read: set c.list.itemsPath.", _envelope),
    _switch(
        "membership_read",
        True,
        "Exclusions can't be seen: switch cap.membership.read off.",
        _is_there("included", "contact"),
    ),
    _switch("contact_fields", True, "Names of contact fields are not checked.", _is_there("fields", "contactField")),
    _switch("require_api_version", False, "Nothing: the header is always sent.", _needs_version),
    _switch("id_form", "number", "Nothing, but for objects: ids are opaque texts.", _id_form),
    _switch("ignore_page", False, "No list can be read to its end.", _ignores_page),
    _switch("errors_as_200", False, "Nothing: an error is known by its body, too.", _errors_are_200),
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
