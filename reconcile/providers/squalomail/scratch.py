"""What only writes tell of a SqualoMail account: a few lists and drafts of our own, not published and aimed at nobody.

Nobody is put on the lists, the drafts get no lists and no dates. An update always names a list that only we have.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from reconcile.model.assumption import Answer, Answers, Read
from reconcile.model.call import Call
from reconcile.model.kind import Wanted
from reconcile.model.scratch import Found, Own, Scratch, Trial, Write
from reconcile.providers.shapes import says_error
from reconcile.providers.squalomail.client import SqualoMail
from reconcile.providers.squalomail.filters import equals
from reconcile.providers.squalomail.newsletters import NEWSLETTERS
from reconcile.providers.squalomail.reading import entity_rows

_BODY = "<p>one</p>\r\n<p>two</p>"
_LIST = {"description": "Made by reconcile doctor, which deletes it.", "published": False}
_ODD = "   & <b>  end"
OWN_MAIL = "made mail"  # the answer that is a draft of our own
_LONG = 300  # characters, more than a name may have


def _list(own: Own, end: str, **members: Any) -> Call:
    return Call("create-list", {"name": own.name(end), **_LIST, **members})


def _update(name: str, **members: Any) -> Call:
    return Call("update-list", {"name": name, **_LIST, "color": "#336699", "ordering": 1, **members})


def _mail(own: Own, end: str, **members: Any) -> Call:
    return Call("create-newsletter", {"subject": own.name(end), "body": _BODY, "visible": False, **members})


def _reads_list(answer: str, trial: str) -> Mapping[str, Write]:
    return {answer: lambda own: Call("get-lists", {"listIds": [own.id(trial)]})}


def _reads_mail(answer: str, trial: str) -> Mapping[str, Write]:
    return {answer: lambda own: Call("get-data", {"entity": "Mail", "filter": equals("mailid", int(own.id(trial)))})}


def _trials(client: SqualoMail) -> tuple[Trial, ...]:
    """By id, by name, by both; then what an update leaves out; then twins, and texts that may not stay as they are."""
    tags = {"listTags": ["reconcile"]}
    return (
        Trial("list", "list", lambda own: _list(own, "1", **tags), makes=True, reads=_reads_list("made list", "list")),
        Trial("by id", "list", lambda own: _update(own.name("2"), id=own.id("list"), **tags), may_make=True,
              reads=_reads_list("list by id", "list")),
        Trial("by list id", "list", lambda own: _update(own.name("3"), listId=own.id("list"), **tags), may_make=True,
              reads=_reads_list("list by list id", "list")),
        Trial("second", "list", lambda own: _list(own, "4"), makes=True, reads=_reads_list("second list", "second")),
        Trial("by name", "list", lambda own: _update(own.name("4"), description="by name"), may_make=True,
              reads=_reads_list("list by name", "second")),
        Trial("third", "list", lambda own: _list(own, "5", **tags), makes=True),
        Trial("no tags", "list", lambda own: _update(own.name("5"), **_both(own, "third"), listTags=[]),
              reads=_reads_list("list without tags", "third")),
        Trial("left out", "list",
              lambda own: Call("update-list", {"name": own.name("5"), "published": False, **_both(own, "third")}),
              reads=_reads_list("list with less", "third")),
        Trial("twin", "list", lambda own: _list(own, "5"), makes=True),
        Trial("long", "list", lambda own: _list(own, "6" + "x" * _LONG), makes=True,
              reads=_reads_list("long list", "long")),
        Trial("emoji", "list", lambda own: _list(own, "7 😀"), makes=True, reads=_reads_list("emoji list", "emoji")),
        Trial("mail", "newsletter", lambda own: _mail(own, "8", altBody="alt"), makes=True,
              reads=_reads_mail(OWN_MAIL, "mail")),
        Trial("mail left out", "newsletter",
              lambda own: Call("update-newsletter", {"id": own.id("mail"), "subject": own.name("8"), "body": _BODY,
                                                     "visible": False}),
              reads=_reads_mail("mail with less", "mail")),
        Trial("mail twin", "newsletter", lambda own: _mail(own, "8"), makes=True),
        Trial("odd", "newsletter", lambda own: _mail(own, "9" + _ODD), makes=True,
              reads=_reads_mail("odd mail", "odd")),
    )  # fmt: skip


def _both(own: Own, trial: str) -> dict[str, str]:
    """Whichever of the two it is by which an update knows its list."""
    return {"id": own.id(trial), "listId": own.id(trial)}


def _find(client: SqualoMail, kind: str, begin: str) -> Iterator[Found]:
    begins = f'.Startwith("{begin}")'
    if kind == "list":
        for found in list(entity_rows(client, "List", [f"name{begins}"])):
            yield Found(str(found["listid"]), found["name"], _used(client, found["listid"]))
        return
    ids = {str(row["mailid"]) for row in entity_rows(client, "Mail", [f"subject{begins}"])}
    for row in NEWSLETTERS.read(client, Wanted(frozenset(ids))) if ids else ():
        mail = row.data
        stays = (
            "it was sent" if mail["_sent"]
            else "it has a date, or is scheduled" if mail["senddate"] or mail["published"] == 2
            else "somebody has given it lists" if mail["_lists"]
            else ""
        )  # fmt: skip
        yield Found(row.id, mail["subject"] or "", stays)


def _used(client: SqualoMail, listid: int) -> str:
    """Why a list stays: somebody uses it."""
    if any(entity_rows(client, "ListMail", [equals("listid", listid)])):
        return "newsletters go to it"
    return "people are on it" if any(entity_rows(client, "ListSub", [equals("listid", listid)])) else ""


def _delete(kind: str, id_: str) -> Call:
    return Call("delete-list", {"listId": id_}) if kind == "list" else Call("delete-newsletter", {"newsletterId": id_})


def _refused(answer: Answer) -> bool:
    if answer.undecided or (answer.status or 0) >= 400:
        return not answer.undecided
    content = answer.content
    return isinstance(content, Mapping) and (bool(content.get("errorCode")) or says_error(content) is not None)


# Reading answers


def _fine(answers: Answers, name: str) -> bool | None:
    """Whether a call was carried out, None where that can't be told."""
    answer = answers[name]
    return None if answer.undecided else not _refused(answer)


