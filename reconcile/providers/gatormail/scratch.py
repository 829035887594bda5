"""What only writes tell of a GatorMail instance: empty groups and a campaign in setup, without group, e-mail and dates.

E-mails can't be deleted, so none is made. A campaign whose status the account does not show could not be seen to be
unsent, so none is made there either.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from reconcile.errors import ApiError
from reconcile.model.assumption import Answer, Answers, Read
from reconcile.model.call import Call
from reconcile.model.scratch import Found, Own, Scratch, Trial
from reconcile.providers.gatormail.asking import TABLE
from reconcile.providers.gatormail.asking import member as _of
from reconcile.providers.gatormail.client import GatorMail
from reconcile.providers.gatormail.contract import ENUMS
from reconcile.providers.shapes import says_error, word

_ODD = "   & <b> 😀  end"
_GROUP = {"description": "Made by reconcile doctor, which deletes it."}


def _group(own: Own, end: str) -> Call:
    return Call("gatormail_addGroup", {"name": own.name(end), **_GROUP})


def _of_group(operation: str, trial: str, **arguments: Any) -> Callable[[Own], Call]:
    return lambda own: Call(f"gatormail_{operation}", {"groupId": own.id(trial), **arguments})


def _campaign(own: Own, **members: Any) -> dict[str, Any]:
    return {"name": own.name("5"), "type": "Static", **members}


def _read_campaign(own: Own) -> Call:
    return Call("gatormail_getCampaign", {"campaignId": own.id("made campaign")})


def _trials(client: GatorMail) -> tuple[Trial, ...]:
    page = {"page": int(client.contract.text("c.page.first")), "pageSize": 1}
    groups = (
        Trial("made group", "group", lambda own: _group(own, "1"), makes=True, reads={
            "own group": _of_group("getGroup", "made group"),
            "own count": _of_group("getGroupCount", "made group"),
            "own included": _of_group("groupIncludedContactget", "made group", **page),
            "own excluded": _of_group("groupExcludedContactget", "made group", **page),
        }),
        Trial("renamed", "group",
              lambda own: Call("gatormail_updateGroup", {"groupId": own.id("made group"), "name": own.name("2")}),
              reads={"renamed group": _of_group("getGroup", "made group")}),
        Trial("first twin", "group", lambda own: _group(own, "3"), makes=True),
        Trial("twin", "group", lambda own: _group(own, "3"), makes=True),
        Trial("odd", "group", lambda own: _group(own, "4" + _ODD), makes=True,
              reads={"odd group": _of_group("getGroup", "odd")}),
    )  # fmt: skip
    if "campaign.status" not in client.contract.capabilities():
        return groups
    campaigns = (
        Trial("made campaign", "campaign",
              lambda own: Call("gatormail_addCampaign", _campaign(own, subject="scratch", fromName="scratch")),
              makes=True,
              reads={"own campaign": _read_campaign}),
        Trial("left out", "campaign",
              lambda own: Call("gatormail_updateCampaign",
                               {"campaignId": own.id("made campaign"), **_campaign(own, subject="scratch")}),
              reads={"less": _read_campaign}),
    )  # fmt: skip
    return (*groups, *campaigns)


def _find(client: GatorMail, kind: str, begin: str) -> Iterator[Found]:
    if kind == "campaign":
        if "campaign.status" not in client.contract.capabilities():
            return
        for row in list(client.pages("gatormail_campaignList")):
            if str(row.get("name")).casefold().startswith(begin.casefold()):
                yield Found(str(row["id"]), row["name"], _gone_out(row["status"]))
        return
    for row in list(client.pages("gatormail_groupList")):
        if str(row.get("name")).casefold().startswith(begin.casefold()):
            yield Found(str(row["id"]), row["name"], _used(client, row["id"]))


def _gone_out(status: Any) -> str:
    """Why a campaign stays: it can't be seen to be in setup."""
    if status in ENUMS["campaignStatus"]:
        return "" if status == "InSetup" else f"it is not in setup any more, but {status}"
    return f"what its status {word(status)} means is not known (v.campaignStatus)"


