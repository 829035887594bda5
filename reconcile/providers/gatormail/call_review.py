"""Single calls made by hand (``reconcile api``): the rules on sends, freeze and people that plans keep hold here, too.

Arguments are judged as the platform takes them: names whatever their case, and as they stand on the wire, too.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from reconcile.errors import Diagnostic
from reconcile.model.attributes import to_json
from reconcile.model.call import Call
from reconcile.model.call_review import CallReview, Rules
from reconcile.model.instant import as_text, fault
from reconcile.model.kind import Action, Client, Row
from reconcile.model.resource import RemoteObject
from reconcile.providers.gatormail.call_facts import (
    as_taken,
    campaign_of,
    can,
    contacts_of,
    counted,
    found_by,
    group_of,
    id_of,
    named,
    no_campaign,
    no_group,
    no_zone,
    refusal,
    refused,
    titled,
    whole_number,
)
from reconcile.providers.gatormail.campaigns import FOLLOW_UP, REFRESHING, of, unfinished
from reconcile.providers.gatormail.kinds.campaign import GatorMailCampaign
from reconcile.providers.gatormail.operations import OPERATIONS
from reconcile.providers.personal import mask

_TAKE_BACK = "Taking it back (gatormail_uninitiateCampaign) is always allowed."
_LIVE = ("Queued", "Active")

_Judge = Callable[[Client, Mapping[str, Any], Rules], CallReview]


def review(api: Client, call: Call, rules: Rules) -> CallReview:
    """What the call would do as the instance is now; reads only."""
    judge, operation = _JUDGES.get(call.operation), OPERATIONS[call.operation]
    if judge is None or (operation.needs is not None and not can(api, operation.needs)):  # the client says so
        return CallReview()
    return judge(api, as_taken(api, operation, to_json(call.arguments)), rules)


def aftermath(api: Client, call: Call, rules: Rules) -> Diagnostic | None:
    """What is wrong although the platform took the call: taking a campaign back is read back."""
    if call.operation != "gatormail_uninitiateCampaign":
        return None
    campaign = campaign_of(api, to_json(call.arguments))
    if campaign is None or campaign.get("status") in (None, "InSetup"):  # None: the platform's word is all there is
        return None
    return Diagnostic(
        "not-uninitiated",
        "the campaign was not taken back",
        f"The platform took the call, but {named(campaign)} is {campaign['status']} all the same.",
        hint="Look at it in the web interface at once.",
    )


# Campaigns


def _initiating(api: Client, arguments: Mapping[str, Any], rules: Rules) -> CallReview:
    campaign = campaign_of(api, arguments)
    if campaign is None:
        return no_campaign()
    status, start = campaign.get("status"), campaign.get("startDate")
    if status is None:
        return refused(
            "state-unknown",
            f"{named(campaign)} may be queued or sent already: this instance does not show where a campaign stands.",
            "Initiate it in the web interface.",
        )
    if status != "InSetup":
        return refused(
            "not-in-setup",
            f"{named(campaign)} is {status}, and only a campaign in setup is initiated.",
            _TAKE_BACK if status == "Queued" else None,
        )
    refusal = _no_start(start) or _by_hand(api, campaign, rules, Action.UPDATE, {"initiate": True})
    if refusal is not None:
        return CallReview(refusal=refusal)
    again = " It goes out again and again until its end date." if campaign.get("type") in REFRESHING else ""
    effect = f"It has {named(campaign)} sent at {start} to {_audience(api, campaign)}.{again}"
    return CallReview(effect, sends=True, targets=_goes_to(campaign))


def _goes_to(campaign: Mapping[str, Any]) -> tuple[tuple[str, str | None], ...]:
    """The group that a campaign goes to; None stands for one that can't be read."""
    if "group" not in campaign:
        return (("group", None),)
    group = id_of(campaign["group"])
    return (("group", group),) if group is not None else ()


def _updating(api: Client, arguments: Mapping[str, Any], rules: Rules) -> CallReview:
    campaign = campaign_of(api, arguments)
    if campaign is None:
        return no_campaign()
    if (refusal := _frozen(api, campaign, rules)) is not None:
        return CallReview(refusal=refusal)
    if _state(campaign) != "Queued":
        return CallReview(f"It overwrites {named(campaign)}: what the call leaves out may become empty.")
    start = arguments.get("startDate")
    refusal = _no_start(start) or _by_hand(api, campaign, rules, Action.UPDATE, {"startDate": start})
    if refusal is not None:
        return CallReview(refusal=refusal)
    moves = start != campaign.get("startDate")
    group = id_of(arguments.get("group"))
    widens = group is not None and ("group" not in campaign or group != id_of(campaign["group"]))
    what = " and ".join(
        text for text, is_so in ((f"moves it to {start}", moves), ("changes its group", widens)) if is_so
    )
    effect = f"It overwrites {named(campaign)}, which is queued{f', and {what}' if what else ''}."
    return CallReview(effect, moves or widens, targets=_goes_to(campaign) if group is None else (("group", group),))


