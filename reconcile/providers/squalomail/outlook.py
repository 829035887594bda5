"""Single calls made by hand (``reconcile api``): the rules on sends, freeze and people that plans keep hold here too.

Parameter names are looked up whatever their case, since the platform may take them so.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from reconcile.errors import Diagnostic
from reconcile.model.attributes import Value
from reconcile.model.call import Call
from reconcile.model.kind import Circumstances, Client, Wanted
from reconcile.model.outlook import Outlook
from reconcile.providers.squalomail.filters import equals
from reconcile.providers.squalomail.newsletters import NEWSLETTERS, condition
from reconcile.providers.squalomail.reading import entity_rows

_CANCEL = "Cancelling the sending (cancel-sending-newsletter) is always allowed."


def outlook(api: Client, call: Call, circumstances: Circumstances) -> Outlook:
    """What the call would do as the account is now; reads only."""
    arguments = {name.lower(): value for name, value in call.arguments.items()}
    match call.operation:
        case "send-newsletter":
            return _sending(api, arguments, circumstances)
        case "update-newsletter":
            return _updating(api, arguments, circumstances)
        case "delete-newsletter":
            return _deleting(api, arguments, circumstances)
        case "delete-recipient":
            return Outlook(_people(api, "subid", _whole(arguments.get("recipientid"))))
        case "delete-recipient-by-email":
            return Outlook(_people(api, "email", arguments.get("email")))
        case "delete-recipients-by-list" | "delete-list":
            return Outlook(_list(api, call.operation, _whole(arguments.get("listid"))))
        case "unsubscribe-recipient" | "unsubscribe-recipient-by-email":
            # With accept 1 somebody who refused all mail is mailable again on their other lists.
            return Outlook(sends=str(arguments.get("accept", 0)).lower() not in ("0", "false", ""))
    return Outlook()


def aftermath(api: Client, call: Call, circumstances: Circumstances) -> Diagnostic | None:
    """What is wrong although the platform took the call: stopping a newsletter is read back."""
    if call.operation != "cancel-sending-newsletter":
        return None
    arguments = {name.lower(): value for name, value in call.arguments.items()}
    mail = _newsletter(api, arguments.get("newsletterid"))
    state = _state(mail, circumstances) if mail else "draft"
    if mail is None or state == "draft":
        return None
    return Diagnostic(
        "not-cancelled",
        "the newsletter was not stopped",
        f"The platform took the call, but {_named(mail)} is {state} all the same.",
        hint="Look at it in the web interface at once.",
    )


def _sending(api: Client, arguments: Mapping[str, Value], circumstances: Circumstances) -> Outlook:
    date = _whole(arguments.get("senddate"))
    if date is None:
        return Outlook(refusal=_refusal("no-send-date", "It needs sendDate, the time to send at, in UNIX seconds."))
    if circumstances.too_near(date):
        return Outlook(
            refusal=_refusal(
                "frozen",
                f"sendDate must lie more than {circumstances.freeze / 60:.0f} minutes ahead (policy.freeze): there is "
                f'no "send now".',
                f"The earliest is {int(circumstances.now + circumstances.freeze) + 1}.",
            )
        )
    mail = _newsletter(api, arguments.get("newsletterid"))
    if mail is None:
        return Outlook(refusal=_refusal("no-newsletter", "It needs newsletterId, the id of a newsletter that exists."))
    lists = len(mail["_lists"])
    moved = ", which is scheduled already and so is moved," if _state(mail, circumstances) == "scheduled" else ""
    effect = f"It has {_named(mail)}{moved} sent to {lists} list{'' if lists == 1 else 's'}."
    return Outlook(effect, refusal=_frozen(mail, circumstances), targets=_lists(mail["_lists"]))


def _lists(ids: Iterable[Value]) -> tuple[tuple[str, str | None], ...]:
    return tuple(("list", str(id_)) for id_ in ids)


def _deleting(api: Client, arguments: Mapping[str, Value], circumstances: Circumstances) -> Outlook:
    if _whole(arguments.get("newsletterid")) is None:
        return Outlook(refusal=_refusal("no-newsletter", "It needs newsletterId, a whole number."))
    mail = _newsletter(api, arguments["newsletterid"])
    if mail is None:
        return Outlook()
    scheduled = ", which is scheduled, and its sending" if _state(mail, circumstances) == "scheduled" else ""
    return Outlook(f"It deletes {_named(mail)}{scheduled}.", refusal=_frozen(mail, circumstances))


def _updating(api: Client, arguments: Mapping[str, Value], circumstances: Circumstances) -> Outlook:
    if _whole(arguments.get("id")) is None:
        return Outlook(refusal=_refusal("no-newsletter", "It needs id, the newsletter's, a whole number."))
    mail = _newsletter(api, arguments["id"])
    if mail is None:
        return Outlook()
    lists = arguments.get("listids") or ()
    wanted = {str(one) for one in (lists if isinstance(lists, list | tuple) else [lists])}
    scheduled = _state(mail, circumstances) == "scheduled"
    widens = scheduled and bool(wanted - set(mail["_lists"]))
    more = ", which is scheduled, and adds lists that it goes to" if widens else ""
    targets = _lists(sorted(wanted)) if scheduled else ()
    return Outlook(f"It overwrites {_named(mail)}{more}.", widens, _frozen(mail, circumstances), targets)


def _frozen(mail: Mapping[str, Any], circumstances: Circumstances) -> Diagnostic | None:
    state = _state(mail, circumstances)
    if state == "sent":
        return _refusal("frozen", f"{_named(mail)} was sent, so it is not written.", "Use the web interface.")
    if state == "committed":
        return _refusal("frozen", f"{_named(mail)} is being sent, or will be any minute, so it is not written.")
    if state == "scheduled" and circumstances.too_near(mail["senddate"] or 0):
        minutes = f"{circumstances.freeze / 60:.0f} minutes (policy.freeze)"
        return _refusal("frozen", f"{_named(mail)} goes out within {minutes}, so it is not written.", _CANCEL)
    return None


def _people(api: Client, field: str, value: Value) -> str | None:
    """Whom a deletion concerns."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        return None
    rows = list(entity_rows(api, "Recipient", [equals(field, value)]))
    count = sum(str(row[field]).lower() == str(value).lower() for row in rows)
    return f"It deletes {_counted(count)} for good; opt-outs and consents are lost with them."


