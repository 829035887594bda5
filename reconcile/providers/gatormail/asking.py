"""The calls by which a GatorMail instance is asked at level 1, and its answers by the rows of the contract table.

Only reads are made: the lists, at page sizes of one and two, and what is inferred on a finished campaign and its group
alone, where a wrong guess at a route can do nothing. The feed is never fetched, since fetching may open a batch.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from reconcile.errors import ApiError, Unauthorised
from reconcile.model.assumption import Answer, Answers
from reconcile.model.call import Call
from reconcile.providers.gatormail.answers import checked
from reconcile.providers.gatormail.client import GatorMail
from reconcile.providers.gatormail.contract import ENUMS, defaults, members
from reconcile.providers.gatormail.operations import OPERATIONS
from reconcile.providers.shapes import note_twice, note_types

TABLE = "contract"  # the answer that is the account's own contract table
LISTS = ("campaigns", "campaigns1", "campaigns2", "groups", "emails", "contacts", "included", "excluded")
_ODD = ("before", "no_size", "unversioned")  # what is asked amiss on purpose


def ask(client: GatorMail, answers: dict[str, Answer]) -> None:
    """Read what tells something, once each."""
    table = client.contract
    answers[TABLE] = Answer(None, {key: table.text(key) for key in defaults() if not key.startswith(("v.", "cap."))})
    for enum, words in ENUMS.items():
        answers[f"v.{enum}"] = Answer(None, [table.value(enum, word) for word in words])
    first, size = int(table.text("c.page.first")), int(table.text("c.page.size"))

    def look(name: str, operation: str, *, versioned: bool = True, **arguments: Any) -> Answer:
        call = Call(f"gatormail_{operation}", arguments)
        try:
            answers[name] = client.look(call, versioned=versioned)
            if name not in _ODD:
                known = OPERATIONS[call.operation]
                note_types(answers, lambda: checked(table, known, answers[name].content, ""), answers[name])
        except Unauthorised:
            raise
        except ApiError as error:
            answers[name] = Answer(None)  # nothing came that could be read
            note_twice(answers, error)
        return answers[name]

    look("campaigns1", "campaignList", page=first, pageSize=1)
    look("campaigns2", "campaignList", page=first, pageSize=2)
    look("campaigns", "campaignList", page=first, pageSize=size)
    look("next", "campaignList", page=first + 1, pageSize=1)
    look("before", "campaignList", page=first - 1, pageSize=1)
    look("no_size", "campaignList", page=first, pageSize=0)
    look("unversioned", "campaignList", page=first, pageSize=1, versioned=False)
    look("groups", "groupList", page=first, pageSize=2)
    look("emails", "emailList", page=first, pageSize=2)
    look("contacts", "contactList", page=first, pageSize=1)
    look("fields", "contactFieldList")
    look("match", "contactMatch", field=table.text("f.contact.emailLogin"), value="nobody@example.invalid")
    for name, operation in (("schema", "getSchema"), ("requests", "getIntegrationRequests")):
        look(name, operation)
    look("options", "getDatafeedOptions")
    _ask_of_finished(client, answers, look)


def _ask_of_finished(client: GatorMail, answers: dict[str, Answer], look: Callable[..., Answer]) -> None:
    """What is inferred, on a campaign that is finished and the group that it went to: a wrong route can do nothing."""
    table = client.contract
    done = table.value("campaignStatus", "Finished")
    for row in rows(answers, "campaigns"):
        if member(answers, "f.campaign.status", row) == done:
            id_ = _id_text(member(answers, "f.campaign.id", row))
            break
    else:
        return
    whole = look("campaign", "getCampaign", campaignId=id_)
    look("audience", "getCampaignAudience", campaignId=id_)
    look("stats", "getCampaignStats", campaignId=id_)
    group = member(answers, "f.campaign.group", whole.content) if isinstance(whole.content, Mapping) else None
    if isinstance(group, Mapping) and (number := member(answers, "f.group.id", group)) not in (None, ""):
        of = {"groupId": _id_text(number)}
        look("group", "getGroup", **of)
        look("count", "getGroupCount", **of)
        for name in ("Included", "Excluded"):
            look(name.lower(), f"group{name}Contactget", page=int(table.text("c.page.first")), pageSize=1, **of)


def _id_text(value: Any) -> str:
    return str(next(iter(value.values()), "")) if isinstance(value, Mapping) else str(value)


def wire(answers: Answers, key: str) -> str:
    """What the account's contract says of a row."""
    return str(answers[TABLE].content[key])


def member(answers: Answers, key: str, value: Mapping[str, Any]) -> Any:
    """A member of an object by its row of the contract, whatever the case of its name."""
    wanted = wire(answers, key).lower()
    return next((each for name, each in value.items() if name.lower() == wanted), None)


def rows(answers: Answers, name: str) -> list[Mapping[str, Any]]:
    """The objects of an answer: the rows of a list, wherever it stands, or the one object."""
    answer = answers.get(name, Answer(None))
    content: Any = answer.content if answer.fine else None
    if isinstance(content, Mapping) and name in (*LISTS, "fields", "requests", "next", "before"):
        arrays = [value for value in content.values() if isinstance(value, list)]
        content = arrays[0] if len(arrays) == 1 else None
    found = content if isinstance(content, list) else [content]
    return [row for row in found if isinstance(row, Mapping)]


def known(answers: Answers, shape: str, value: Mapping[str, Any]) -> set[str]:
    """The members of an object that the contract's table has, in lower case."""
    return {wire(answers, each.key).lower() for each in members(shape).values()} & {name.lower() for name in value}


def all_known(answers: Answers, shape: str, objects: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the contract's table has each member of the objects, so that one that is missing is not there at all.

    What weakens a check is offered on no other ground.
    """
    return all(value and len(known(answers, shape, value)) == len(value) for value in objects)
