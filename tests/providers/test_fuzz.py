"""Answers that are anything at all: each is understood, or an error of ours; nothing hangs, grows or leaves a trace.

The whole search runs in ``make chaos`` (20,000 answers for each platform), a fixed sample of it otherwise.
"""

import json
import os
import random
import re
import resource
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from reconcile.errors import ReconcileError
from reconcile.model.assumption import READS
from reconcile.model.call import Call
from reconcile.model.right_to_send import RightToSend
from reconcile.providers import provider_named
from reconcile.providers.gatormail.client import GatorMail
from reconcile.providers.gatormail.contract import Contract
from reconcile.providers.shapes import Misfit
from reconcile.providers.squalomail.client import SqualoMail
from reconcile.providers.transport import Pace, Transport
from tests.providers.test_shapes import CAMPAIGN, LIST, MAIL, PERSON
from tests.world import FREELY

CHAOS = bool(os.environ.get("CHAOS"))
ANSWERS = 20_000 if CHAOS else 1_500
CASES = 5_000 if CHAOS else 400  # of each platform
SEED = int(os.environ.get("CHAOS_SEED", "20261129"))
MEGABYTES = 300
STRANGE: tuple[Any, ...] = (
    None, True, False, 0, -1, 10**18, 2**63, 1.5, 1e308, "", " ", "0", "1", "²", "x" * 10_000, "\u202e",
    "2027-13-45T99:00:00",
    "0001-01-01T00:00:00", "9999-12-31T23:59:59", [], {}, [[]], [None], {"": None}, {"id": {}}, {"a": {"a": {"a": []}}},
)  # fmt: skip

# The list has few columns; what it lacks is read one by one.
ROW = {name: value for name, value in CAMPAIGN.items() if name not in ("group", "email")}
GROUP = {"id": 5, "name": "Buyers", "description": "", "created": "2024-01-02T08:00:00"}
RECORD = {"id": 7, "activityType": "EmailOpened", "activityDate": "2027-01-01T00:00:00", "contactId": 3}
ATTRIBUTE = {
    "name": "a", "dataType": "string", "displayName": "A", "mappings": [{"contactAttribute": "x", "dataCleanse": True}]
}  # fmt: skip
PAGE = {"page": 1, "pageSize": 100}
GATORMAIL: tuple[tuple[str, dict[str, Any], Any], ...] = (
    ("campaignList", PAGE, [ROW]),
    ("getCampaign", {"campaignId": "7"}, CAMPAIGN),
    ("groupList", PAGE, [GROUP]),
    ("getGroupCount", {"groupId": "5"}, {"count": 3}),
    ("groupExcludedContactget", {"groupId": "5", **PAGE}, [{"id": 1, "emailLogin": "a@e.test", "fields": {"c": 1}}]),
    ("contactGroupList", {"contactId": "1"}, [{"groupId": 5, "included": False}]),
    ("getSchema", {}, {"publishedAt": None, "entities": [{"name": "Contact", "attributes": [ATTRIBUTE]}]}),
    ("getIntegrationRequests", {}, [{"type": "FieldMappingSchema", "requested": True}]),
    ("getDatafeedOptions", {}, {"batchSize": 100, "feeds": {"emailSent": True}}),
    ("getDatafeed", {}, {"batchIdentifier": "b", "records": [RECORD]}),
    ("getDatafeedBatchIdentifier", {"batchIdentifier": "b"}, {"processed": True}),
    ("initiateCampaign", {"campaignId": "7"}, {"campaignInitiated": True, "message": None}),
    ("uninitiateCampaign", {"campaignId": "7"}, {"campaignUninitiated": True, "message": None}),
    ("addGroup", {"name": "Buyers"}, GROUP),
)  # fmt: skip
SQUALOMAIL: tuple[tuple[str, dict[str, Any], Any], ...] = (
    ("get-data", {"entity": "Mail"}, [MAIL]),
    ("get-data", {"entity": "Recipient"}, [PERSON]),
    ("get-data", {"entity": "ListSub"}, [{"listid": 1, "subid": 2, "status": 1, "subdate": 0}]),
    ("get-data", {"entity": "ListMail"}, [{"listid": 1, "mailid": 2}]),
    ("get-lists-details", {"page": 0, "pageSize": 100}, {"errorCode": 0, "errorMessage": None, "lists": [LIST]}),
    ("get-app-id", {}, {"errorCode": 0, "appId": 4711}),
    ("create-list", {"name": "x"}, {"errorCode": 0, "list": {"id": 4}}),
    ("delete-list", {"listId": 4}, {"errorCode": 0, "errorMessage": None, "httpStatusCode": 200}),
    ("send-newsletter", {"newsletterId": 4, "sendDate": 1_900_000_000}, {"errorCode": 0}),
)


class Wire:
    """Answers every request with what is set."""

    def __init__(self) -> None:
        self.answer = httpx.Response(200)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        return self.answer


def client(platform: str, wire: Wire) -> GatorMail | SqualoMail:
    pace = Pace(wait=0.0, longest_wait=0.0, attempts=1)
    transport = Transport(pace=pace, right=RightToSend(held=True), transport=httpx.MockTransport(wire))
    if platform == "gatormail":
        return GatorMail("https://api.example.test", "lz", Contract(), transport)
    return SqualoMail("https://api.example.test", "key", transport)


def ask(found: GatorMail | SqualoMail, operation: str, arguments: dict[str, Any]) -> Any:
    name = f"gatormail_{operation}" if isinstance(found, GatorMail) else operation
    return found.send(Call(name, arguments), FREELY)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in an answer."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, each in inner for place in places(each, (*path, key)))]