def _deleting(api: Client, arguments: Mapping[str, Any], rules: Rules) -> CallReview:
    campaign = campaign_of(api, arguments)
    if campaign is None:
        return no_campaign()
    queued = ", which is queued, and its sending" if _state(campaign) == "Queued" else ""
    return CallReview(
        f"It deletes {named(campaign)}{queued}; its e-mail stays behind.",
        refusal=_by_hand(api, campaign, rules, Action.DELETE),
    )


def _unsubscribing(api: Client, arguments: Mapping[str, Any], rules: Rules) -> CallReview:
    campaign = campaign_of(api, arguments)
    if campaign is None:
        return no_campaign()
    known = campaign.get("unsubscribeId", "")
    # Which opt-outs count depends on it, so that others may get the mail.
    widens = _state(campaign) == "Queued" and str(known) != str(arguments.get("unsubscribeId"))
    more = ", which is queued: other opt-outs count, so others may get it" if widens else ""
    effect = f"It attaches the unsubscribe definition {arguments.get('unsubscribeId')} to {named(campaign)}{more}."
    return CallReview(effect, widens, _frozen(api, campaign, rules))


def _writing_email(api: Client, arguments: Mapping[str, Any], rules: Rules) -> CallReview:
    email = whole_number(arguments.get("emailId"))
    if email is None:
        return refused("no-email", "It needs emailId, the id of an e-mail.")
    readable = can(api, "campaign.read")
    for campaign in unfinished(api, (*_LIVE, "Finished")):
        if readable and id_of(campaign.get("email")) != str(email):
            continue
        if (refusal := _frozen(api, campaign, rules)) is not None and (readable or _state(campaign) != "Finished"):
            doubt = "" if readable else " Whether it has this e-mail can't be read."
            return refused(refusal.code, f"{refusal.detail}{doubt}", refusal.hint)
    return CallReview(f"It overwrites the content of the e-mail {email}: what the call leaves out may become empty.")


def _testing(api: Client, arguments: Mapping[str, Any], rules: Rules) -> CallReview:
    campaign = campaign_of(api, arguments)
    address = arguments.get("emailAddress")
    if campaign is None:
        return no_campaign()
    if not isinstance(address, str) or "@" not in address:
        return refused("no-address", "It needs emailAddress, whom the message goes to.")
    return CallReview(f"It sends {named(campaign)} to {mask(address)} at once: a real message.", sends=True)


def _triggering(api: Client, arguments: Mapping[str, Any], rules: Rules) -> CallReview:
    campaign = campaign_of(api, arguments)
    if campaign is None:
        return no_campaign()
    key, given = arguments.get("triggerKey"), arguments.get("sendDate")
    if not isinstance(key, str | int) or not str(key).strip():
        return refused(
            "no-trigger-key",
            "It needs triggerKey, a text of your choice: by it alone can be seen later whether the message was sent.",
            "Such as triggerKey=order-4711.",
        )
    known = found_by(api, "gatormail_getTrigger", triggerKey=str(key))
    if known is not None:
        return refused(
            "trigger-key-used",
            f'There is a trigger "{key}" already ({known.get("triggerState")}): a second message would go out.',
            "For another message choose another key.",
        )
    if given and not of(api).contract.zoned:
        return CallReview(refusal=no_zone("sendDate is"))
    return CallReview(f"It sends {named(campaign)} to one contact, {given or 'at once'}.", sends=True)


# Groups


def _including(api: Client, arguments: Mapping[str, Any], rules: Rules) -> CallReview:
    group, people = whole_number(arguments.get("groupId")), contacts_of(arguments)
    if group is None or people is None:
        return refused("no-contacts", 'It needs groupId and contacts, an array such as [{"emailLogin": "..."}].')
    flipped = _excluded_among(api, group, people)
    waiting = [each for each in _users(api, group) if _state(each) == "Queued" or each.get("type") in REFRESHING]
    effects = [f"It includes {counted(len(people))} in the group {group}."]
    if flipped is None:
        effects.append("Whether some of them are excluded can't be read; they would be included, opt-outs among them.")
    elif flipped:
        who = "of them is" if flipped == 1 else "of them are"
        effects.append(f"{flipped:,} {who} excluded, perhaps as an opt-out, and would be included.")
    effects += [_goes_out(each) for each in waiting]
    return CallReview(" ".join(effects), sends=bool(waiting) or flipped != 0)


