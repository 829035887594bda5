"""What the answers of an instance tell of it, each a function from them to what is so; None where they don't say."""

from collections.abc import Iterator, Mapping
from typing import Any

from reconcile.model.assumption import Answer, Answers, Read
from reconcile.providers.gatormail.asking import all_known, known
from reconcile.providers.gatormail.asking import member as _member
from reconcile.providers.gatormail.asking import rows as _rows
from reconcile.providers.gatormail.asking import wire as _wire
from reconcile.providers.gatormail.contract import members
from reconcile.providers.shapes import says_error

# Operations, by the answer that tells of them.
ASKED = {
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
SHAPES: Mapping[str, tuple[tuple[str, ...], ...]] = {
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
ENUMS_SHOWN = {
    "campaignType": "f.campaign.type",
    "campaignStatus": "f.campaign.status",
    "dataType": "f.attribute.dataType",
    "requestType": "f.request.type",
}
# Members that need not be there; of the others one that is missing breaks something.
NEEDED = frozenset(
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
WHOLE = frozenset({"campaign.group", "campaign.email"})


def _objects(answers: Answers, shape: str) -> Iterator[Mapping[str, Any]]:
    for name, *keys in SHAPES[shape]:
        found: list[Any] = list(_rows(answers, name))
        for key in keys:
            inner = [_member(answers, key, value) for value in found if isinstance(value, Mapping)]
            found = [each for value in inner for each in (value if isinstance(value, list) else [value])]
        yield from (value for value in found if isinstance(value, Mapping))


def name_of(shape: str, name: str) -> Read:
    """The name under which a member stands; "" where it is missing and no other name suggests itself."""
    member = members(shape)[name]
    required = WHOLE if f"{shape}.{name}" in WHOLE else NEEDED

    def read(answers: Answers) -> str | None:
        objects = list(_objects(answers, shape))
        wire = _wire(answers, member.key)
        if any(_has(value, wire) for value in objects):
            return wire
        if required is WHOLE:
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


def words_shown(enum: str) -> Read:
    """The words of an enumeration that are not known, by commas; "" where all that are seen are known."""

    def read(answers: Answers) -> str | None:
        key = ENUMS_SHOWN[enum]
        found = {_member(answers, key, value) for value in _objects(answers, key.split(".")[1])} - {None}
        known = answers[f"v.{enum}"].content
        return ", ".join(sorted(str(word) for word in found - set(known))) if found else None

    return read


def _one(answers: Answers, name: str) -> Answer:
    """What was said of somebody's object, or else of ours."""
    return answers[name] if name in answers else answers[f"own {name}"]


def answers_at(name: str) -> Read:
    """The route, if it is there."""

    def read(answers: Answers) -> str | None:
        answer = _one(answers, name)
        if answer.status in (404, 405) and name not in _CAPABILITIES_TELL:
            return f"HTTP {answer.status}"
        key = next(key for key, asked in ASKED.items() if asked == name)
        told = answer.fine and isinstance(answer.content, Mapping | list) and says_error(answer.content) is None
        return _wire(answers, key) if told else None

    return read


# A capability that is off is no wrong route.
_CAPABILITIES_TELL = ("emails", "included", "excluded", "fields")


def reads_whole(answers: Answers) -> bool | None:
    """Whether reading a campaign gives more than the columns of the list."""
    answer = _one(answers, "campaign")
    if answer.fine and isinstance(answer.content, Mapping):
        whole = _is_whole(answers, answer.content)
        return whole if whole or all_known(answers, "campaign", [answer.content]) else None
    return False if answer.status in (404, 405) else None


def is_there(name: str, shape: str) -> Read:
    """Whether an operation is there: a capability. An empty list tells nothing, nor do rows that aren't understood."""

    def read(answers: Answers) -> bool | None:
        answer = _one(answers, name)
        if answer.status in (404, 405):
            return False
        return True if any(known(answers, shape, row) for row in _rows(answers, name)) else None

    return read


def shows_status(answers: Answers) -> bool | None:
    """Whether campaigns tell their status."""
    # Under another name it is shown, too: so where any member is a stranger, that it is not shown is not known.
    named = name_of("campaign", "status")(answers)
    if named:
        return True
    return None if named is None or not all_known(answers, "campaign", _objects(answers, "campaign")) else False


def columns(answers: Answers) -> str | None:
    """How much of a campaign its list tells."""
    rows = _rows(answers, "campaigns")
    return ("full" if _is_whole(answers, rows[0]) else "columns") if rows else None


def _is_whole(answers: Answers, campaign: Mapping[str, Any]) -> bool:
    """Whether there is more than the columns of the list."""
    names = ("group", "email", "subject", "fromName", "fromAddress", "replyTo")
    return any(_has(campaign, _wire(answers, f"f.campaign.{name}")) for name in names)


def envelope(answers: Answers) -> str | None:
    """How lists are wrapped."""
    content = answers["campaigns1"].content
    if isinstance(content, list):
        return "none"
    arrays = [name for name, value in content.items() if isinstance(value, list)]
    return "items" if arrays == ["items"] else None


def items_path(answers: Answers) -> str | None:
    """Where in an answer the rows of a list stand."""
    content = answers["campaigns1"].content if answers["campaigns1"].fine else None
    if isinstance(content, list):
        return ""
    arrays = [name for name, value in content.items() if isinstance(value, list)] if content else []
    return arrays[0] if len(arrays) == 1 else None


def first_page(answers: Answers) -> str | None:
    """Where pages begin: the page before ours must have nothing that ours has not."""
    ids = [
        [_member(answers, "f.campaign.id", row) for row in _rows(answers, name)] for name in ("before", "campaigns1")
    ]
    if not ids[1] and not ids[0]:
        return None
    first = _wire(answers, "c.page.first")
    return str(int(first) - 1) if ids[0] and ids[0] != ids[1] else first


def ignores_page(answers: Answers) -> bool | None:
    """Whether the number of the page is not looked at."""
    two = [_member(answers, "f.campaign.id", row) for row in _rows(answers, "campaigns2")]
    after = [_member(answers, "f.campaign.id", row) for row in _rows(answers, "next")]
    return after == two[:1] if len(two) == 2 else None


def id_form(answers: Answers) -> str | None:
    """The form of ids."""
    ids = [_member(answers, f"f.{shape}.id", value) for shape in ("campaign", "group") for value in
           _objects(answers, shape)]  # fmt: skip
    id_ = next(value for value in ids if value is not None)
    if isinstance(id_, Mapping):
        return "object"
    if isinstance(id_, str):
        return "text" if id_.isdigit() else "guid"
    return "number"


def needs_version(answers: Answers) -> bool | None:
    """Whether a call without the version is refused."""
    status = answers["unversioned"].status
    return (
        None if not answers["campaigns1"].fine else False if answers["unversioned"].fine else True if status else None
    )


def errors_are_200(answers: Answers) -> bool | None:
    """Whether an error has the status of a success."""
    answer = answers["no_size"]
    if answer.status is None or (answer.fine and not isinstance(answer.content, Mapping)):
        return None  # a page of none is no error there
    return answer.fine and not any(isinstance(value, list) for value in answer.content.values())


def date_form(answers: Answers) -> str | None:
    """The form of dates, empty for the documented one."""
    from reconcile.providers.gatormail.contract import Contract

    keys = ("f.campaign.startDate", "f.campaign.endDate", "f.campaign.created")
    texts = [_member(answers, key, row) for key in keys for row in _rows(answers, "campaigns")]
    found = next((text for text in texts if isinstance(text, str) and text), None)
    if found is None:
        return None
    form = _wire(answers, "c.date.format")
    read = Contract({"c.date.format": form}).read("campaign", {"startDate": found})["startDate"]
    return form if len(read) == 20 and read.endswith("Z") else ""