def _list(api: Client, operation: str, list_id: int | None) -> str | None:
    """How many people a list stands for. Which of them the platform deletes is not documented."""
    if list_id is None:
        return None
    rows = api.send(Call("get-lists-details", {"listIds": [list_id]}))["lists"] or []
    row = next((row for row in rows if row["id"] == list_id), None)
    if row is None:
        return f"There is no list {list_id}."
    count = f"{_counted(row.get('totalCount') or 0)} ({row.get('unsubscribersCount') or 0:,} of them unsubscribed)"
    if operation == "delete-list":
        return f'It deletes the list "{row["name"]}" and the subscriptions of {count}, opt-outs among them.'
    return f'It deletes up to {count} of the list "{row["name"]}" for good; opt-outs and consents are lost with them.'


def _newsletter(api: Client, id_: Value) -> Mapping[str, Any] | None:
    """The newsletter with its lists (``_lists``) and whether it has statistics (``_sent``)."""
    number = _whole(id_)
    if number is None:
        return None
    rows = NEWSLETTERS.read(api, Wanted(frozenset([str(number)])))
    return next((row.data for row in rows if row.id == str(number)), None)


def _state(mail: Mapping[str, Any], circumstances: Circumstances) -> str:
    facts = {"sent": mail["_sent"], "published": mail["published"], "sendDate": mail["senddate"] or 0}
    return condition(facts, circumstances.now)


def _named(mail: Mapping[str, Any]) -> str:
    return f'the newsletter "{mail["subject"]}" (id {mail["mailid"]})'


def _counted(count: int) -> str:
    return f"{count:,} {'person' if count == 1 else 'people'}"


def _whole(value: Value) -> int | None:
    """A whole number, also one written as text, as the platform takes it."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,15}", value) else None


def _refusal(code: str, detail: str, hint: str | None = None) -> Diagnostic:
    return Diagnostic(code, "not made", detail[0].upper() + detail[1:], hint=hint)