def _used(client: GatorMail, group: Any) -> str:
    """Why a group stays: people are in it, by their number or, where that can't be read, by the lists of them."""
    try:
        count = client.send(Call("gatormail_getGroupCount", {"groupId": group}))["count"]
    except ApiError:
        try:
            lists = ("gatormail_groupIncludedContactget", "gatormail_groupExcludedContactget")
            count = sum(1 for name in lists for _ in client.pages(name, groupId=group))
        except ApiError:
            return "whether people are in it can't be read"
    return f"{count} people are in it" if count else ""


def _delete(kind: str, id_: str) -> Call:
    name = kind.capitalize()
    return Call(f"gatormail_delete{name}", {f"{kind}Id": id_})


def _refused(answer: Answer) -> bool:
    return not answer.undecided and ((answer.status or 0) >= 400 or says_error(answer.content) is not None)


# Reading answers


def _member(answers: Answers, key: str, name: str) -> Any:
    answer = answers[name]
    return _of(answers, key, answer.content) if answer.fine else None


def _fine(answers: Answers, name: str) -> bool | None:
    """Whether a call was carried out, None where that can't be told."""
    answer = answers[name]
    return None if answer.undecided else not _refused(answer)


def _end(answers: Answers, name: str) -> str:
    own = str(_member(answers, "f.group.name", "own group"))[:18]
    return str(_member(answers, "f.group.name", name)).removeprefix(f"{own}-")


def renames(answers: Answers) -> bool | None:
    """Whether a group can be given another name."""
    fine = _fine(answers, "renamed")
    return None if fine is None else fine and _end(answers, "renamed group") == "2"


def _put(answers: Answers) -> str | None:
    return (
        ("merge" if _member(answers, "f.campaign.fromName", "less") else "replace")
        if _fine(answers, "left out")
        else None
    )


def _unique(answers: Answers) -> bool | None:
    fine = _fine(answers, "twin") if _fine(answers, "first twin") else None
    return None if fine is None else not fine


def _created(answers: Answers) -> str | None:
    shown = _member(answers, "f.group.id", "first twin")
    (there,) = answers["first twin made"].content
    return None if isinstance(shown, Mapping) else "own" if str(shown) == there else "another"


def _rewritten(answers: Answers) -> str | None:
    text, sent = _end(answers, "odd group"), "4" + _ODD
    if text == sent:
        return "none"
    if "&amp;" in text:
        return "entities"
    if text == sent.replace("😀", "?"):
        return "emoji"
    return "blanks" if text == "4 & <b> 😀 end" else "cut" if sent.startswith(text) else "otherwise"


def made_at(name: str, key: str) -> Read:
    """The route of a write, if it is there."""

    def read(answers: Answers) -> str | None:
        answer = answers[name]
        if answer.status in (404, 405):
            return f"HTTP {answer.status}"
        return str(answers[TABLE].content[key]) if answer.fine and not _refused(answer) else None

    return read


# What a switch is assumed to be, what breaks otherwise, how it is read.
TRIED: Mapping[str, tuple[Any, str, Read]] = {
    "put_semantics": ("replace", "Nothing: whole objects are sent.", _put),
    "unique_names": (False, "A second one is an error.", _unique),
    "group_update": (False, "A rename makes the group anew.", renames),
    "create_id": ("own", "Nothing: a wrong id is not believed.", _created),
    "rewrite_texts": ("none", "Such texts are stored otherwise, and differ from then on.", _rewritten),
}
# Writes by the row of the contract that says where they are.
WRITES: Mapping[str, str] = {
    "op.group.create": "made group",
    "op.group.delete": "delete group",
    "op.campaign.create": "made campaign",
    "op.campaign.update": "left out",
    "op.campaign.delete": "delete campaign",
}
SCRATCH = Scratch(_trials, ("campaign", "group"), _find, _delete, _refused)