def _row(answers: Answers, name: str) -> Mapping[str, Any]:
    """The one list, or newsletter, that was asked for.

    Raises:
        LookupError: it can't be told.
    """
    answer = answers[name]
    content: Any = answer.content if answer.fine else None
    if isinstance(content, Mapping):
        content = content["lists"]
    (row,) = content
    if not isinstance(row, Mapping):
        raise LookupError(name)
    return row


def _end(answers: Answers, name: str, member: str = "name") -> str:
    """What follows our own name in a name as it was stored."""
    own = str(_row(answers, "made list")["name"])[:18]
    return str(_row(answers, name)[member]).removeprefix(f"{own}-")


def _identity(answers: Answers) -> str | None:
    by_id, by_list_id = _end(answers, "list by id") == "2", _end(answers, "list by list id") == "3"
    if answers["by id made"].content or answers["by list id made"].content:
        return "name_or_create"
    if by_id or by_list_id:
        return "id_or_name" if by_id and by_list_id else "id" if by_id else "list_id"
    return "name" if _row(answers, "list by name")["description"] == "by name" else None


def _omitted(row: str, member: str) -> Read:
    def read(answers: Answers) -> str | None:
        return "keep" if _row(answers, row)[member] else "reset"

    return read


def _twin(name: str, first: str) -> Read:
    def read(answers: Answers) -> str | None:
        fine = _fine(answers, name) if _fine(answers, first) else None
        return None if fine is None else "accept" if fine else "conflict"

    return read


def _payload(answers: Answers) -> str | None:
    if not _fine(answers, "mail left out"):
        return None
    content = answers["mail left out"].content
    if not isinstance(content, Mapping) or "errorCode" not in content:
        return "bare"
    return "named" if "newsletter" in content else "none"


def _tags(answers: Answers) -> str | None:
    row = _row(answers, "list without tags")
    return "keep" if row.get("listTags") or row.get("tags") else "clear"