def _excluding(api: Client, arguments: Mapping[str, Any], rules: Rules) -> CallReview:
    group, people = whole_number(arguments.get("groupId")), contacts_of(arguments)
    if group is None or people is None:
        return refused("no-contacts", 'It needs groupId and contacts, an array such as [{"emailLogin": "..."}].')
    return CallReview(f"It excludes {counted(len(people))} from the group {group}.")


def _readmitting(api: Client, arguments: Mapping[str, Any], rules: Rules) -> CallReview:
    return CallReview(
        f"It takes back the exclusion of one person from the group {arguments.get('groupId')}. Who opted out of its "
        "mail is excluded like that, so somebody who did may get mail again.",
        sends=True,
    )


def _clearing(api: Client, arguments: Mapping[str, Any], rules: Rules) -> CallReview:
    group = group_of(api, arguments)
    if group is None:
        return no_group()
    excluded = _members(api, "gatormail_groupExcludedContactget", group)
    effect = f"It removes {_memberships(api, group, excluded)} from the group {titled(group)}, for good."
    # Whom the group's rules find, and who had opted out, may get mail again.
    return CallReview(effect, sends=excluded != 0, refusal=_in_use(api, group))


def _deleting_group(api: Client, arguments: Mapping[str, Any], rules: Rules) -> CallReview:
    group = group_of(api, arguments)
    if group is None:
        return no_group()
    excluded = _members(api, "gatormail_groupExcludedContactget", group)
    effect = f"It deletes the group {titled(group)} with {_memberships(api, group, excluded)}; the contacts stay."
    return CallReview(effect, refusal=_in_use(api, group))


def _in_use(api: Client, group: Mapping[str, Any]) -> Diagnostic | None:
    user = next(_users(api, group["id"]), None)
    if user is None:
        return None
    return refusal(
        "group-in-use",
        f"{named(user)} {_whereabouts(user)} and "
        + ("goes to this group." if "group" in user else "may go to this group: which it goes to can't be read."),
        _TAKE_BACK if _state(user) == "Queued" else "Wait until it is finished.",
    )


def _users(api: Client, group: int) -> Iterator[Mapping[str, Any]]:
    """The queued and active campaigns that go to a group, and those of which that can't be read."""
    for campaign in unfinished(api, _LIVE):
        if _state(campaign) in _LIVE and ("group" not in campaign or id_of(campaign["group"]) == str(group)):
            yield campaign


def _goes_out(campaign: Mapping[str, Any]) -> str:
    to_them = "goes out to them too" if "group" in campaign else "may go out to them too (its group can't be read)"
    return f"{named(campaign).capitalize()} {_whereabouts(campaign)} and {to_them}."


def _excluded_among(api: Client, group: int, people: list[Mapping[str, Any]]) -> int | None:
    """How many of the contacts are excluded from the group; None: that can't be read."""
    if not can(api, "membership.read"):
        return None
    ids = {str(one["id"]) for one in people if one.get("id") not in (None, "")}
    addresses = {str(one["emailLogin"]).lower() for one in people if one.get("emailLogin")}
    rows = of(api).pages("gatormail_groupExcludedContactget", groupId=group)
    return sum(str(row["id"]) in ids or str(row.get("emailLogin")).lower() in addresses for row in rows)


def _members(api: Client, operation: str, group: Mapping[str, Any]) -> int | None:
    if not can(api, "membership.read"):
        return None
    return sum(1 for _ in of(api).pages(operation, groupId=group["id"]))


def _memberships(api: Client, group: Mapping[str, Any], excluded: int | None) -> str:
    included = _members(api, "gatormail_groupIncludedContactget", group)
    if included is None or excluded is None:
        return "all inclusions and exclusions (they can't be counted here, and opt-outs are among them)"
    opted_out = " (opt-outs among them)" if excluded else ""
    return (
        f"{included:,} inclusion{'' if included == 1 else 's'} and "
        f"{excluded:,} exclusion{'' if excluded == 1 else 's'}{opted_out}"
    )


# Schema and data feed


