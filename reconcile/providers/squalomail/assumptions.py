"""What is assumed of a SqualoMail account: each member that answers must have and each switch, and how to ask for it.

Only reads are made, of pages of one and two lists, of the definitions of fields, of one newsletter and of one person.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from email.utils import parsedate_to_datetime
from itertools import pairwise
from typing import Any

from reconcile.errors import ApiError, Unauthorised
from reconcile.model.assumption import READS, SCRATCH, Answer, Answers, Assumption, Questionnaire, Read
from reconcile.model.call import Call
from reconcile.providers.shapes import note_twice, note_types, other_types
from reconcile.providers.squalomail.answers import NEEDED, checked
from reconcile.providers.squalomail.client import SqualoMail
from reconcile.providers.squalomail.scratch import OWN_MAIL, TRIED, newsletter_id, payload
from reconcile.providers.squalomail.scratch import SCRATCH as TRIALS

_PEOPLE = "It is about people, whom nothing is tried on."
_SCHEDULES = "Schedules are never tried."
_UNUSED = "Nothing of ours rests on it."
_BY_MEMBER = "Member by member: see f."


def ask(client: SqualoMail, answers: dict[str, Answer]) -> None:
    """Read what tells something, once each."""

    def look(name: str, function: str, verb: str | None = None, **arguments: Any) -> Answer:
        call = Call(function, arguments)
        try:
            answers[name] = client.look(call, verb=verb)
            note_types(answers, lambda: checked(call, answers[name].content, ""), answers[name])
        except Unauthorised:
            raise
        except ApiError as error:
            answers[name] = Answer(None)  # nothing came that could be read
            note_twice(answers, error)
        return answers[name]

    look("app", "get-app-id")
    look("app_post", "get-app-id", verb="POST")
    look("lists1", "get-lists-details", page=0, pageSize=1)
    look("lists", "get-lists-details", page=0, pageSize=2)
    look("next", "get-lists-details", page=1, pageSize=1)
    look("wrong_type", "get-lists-details", page="x", pageSize=1)
    look("no_entity", "get-data")
    look("Field", "get-data", entity="Field")
    look("List", "get-data", entity="List")
    look("forms", "get-data", entity="List", filter="(listid>0)")
    for row in _rows(answers, "List")[:1]:
        _ask_of_list(look, row)


def _ask_of_list(look: Callable[..., Answer], row: Mapping[str, Any]) -> None:
    """A newsletter and a person of one list."""
    name, number = row.get("name"), _number(row.get("listid"))
    if isinstance(name, str) and name.swapcase() != name and '"' not in name:
        look("case", "get-data", entity="List", filter=f'name=="{name.swapcase()}"')
    if number is None:
        return
    mails = look("ListMail", "get-data", entity="ListMail", filter=f"listid=={number}")
    if (mail := _first(mails, "mailid")) is not None:
        look("Mail", "get-data", entity="Mail", filter=f"mailid=={mail}")
        look("Stats", "get-data", entity="Stats", filter=f"mailid=={mail}")
    width = 1
    while width < 10**9:  # people are read a few at a time: ids may begin anywhere
        people = look("ListSub", "get-data", entity="ListSub", filter=f"listid=={number}&&subid<={width}")
        if people.content or not people.fine:
            break
        width *= 10
    if (person := _first(people, "subid")) is not None:
        look("Recipient", "get-data", entity="Recipient", filter=f"subid=={person}")


def _first(answer: Answer, member: str) -> int | None:
    rows = answer.content if isinstance(answer.content, list) else []
    return _number(rows[0].get(member)) if rows and isinstance(rows[0], Mapping) else None


def _number(value: Any) -> int | None:
    if isinstance(value, Mapping):
        value = next(iter(value.values()), None)
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


# Reading answers


def _rows(answers: Answers, name: str) -> list[Mapping[str, Any]]:
    answer = answers.get(name, Answer(None))
    content: Any = answer.content if answer.fine else None
    if isinstance(content, Mapping) and name in ("lists", "lists1", "next"):
        arrays = [value for value in content.values() if isinstance(value, list)]
        content = arrays[0] if len(arrays) == 1 else None
    return [row for row in content if isinstance(row, Mapping)] if isinstance(content, list) else []


def _objects(answers: Answers, shape: str) -> Sequence[Mapping[str, Any]]:
    if shape == "list":
        return _rows(answers, "lists")
    if shape == "envelope":
        answer = answers["lists"]
        return [answer.content] if answer.fine and isinstance(answer.content, Mapping) else []
    return [*_rows(answers, shape), *(_rows(answers, OWN_MAIL) if shape == "Mail" else ())]


def _name_of(shape: str, member: str) -> Read:
    """The name under which a member stands; "" where it is missing and no other name suggests itself."""
    needed = NEEDED[shape].split()

    def read(answers: Answers) -> str | None:
        objects = _objects(answers, shape)
        if not objects:
            return None
        there = {name for value in objects for name in value}
        if member in there or (member == "listTags" and "tags" in there):
            return member
        missing = [name for name in needed if name not in there and name != "listTags"]
        strangers = [name for name in there - set(needed) - _KNOWN if name.lower() not in _KNOWN]
        return strangers[0] if len(strangers) == len(missing) == 1 else ""

    return read


# What else answers are known to have (reference, sections 3 and 5).
_KNOWN = frozenset(
    [
        "__type",
        "errorMessage",
        "httpStatusCode",
        "tags",
        "type",
        "alias",
        "visible",
        "welcomeMailId",
        "unsubscribeMailId",
        "core",
        "created",
        "replyemail",
        "replyname",
        "replytoemail",
        "replytoname",
        "lastupdate",
        "bccaddresses",
        "userid",
        "attach",
        "html",
        "tempid",
        "key",
        "frequency",
        "params",
        "sentby",
        "filter",
        "abtesting",
        "thumb",
        "summary",
        "unsubdate",
        "ip",
        "confirmed",
        "confirmed_date",
        "confirmed_ip",
        "accept_sms",
        "email_imported_value",
        "gender",
        "is_inactive",
        "lastopen_date",
        "lastopen_ip",
        "lastclick_date",
        "name_imported_value",
        "quality_score",
        "source",
        "category",
        "color",
        "description",
        "ordering",
        "published",
        "access_manage",
        "access_sub",
        "languages",
        "startrule",
        "created_on",
        "unsubmailid",
        "welmailid",
        "allsubscriberscount",
        "disabledcount",
        "listtags",
        "subscriberscount",
        "unsubscriberscount",
        "options",
        "required",
        "backend",
        "frontcomp",
        "frontform",
        "default",
        "listing",
        "access",
        "fieldcat",
    ]
)


def _app_id(answers: Answers) -> str | None:
    content = answers["app"].content
    if isinstance(content, str | int):
        return "bare"
    return next((name for name in ("appId", "appID", "id") if name in content), None)


def _error_status(answers: Answers) -> str | None:
    missing, wrong = answers["no_entity"].status, answers["wrong_type"].status
    if missing is None or wrong is None:
        return None
    return "http" if missing >= 400 else "mixed" if wrong >= 400 else "always_200"


def _says(answers: Answers, name: str) -> bool | None:
    """Whether a filter was understood: an array, and no error."""
    answer = answers.get(name, Answer(None))
    return None if answer.status is None else isinstance(answer.content, list)


def _forms(answers: Answers) -> str | None:
    if not _says(answers, "List") or (understood := _says(answers, "forms")) is None:
        return None
    return "tolerant" if understood else "documented"


def _case(answers: Answers) -> str | None:
    return ("insensitive" if answers["case"].content else "sensitive") if _says(answers, "case") else None


def _strict_verbs(answers: Answers) -> bool | None:
    status = answers["app_post"].status
    return False if answers["app_post"].fine else True if status == 405 and answers["app"].fine else None


def _core_fields(answers: Answers) -> bool | None:
    return any(row.get("core") for row in _rows(answers, "Field")) if _says(answers, "Field") else None


def _ignores_page(answers: Answers) -> bool | None:
    two = [row.get("id") for row in _rows(answers, "lists")]
    after = [row.get("id") for row in _rows(answers, "next")]
    return after == two[:1] if len(two) == 2 else None


def _id_form(answers: Answers) -> str | None:
    id_ = next(row["id"] for row in _rows(answers, "lists") if row.get("id") is not None)
    if isinstance(id_, Mapping):
        return "object"
    if isinstance(id_, str):
        return "text" if id_.isdigit() else "guid"
    return "number"


def _published(answers: Answers) -> str | None:
    """Values of `published` that are not known, by commas."""
    found = {row.get("published") for row in _objects(answers, "Mail")} - {None}
    return ", ".join(sorted(str(value) for value in found - {0, 1, 2})) if found else None


def _date_header(answers: Answers) -> str | None:
    asked = [answer for answer in answers.values() if answer.status is not None]
    found = []
    for answer in asked:
        with suppress(TypeError, ValueError):
            found.append(parsedate_to_datetime(answer.headers.get("date", "")).timestamp())
    if not asked:
        return None
    if not found:
        return "missing"
    if any("age" in answer.headers for answer in asked):
        return "cached"
    return "backwards" if any(later < earlier for earlier, later in pairwise(found)) else "now"


def _members() -> Iterator[Assumption]:
    for shape, names in NEEDED.items():
        for name in names.split():
            read = _name_of(shape, name)
            yield Assumption(f"f.{shape}.{name}", f"Is it called {name}?", name, "Reading it is an error.", READS, read)
    yield Assumption("f.History.subid", "Is it called subid?", "subid", "Reading it is an error.", reason=_PEOPLE)
    yield Assumption("f.newsletter.id", "Is it called id?", "id", "What was made is looked up.", SCRATCH, newsletter_id)
    for name, trial in (("list", "list"), ("newsletter", "mail")):
        yield Assumption(f"f.envelope.{name}", f"Is what was made called {name}?", name, "What was made is looked up.",
                         SCRATCH, payload(name, trial))  # fmt: skip
    yield Assumption("f.recipient.id", "Is it called id?", "id", "What was made is looked up.", reason=_PEOPLE)
    yield Assumption("v.Mail.published", "Are these its values: 0, 1, 2?", "", "The newsletter can't be read.", READS,
                     _published)  # fmt: skip


def _switch(name: str, assumed: Any, breaks: str, read: Read | None = None, reason: str = "") -> Assumption:
    return Assumption(name, f"See the switch {name}.", assumed, breaks, READS, read, reason, switch=read is not None)


_REASONS: Mapping[str, str] = {
    "delete_missing": "Only what reads as ours is deleted.",
    "list_published": "A list that is published can be seen by people, so one is never made to find out.",
    "read_delay_seconds": "What was made is looked for again and again.",
    "newsletter_list": "Drafts to find out get no lists.",
    **dict.fromkeys(
        [
            "update_recipient_omitted",
            "existing_email",
            "unknown_custom_attribute",
            "custom_attributes_update",
            "empty_list_ids",
            "left_lists",
            "import_delay_seconds",
            "subscribe_missing_list",
            "consent_titles",
            "needs_gdpr_consent",
            "resubscribe_subdate",
            "welcome_mail",
            "unsubscribe_scope",
            "confirmed_only",
        ],
        _PEOPLE,
    ),
    **dict.fromkeys(
        [
            "missing_send_date",
            "past_send_date",
            "send_sent",
            "cancel_unscheduled",
            "update_scheduled",
            "update_sent",
            "delete_scheduled",
            "delete_sent",
            "delete_used_list",
            "queue_lead_seconds",
            "reschedule",
            "send_without_lists",
        ],
        _SCHEDULES,
    ),
    **dict.fromkeys(
        [
            "recipient_payload",
            "gender_codes",
            "tag_search",
            "custom_field_compare",
            "array_in_query",
            "xml",
            "alias_on_rename",
        ],
        _UNUSED,
    ),
    "distort_members": _BY_MEMBER,
    "status_words": "See v.Mail.published.",
    "get_data_rows": "People are read by ranges of ids, whatever is cut off.",
    "page_cap": "Lists are read to an empty page.",
    "error_under_200": "Nothing rests on it: an error is known by its body, too.",
    "errors_as_200": "See error_status.",
    "clock_offset": "The row `clock` of the table.",
}
_SWITCHES = (
    _switch("app_id_member", "appId", "Nothing: all of these are understood.", _app_id),
    _switch("error_status", "mixed", "Nothing: an error is known by its body, too.", _error_status),
    _switch("filter_forms", "tolerant", "Nothing: documented forms are sent.", _forms),
    _switch("filter_case", "insensitive", "Nothing: names are compared again.", _case),
    _switch("strict_verbs", False, "Nothing: documented verbs are used.", _strict_verbs),
    _switch("core_fields", True, "Nothing: built-in fields are left aside.", _core_fields),
    _switch("ignore_page", False, "No list can be read to its end.", _ignores_page),
    _switch("id_form", "number", "Ids that are no whole numbers can't be read.", _id_form),
    _switch("date_header", "now", "Without a usable Date nothing is sent.", _date_header),
    *(
        Assumption(name, f"See the switch {name}.", assumed, breaks, SCRATCH, read, switch=True)
        for name, (assumed, breaks, read) in TRIED.items()
    ),
    Assumption("distort_types", "Are members of their types?", "", "A plan that reads it stops.", READS, other_types),
    *(_switch(name, None, "Nothing is known to.", reason=reason) for name, reason in _REASONS.items()),
)

_CALLS = frozenset(
    "get-app-id get-data get-lists-details appId entity filter page pageSize Key Value apiKey".split()  # noqa: SIM905
)
_WORDS = frozenset({*(name for names in NEEDED.values() for name in names.split()), *_KNOWN, *NEEDED, *_CALLS})
ASSUMPTIONS = Questionnaire((*_members(), *_SWITCHES), ask, scratch=TRIALS, words=_WORDS)