def put(value: Any, path: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    """The answer with one place changed."""
    if not path:
        return change(value)
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = put(copy[path[0]], path[1:], change)
    return copy


def fuzzed(rng: random.Random, answer: Any) -> httpx.Response:
    """Somewhere something else; sometimes no JSON at all, or another status."""
    for _ in range(rng.randint(0, 3)):
        answer = put(answer, rng.choice(places(answer)), lambda _: rng.choice(STRANGE))
    content = json.dumps(answer).encode()
    match rng.randint(0, 11):
        case 0:
            content = content[: rng.randint(0, len(content))]
        case 1:
            position = rng.randint(0, len(content))
            content = content[:position] + rng.randbytes(rng.randint(1, 4)) + content[position:]
        case 2:
            content = b"[" * rng.choice((10, 70, 5_000, 100_000)) + content
        case 3:
            content = content.replace(b"0", b"9" * 4_400)
    status = rng.choice((200, 200, 200, 200, 201, 204, 301, 400, 401, 403, 404, 429, 500, 503))
    headers = {"retry-after": rng.choice(("1", "-1", "1e9", "9" * 400, "soon"))} if status in (429, 503) else {}
    return httpx.Response(status, content=content, headers=headers)


@pytest.mark.parametrize(("platform", "calls"), [("gatormail", GATORMAIL), ("squalomail", SQUALOMAIL)])
def test_any_answer_is_understood_or_an_error_of_ours(
    platform: str, calls: tuple[tuple[str, dict[str, Any], Any], ...]
) -> None:
    rng, wire = random.Random(SEED), Wire()
    found = client(platform, wire)
    slowest = 0.0
    for number in range(ANSWERS):
        operation, arguments, answer = rng.choice(calls)
        wire.answer = fuzzed(rng, answer)
        began = time.monotonic()
        try:
            ask(found, operation, arguments)
        except ReconcileError:
            pass
        except Exception as error:
            raise AssertionError(f"{operation}, answer {number}: {wire.answer.content[:300]!r}") from error
        slowest = max(slowest, time.monotonic() - began)
    assert slowest < 10
    if CHAOS:
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < MEGABYTES * 1024


def distorted(rng: random.Random, answer: Any) -> tuple[Any, tuple[Any, ...]]:
    """The answer with one member renamed, dropped or of another type; and which."""
    members = [place for place in places(answer) if place and isinstance(place[-1], str)]
    place = rng.choice(members)
    if (how := rng.randint(0, 2)) == 2:
        return put(answer, place, lambda value: {"was": value}), place

    def change(owner: Any) -> Any:
        kept = {name: value for name, value in owner.items() if name != place[-1]}
        return kept if how else kept | {f"new_{place[-1]}": owner[place[-1]]}

    return put(answer, place[:-1], change), place


# Members that need not be there: what rests on them is judged where it is read.
FREE = frozenset(
    [
        "crmId",
        "description",
        "created",
        "displayName",
        "message",
        "emailSent",
        "batchSize",
        "publishedAt",
        "contactId",
        "errorMessage",
        "httpStatusCode",
        "__type",
        "c",
        "fields",
        "appId",
        "errorCode",
    ]
)


@pytest.mark.parametrize(("platform", "calls"), [("gatormail", GATORMAIL), ("squalomail", SQUALOMAIL)])
def test_a_distorted_member_is_an_error_that_names_a_row(
    platform: str, calls: tuple[tuple[str, dict[str, Any], Any], ...]
) -> None:
    rng, wire = random.Random(SEED), Wire()
    found = client(platform, wire)
    refused = 0
    rows = {each.id for each in provider_named(platform).assumptions or ()}
    for _ in range(CASES):
        operation, arguments, answer = rng.choice(calls)
        if operation in ("get-app-id",):
            continue
        changed, place = distorted(rng, answer)
        wire.answer = httpx.Response(200, json=changed)
        try:
            ask(found, operation, arguments)
        except Misfit as error:
            refused += 1
            hint = error.diagnostics[0].hint or ""
            named = re.findall("`([^`:]+)[^`]*`", hint)
            assert named, hint
            unknown = [row for row in named if not any(id_ == row or id_.startswith(f"{row}.") for id_ in rows)]
            assert not unknown, (operation, place, hint)
        except ReconcileError:
            refused += 1  # an error under a success status, or a flag that says no
        else:
            name = next(part for part in reversed(place) if isinstance(part, str))
            makes = operation in ("addGroup",) and name != "id"
            assert name in FREE or makes or place[-2:] == ("group", "name"), (operation, place, changed)
    assert refused > CASES // 3


@pytest.mark.parametrize("platform", ["gatormail", "squalomail"])
def test_doctor_is_not_upset_by_any_answer(platform: str) -> None:
    from reconcile.doctor.examination import questions

    rng = random.Random(SEED)
    questionnaire = provider_named(platform).assumptions
    assert questionnaire is not None
    calls = GATORMAIL if platform == "gatormail" else SQUALOMAIL

    class Anything(Wire):
        def __call__(self, request: httpx.Request) -> httpx.Response:
            answer = fuzzed(rng, rng.choice(calls)[2])
            return answer if answer.status_code not in (401, 403) else httpx.Response(500)

    for _ in range(300 if CHAOS else 20):
        _, findings = questions(questionnaire, client(platform, Anything()), READS, {})
        assert len(findings) == len(questionnaire.assumptions)