def _deleting_schema(api: Client, arguments: Mapping[str, Any], rules: Rules) -> CallReview:
    entities = api.send(Call("gatormail_getSchema", {})).get("entities") or []
    attributes = [attribute for entity in entities for attribute in entity.get("attributes") or []]
    mappings = sum(len(attribute.get("mappings") or []) for attribute in attributes)
    lost = (
        f"{len(entities):,} entities with {len(attributes):,} attributes",
        f"{mappings:,} published mapping{'' if mappings == 1 else 's'}",
    )
    return CallReview(
        f"It deletes {lost[0]} at once; {lost[1]}, made by people in the web interface, may go with them."
    )


def _satisfying(api: Client, arguments: Mapping[str, Any], rules: Rules) -> CallReview:
    return CallReview(
        f"It tells the people in the web interface that {arguments.get('requestType')} is done. A request that they "
        "make meanwhile is put out, too."
    )


def _acknowledging(api: Client, arguments: Mapping[str, Any], rules: Rules) -> CallReview:
    return CallReview("It marks the batch as processed: its records can't be read again.")


_JUDGES: Mapping[str, _Judge] = {
    "gatormail_initiateCampaign": _initiating,
    "gatormail_updateCampaign": _updating,
    "gatormail_deleteCampaign": _deleting,
    "gatormail_putCampaignUnsubscribe": _unsubscribing,
    "gatormail_updateEmail": _writing_email,
    "gatormail_postCampaignTest": _testing,
    "gatormail_postCampaignTrigger": _triggering,
    "gatormail_groupIncludedContactpost": _including,
    "gatormail_groupExcludedContactpost": _excluding,
    "gatormail_groupExcludedContactdelete": _readmitting,
    "gatormail_postGroupCleardown": _clearing,
    "gatormail_deleteGroup": _deleting_group,
    "gatormail_deleteSchema": _deleting_schema,
    "gatormail_getIntegrationRequestSatisfied": _satisfying,
    "gatormail_getDatafeedBatchIdentifier": _acknowledging,
}


# What campaigns and groups are, and what may be said of them


def _frozen(api: Client, campaign: Mapping[str, Any], rules: Rules) -> Diagnostic | None:
    """Why a campaign may not be written where it stands."""
    return _by_hand(api, campaign, rules, Action.UPDATE)


def _by_hand(
    api: Client, campaign: Mapping[str, Any], rules: Rules, action: Action, desired: Mapping[str, Any] | None = None
) -> Diagnostic | None:
    """What a plan would say of it, for somebody at a single call: about which campaign, with a call as the way out.

    A campaign whose state can't be read counts as queued by whoever calls, and an UPDATE of nothing named as one of
    what is in it.
    """
    changed = frozenset(desired) if desired is not None else frozenset(["name"])
    found = rules.refusal("campaign", _live(campaign), action, desired, changed, {"initiate": True})
    if found is None:
        return None
    hint = found.hint
    if found.code in ("schedule-past", "schedule-too-soon"):
        earliest = as_text(rules.circumstances.now + rules.circumstances.freeze + 1)
        hint = f'The earliest is {earliest}: there is no "send now".'
    elif found.code == "frozen" and _state(campaign) == "Queued":
        hint = _TAKE_BACK
    return refusal(found.code, f"{named(campaign)}: {found.summary}. {found.detail}", hint)


def _live(campaign: Mapping[str, Any]) -> RemoteObject:
    """A campaign as its kind reads it; who shares its e-mail isn't asked."""
    return GatorMailCampaign().decode(Row(str(campaign["id"]), {**campaign, "_sharing": None}))


def _no_start(start: str | None) -> Diagnostic | None:
    """Why nothing can go out at a time: it is none."""
    if start is None:
        return refusal(
            "no-start-date",
            'It has no startDate, so it would go out at once: there is no "send now".',
            "Set startDate first.",
        )
    wrong = fault(start)
    return refusal("no-start-date", f"startDate: {wrong}") if wrong is not None else None


def _state(campaign: Mapping[str, Any]) -> str:
    """Where a campaign stands; one that doesn't show it may be queued once it has a start."""
    status: str | None = campaign.get("status")
    return status or ("Queued" if campaign.get("startDate") else "InSetup")


def _whereabouts(campaign: Mapping[str, Any]) -> str:
    if campaign.get("status") is None:
        return f"may be queued (it starts at {campaign.get('startDate')})"
    return f"is queued for {campaign.get('startDate')}" if campaign["status"] == "Queued" else "is active"


def _audience(api: Client, campaign: Mapping[str, Any]) -> str:
    if campaign.get("type") == FOLLOW_UP:
        return "whoever is triggered from then on"
    counts = found_by(api, "gatormail_getCampaignAudience", campaignId=campaign["id"])
    return counted(counts["final"]) if counts is not None and "final" in counts else "its group"
