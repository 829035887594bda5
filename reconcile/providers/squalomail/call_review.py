"""Single calls made by hand (``reconcile api``): the rules on sends, freeze and people that plans keep hold here too.

Parameter names are looked up whatever their case, since the platform may take them so.
"""

import re
from collections.abc import Iterable, Mapping

from reconcile.errors import Diagnostic
from reconcile.model.attributes import Value
from reconcile.model.call import Call
from reconcile.model.call_review import CallReview, Rules
from reconcile.model.instant import as_text
from reconcile.model.kind import Action, Client, Wanted
from reconcile.model.resource import RemoteObject
from reconcile.providers.squalomail.filters import equals
from reconcile.providers.squalomail.kinds.campaign import SqualoMailCampaign, widens
from reconcile.providers.squalomail.newsletters import NEWSLETTERS, condition
from reconcile.providers.squalomail.reading import entity_rows

_LAST_SECOND = 253_402_300_799  # of the year 9999
_CANCEL = "Cancelling the sending (cancel-sending-newsletter) is always allowed."


def review(api: Client, call: Call, rules: Rules) -> CallReview:
    """What the call would do as the account is now; reads only."""
    arguments = {name.lower(): value for name, value in call.arguments.items()}
    match call.operation:
        case "send-newsletter":
            return _sending(api, arguments, rules)
        case "update-newsletter":
            return _updating(api, arguments, rules)
        case "delete-newsletter":
            return _deleting(api, arguments, rules)
        case "delete-recipient":
            return CallReview(_people(api, "subid", _whole(arguments.get("recipientid"))))
        case "delete-recipient-by-email":
            return CallReview(_people(api, "email", arguments.get("email")))
        case "delete-recipients-by-list" | "delete-list":
            return CallReview(_list(api, call.operation, _whole(arguments.get("listid"))))
        case "unsubscribe-recipient" | "unsubscribe-recipient-by-email":
            # With accept 1 somebody who refused all mail is mailable again on their other lists.
            return CallReview(sends=str(arguments.get("accept", 0)).lower() not in ("0", "false", ""))
    return CallReview()


def aftermath(api: Client, call: Call, rules: Rules) -> Diagnostic | None:
    """What is wrong although the platform took the call: stopping a newsletter is read back."""
    if call.operation != "cancel-sending-newsletter":
        return None
    arguments = {name.lower(): value for name, value in call.arguments.items()}
    mail = _newsletter(api, arguments.get("newsletterid"))
    state = _state(mail, rules) if mail is not None else "draft"
    if mail is None or state == "draft":
        return None
    return Diagnostic(
        "not-cancelled",
        "the newsletter was not stopped",
        f"The platform took the call, but {_named(mail)} is {state} all the same.",
        hint="Look at it in the web interface at once.",
    )


def _sending(api: Client, arguments: Mapping[str, Value], rules: Rules) -> CallReview:
    date = _whole(arguments.get("senddate"))
    if date is None or date > _LAST_SECOND:
        return _refused("no-send-date", "It needs sendDate, the time to send at, in UNIX seconds.")
    mail = _newsletter(api, arguments.get("newsletterid"))
    if mail is None:
        return _refused("no-newsletter", "It needs newsletterId, the id of a newsletter that exists.")
    refusal = rules.refusal("campaign", mail, Action.UPDATE, {"schedule": as_text(date)}, frozenset(["schedule"]))
    lists = mail.attributes["lists"]
    moved = ", which is scheduled already and so is moved," if _state(mail, rules) == "scheduled" else ""
    effect = f"It has {_named(mail)}{moved} sent to {len(lists)} list{'' if len(lists) == 1 else 's'}."
    return CallReview(effect, refusal=_by_hand(mail, refusal, rules), targets=_lists(lists))


def _lists(ids: Iterable[Value]) -> tuple[tuple[str, str | None], ...]:
    return tuple(("list", str(id_)) for id_ in ids)


def _deleting(api: Client, arguments: Mapping[str, Value], rules: Rules) -> CallReview:
    if _whole(arguments.get("newsletterid")) is None:
        return _refused("no-newsletter", "It needs newsletterId, a whole number.")
    mail = _newsletter(api, arguments["newsletterid"])
    if mail is None:
        return CallReview()
    scheduled = ", which is scheduled, and its sending" if _state(mail, rules) == "scheduled" else ""
    refusal = rules.refusal("campaign", mail, Action.DELETE)
    return CallReview(f"It deletes {_named(mail)}{scheduled}.", refusal=_by_hand(mail, refusal, rules))


def _updating(api: Client, arguments: Mapping[str, Value], rules: Rules) -> CallReview:
    if _whole(arguments.get("id")) is None:
        return _refused("no-newsletter", "It needs id, the newsletter's, a whole number.")
    mail = _newsletter(api, arguments["id"])
    if mail is None:
        return CallReview()
    lists = arguments.get("listids") or ()
    wanted = {str(one) for one in (lists if isinstance(lists, list | tuple) else [lists])}
    more = ", which is scheduled, and adds lists that it goes to" if widens(mail, wanted) else ""
    targets = _lists(sorted(wanted)) if _state(mail, rules) == "scheduled" else ()
    refusal = rules.refusal("campaign", mail, Action.UPDATE)
    effect = f"It overwrites {_named(mail)}{more}."
    return CallReview(effect, widens(mail, wanted), _by_hand(mail, refusal, rules), targets)


def _by_hand(mail: RemoteObject, refusal: Diagnostic | None, rules: Rules) -> Diagnostic | None:
    """A plan's refusal as somebody at a single call needs it: about which newsletter, with a call as the way out."""
    if refusal is None:
        return None
    detail, hint = f"{_named(mail)}: {refusal.detail}", refusal.hint
    if refusal.code in ("schedule-past", "schedule-too-soon"):
        earliest = int(rules.circumstances.now + rules.circumstances.freeze) + 1
        hint = f'The earliest is {earliest}: there is no "send now".'
    elif _state(mail, rules) == "scheduled":
        hint = _CANCEL
    return _refusal(refusal.code, detail, hint)


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


def _newsletter(api: Client, id_: Value) -> RemoteObject | None:
    """The newsletter as a campaign, which any of them may be."""
    number = _whole(id_)
    if number is None:
        return None
    rows = NEWSLETTERS.read(api, Wanted(frozenset([str(number)])))
    return next((SqualoMailCampaign().decode(row) for row in rows if row.id == str(number)), None)


def _state(mail: RemoteObject, rules: Rules) -> str:
    return condition(mail.facts, rules.circumstances.now)


def _named(mail: RemoteObject) -> str:
    return f'the newsletter "{mail.attributes["subject"]}" (id {mail.id})'


def _counted(count: int) -> str:
    return f"{count:,} {'person' if count == 1 else 'people'}"


def _whole(value: Value) -> int | None:
    """A whole number, also one written as text, as the platform takes it."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,15}", value) else None


def _refused(code: str, detail: str) -> CallReview:
    return CallReview(refusal=_refusal(code, detail))


def _refusal(code: str, detail: str, hint: str | None = None) -> Diagnostic:
    return Diagnostic(code, "not made", detail[0].upper() + detail[1:], hint=hint)