def _body(answers: Answers) -> str | None:
    body = _row(answers, OWN_MAIL)["body"]
    return "none" if body == _BODY else "line_ends" if body == _BODY.replace("\r", "") + "\n" else "otherwise"


def _color(answers: Answers) -> str | None:
    return "fixed" if _row(answers, "made list")["color"] == _row(answers, "second list")["color"] else "random"


def _ordering(answers: Answers) -> str | None:
    return "next" if _row(answers, "second list")["ordering"] else "zero"


def _too_long(answers: Answers) -> str | None:
    if not (fine := _fine(answers, "long")):
        return None if fine is None else "error"
    return "truncate" if len(str(_row(answers, "long list")["name"])) < _LONG else "keep"


def _emoji(answers: Answers) -> str | None:
    if not (fine := _fine(answers, "emoji")):
        return None if fine is None else "error"
    return {"7 😀": "keep", "7 ?": "replace"}.get(_end(answers, "emoji list"))


def _rewritten(answers: Answers) -> str | None:
    text = _end(answers, "odd mail", "subject")
    if text == "9" + _ODD:
        return "emoji" if _emoji(answers) == "replace" else "none"
    if "&amp;" in text:
        return "entities"
    return "blanks" if text == "9 & <b> end" else "cut" if ("9" + _ODD).startswith(text) else "otherwise"


def _created(answers: Answers) -> str | None:
    """Whose id the answer to a create has."""
    shown = answers["mail"].content["newsletter"]["id"]
    there = _row(answers, OWN_MAIL)["mailid"]
    return None if isinstance(shown, Mapping) else "own" if str(shown) == str(there) else "another"


def newsletter_id(answers: Answers) -> str | None:
    """The name under which a new newsletter's id stands; "" where there is none."""
    content = answers["mail"].content["newsletter"] if _fine(answers, "mail") else None
    if not isinstance(content, Mapping):
        return None
    return (
        "id"
        if "id" in content
        else next((name for name in ("newsletterId", "mailid", "mailId") if name in content), "")
    )


def payload(name: str, trial: str) -> Read:
    """The name under which what was made stands in an envelope; "" where it is missing."""

    def read(answers: Answers) -> str | None:
        content = answers[trial].content if _fine(answers, trial) else None
        if not isinstance(content, Mapping):
            return None
        others = [key for key, value in content.items() if isinstance(value, Mapping)]
        return name if name in content else others[0] if len(others) == 1 else ""

    return read


def _initial(answers: Answers) -> int | None:
    found = _row(answers, OWN_MAIL)["published"]
    return found if type(found) is int else None


_STORED = "Such texts are stored otherwise, and differ from then on."
# What each switch is assumed to be, what breaks otherwise, and how it is read.
TRIED: Mapping[str, tuple[Any, str, Read]] = {
    "update_list_identity": ("id_or_name", "Nothing: both ids and the name are sent.", _identity),
    "update_list_omitted": ("reset", "Nothing: whole objects are sent.", _omitted("list with less", "description")),
    "update_newsletter_omitted": ("reset", "Nothing: whole objects are sent.", _omitted("mail with less", "altbody")),
    "duplicate_list_name": ("accept", "A second one is an error.", _twin("twin", "third")),
    "duplicate_subject": ("accept", "A second one is an error.", _twin("mail twin", "mail")),
    "initial_published": (0, "Nothing: the send date tells a draft.", _initial),
    "undocumented_payload": ("named", "Nothing: what was made is looked up.", _payload),
    "empty_list_tags": ("clear", "The last tag stays on a list, and is told as drift.", _tags),
    "rewrite_body": ("none", "Nothing: line ends are not compared.", _body),
    "list_color": ("random", "Nothing: what is not declared is not compared.", _color),
    "list_ordering": ("next", "Nothing: what is not declared is not compared.", _ordering),
    "too_long_text": ("error", _STORED, _too_long),
    "four_byte_text": ("keep", _STORED, _emoji),
    "create_id": ("own", "Nothing: a wrong id is not believed.", _created),
    "rewrite_texts": ("none", _STORED, _rewritten),
}
SCRATCH = Scratch(_trials, ("newsletter", "list"), _find, _delete, _refused)
