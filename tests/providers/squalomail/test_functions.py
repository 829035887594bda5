"""Every row of the operation table over real HTTP: our client against the emulator's server, happy and sad.

A new row without a case fails, and so does a case without a row.
"""

import base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from reconcile.errors import ApiError, Refused, Unauthorised, UnknownOutcome
from reconcile.model.call import Call, Retry
from reconcile.model.right_to_send import RightToSend
from reconcile.providers.squalomail.client import SqualoMail
from reconcile.providers.squalomail.operations import OPERATIONS
from reconcile.providers.transport import Pace, Transport
from reconcile.sandbox import Sandbox
from reconcile.sandbox.server import Server
from tests.world import FREELY

NOW = 1_800_000_000
KEY, WRONG = "the-right-key", "not-the-right-key"
ADA = "ada@example.com"

Arguments = Mapping[str, Any]


class Account:
    """The emulator over HTTP, and clients: with the right key, without the right to send, with a wrong key."""

    def __init__(self, server: Server) -> None:
        self._url = f"{server.url}/squalomail/v1"
        self._control = httpx.Client(base_url=f"{server.url}/_sandbox/")
        self.client, self.harmless, self.wrong = self._with(KEY), self._with(KEY, may_send=False), self._with(WRONG)

    def close(self) -> None:
        for client in (self.client, self.harmless, self.wrong, self._control):
            client.close()

    def _with(self, key: str, *, may_send: bool = True) -> SqualoMail:
        pace = Pace(wait=0.0, longest_wait=0.001, attempts=3)
        return SqualoMail(self._url, key, Transport(pace=pace, right=RightToSend(held=may_send), secrets=(key,)))

    def send(self, operation: str, **arguments: Any) -> Any:
        return self.client.send(Call(operation, arguments), FREELY)

    def rows(self, entity: str, filter_: str = "") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.send("get-data", entity=entity, filter=filter_)
        return found

    def person(self, path: str, **body: Any) -> Any:
        """What a person does in the web interface."""
        return self.control("POST", f"squalomail/4711/{path}", body)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        return self._control.request(method, path, json=body).raise_for_status().json()

    def statuses(self, list_id: int = 1) -> dict[int, int]:
        """Recipients of a list: 1 on it, -1 no longer."""
        return {row["subid"]: row["status"] for row in self.rows("ListSub", f"listid=={list_id}")}

    def recipient(self) -> dict[str, Any]:
        (row,) = self.rows("Recipient", f'email=="{ADA}"')
        return row

    def calls(self, operation: str) -> list[dict[str, Any]]:
        return [entry for entry in self.control("GET", "requests") if entry["function"] == operation]


Check = Callable[[Account, Any], bool]


@dataclass(frozen=True)
class Case:
    """One function: the arguments with which it works, how that shows, and what makes it fail.

    ``required``: parameters without which it is an error. ``unknown``: arguments that name what is not there, and
    whether that is an error (else it finds nothing). ``prepare`` comes before the happy call.
    """

    arguments: Arguments
    check: Check
    required: tuple[str, ...] = ()
    unknown: Arguments | None = None
    error: bool = True
    prepare: Callable[[Account], object] = field(default=lambda account: None)


def names(members: str) -> Check:
    """The answer's lists, by their names."""
    return lambda account, answer: ",".join(row["name"] for row in answer["lists"]) == members


def people(*emails: str) -> Check:
    return lambda account, answer: [row["email"] for row in answer["recipientList"]] == list(emails)


def consents(flag: int) -> Check:
    return lambda account, answer: account.recipient()["gdpr_can_send"] == flag


def mail(**members: Any) -> Check:
    """The newsletter reads so."""
    return lambda account, answer: {name: account.rows("Mail")[0][name] for name in members} == members


def made_mail(account: Account, answer: Any) -> bool:
    (row,) = account.rows("Mail", f"mailid=={answer['newsletter']['id']}")
    return row["subject"] == "New" and [row["listid"] for row in account.rows("ListMail", "mailid==102")] == [1]


def event(**members: Any) -> Check:
    def received(account: Account, answer: Any) -> bool:
        (row,) = account.control("GET", "squalomail/4711/events")
        return {name: row[name] for name in members} == members

    return received


def grant(account: Account) -> None:
    account.send("grant-gdpr-consent", recipientId=1001, consentTitle="gdpr_can_send", language="it")


def imported(account: Account, answer: Any) -> bool:
    before = {row["email"] for row in account.rows("Recipient")}
    account.control("POST", "clock", {"now": NOW + 60})
    return {row["email"] for row in account.rows("Recipient")} - before == {"new@example.com"}


FILE = base64.b64encode(b"email,name\nnew@example.com,New\n").decode()
MAIL = {"subject": "New", "listIds": [1]}
CONSENT = {"consentTitle": "gdpr_can_send", "language": "it"}
LATER = NOW + 86_400

CASES: dict[str, Case] = {
    "create-list": Case(
        {"name": "Third", "published": True, "listTags": ["IT"]},
        lambda account, answer: (answer["list"]["id"], answer["list"]["listTags"]) == (3, ["IT"]),
        ("name",),
    ),
    "update-list": Case(
        {"id": 1, "listId": 1, "name": "Renamed", "published": True},
        lambda account, answer: account.rows("List", "listid==1")[0]["name"] == "Renamed",
        ("id", "listId"),
        {"id": 99, "listId": 99, "name": "Renamed"},
    ),
    "get-lists": Case({"listNames": ["News"]}, names("News"), (), {"listIds": [99]}, error=False),
    "get-lists-details": Case(
        {"page": 0, "pageSize": 100},
        lambda account, answer: [row["subscribersCount"] for row in answer["lists"]] == [1, 0],
        (),
        {"listIds": [99]},
        error=False,
    ),
    "create-newsletter": Case(MAIL | {"body": "<p>New</p>"}, made_mail, ("subject", "body"), {"listIds": [99]}),
    "create-newsletter-from-template": Case(
        MAIL | {"templateId": 101}, made_mail, ("subject", "templateId"), {"templateId": 999}
    ),
    "create-recipient": Case(
        {"email": "new@example.com", "listIds": [1]},
        lambda account, answer: account.statuses() == {1001: 1, answer["recipient"]["id"]: 1},
        ("email",),
        {"listIds": [99]},
    ),
    "delete-newsletter": Case(
        {"newsletterId": 101},
        lambda account, answer: not account.rows("Mail"),
        ("newsletterId",),
        {"newsletterId": 999},
    ),
    "delete-recipient": Case(
        {"recipientId": 1001},
        lambda account, answer: not account.rows("Recipient", "subid==1001"),
        ("recipientId",),
        {"recipientId": 9999},
    ),
    "delete-recipient-by-email": Case(
        {"email": ADA},
        lambda account, answer: not account.rows("Recipient", "subid==1001"),
        ("email",),
        {"email": "nobody@example.com"},
    ),
    "delete-recipients-by-list": Case(
        {"listId": 1, "deleteIfOnMUltipleLists": False, "deleteList": False},
        lambda account, answer: not account.statuses() and len(account.rows("List")) == 2,
        ("listId",),
        {"listId": 99},
    ),
    "delete-list": Case(
        {"listId": 1},
        lambda account, answer: [row["listid"] for row in account.rows("List")] == [2],
        ("listId",),
        {"listId": 99},
    ),
    "get-app-id": Case({}, lambda account, answer: account.client.account().id == "4711"),
    "get-data": Case(
        {"entity": "Recipient", "filter": 'email.Startwith("ada")'},
        lambda account, answer: [row["subid"] for row in answer] == [1001],
        ("entity",),
        {"entity": "Recipients"},
    ),
    "get-recipients-with-custom-fields": Case(
        {"filterCustomFields": [{"fieldName": "city", "value": "ro", "operator": "like"}]},
        people(ADA),
        (),
        {"filterCustomFields": [{"fieldName": "town", "value": "ro", "operator": "like"}]},
    ),
    "get-recipients-with-tags": Case({"tags": ["vip"]}, people(ADA), ("tags",), {"tags": ["nobody"]}, error=False),
    "get-invalid-recipients": Case({}, people("bounced@example.com")),
    "get-subscribed-recipients": Case({"listId": 1}, people(ADA), ("listId",), {"listId": 99}),
    "get-unsubscribed-recipients": Case(
        {"listId": 1},
        people(ADA),
        ("listId",),
        {"listId": 99},
        prepare=lambda account: account.send("unsubscribe-recipient", recipientId=1001, listIds=[1]),
    ),
    "subscribe-recipient": Case(
        {"recipientId": 1001, "listIds": [2], "accept": 1},
        lambda account, answer: account.statuses(2) == {1001: 1} and account.statuses(1) == {1001: 1},
        ("recipientId", "listIds"),
        {"recipientId": 9999},
    ),
    "subscribe-recipient-by-email": Case(
        {"email": ADA, "listIds": [2], "accept": 1},
        lambda account, answer: account.statuses(2) == {1001: 1},
        ("email", "listIds"),
        {"listIds": [99]},
    ),
    "unsubscribe-recipient": Case(
        {"recipientId": 1001, "listIds": [1], "accept": 1},
        lambda account, answer: account.statuses() == {1001: -1} and account.recipient()["accept"] == 1,
        ("recipientId", "listIds"),
        {"recipientId": 9999},
    ),
    "unsubscribe-recipient-by-email": Case(
        {"email": ADA, "listIds": [1], "accept": 0},
        lambda account, answer: account.statuses() == {1001: -1} and account.recipient()["accept"] == 0,
        ("email", "listIds"),
        {"email": "nobody@example.com"},
    ),
    "send-newsletter": Case(
        {"newsletterId": 101, "sendDate": LATER},
        mail(published=2, senddate=LATER),
        ("newsletterId", "sendDate"),
        {"newsletterId": 999},
    ),
    "update-newsletter": Case(
        {"id": 101, "subject": "Changed", "body": "<p>Changed</p>", "listIds": [2]},
        lambda account, answer: (
            mail(subject="Changed", body="<p>Changed</p>")(account, answer)
            and [row["listid"] for row in account.rows("ListMail")] == [2]
        ),
        ("id",),
        {"id": 999},
    ),
    "update-recipient": Case(
        {"id": 1001, "email": ADA, "name": "Ada L.", "listIds": [1, 2]},
        lambda account, answer: account.recipient()["name"] == "Ada L." and account.statuses(2) == {1001: 1},
        ("id", "email"),
        {"id": 9999},
    ),
    "import-recipients-async": Case(
        {"listIdsToAdd": [1], "overwriteData": 2, "base64EncodedFile": FILE},
        imported,
        ("overwriteData", "base64EncodedFile"),
        {"base64EncodedFile": base64.b64encode(b"name\nNew\n").decode()},
    ),
    "grant-gdpr-consent": Case(
        CONSENT | {"recipientId": 1001}, consents(1), ("recipientId", "consentTitle"), {"recipientId": 9999}
    ),
    "grant-gdpr-consent-by-email": Case(
        CONSENT | {"email": ADA}, consents(1), ("email", "consentTitle"), {"email": "nobody@example.com"}
    ),
    "revoke-gdpr-consent": Case(
        CONSENT | {"recipientId": 1001},
        consents(0),
        ("recipientId", "consentTitle"),
        {"recipientId": 9999},
        prepare=grant,
    ),
    "revoke-gdpr-consent-by-email": Case(
        CONSENT | {"email": ADA}, consents(0), ("email",), {"consentTitle": "gdpr_can_sing"}, prepare=grant
    ),
    "cancel-sending-newsletter": Case(
        {"newsletterId": 101},
        mail(published=0, senddate=0),
        ("newsletterId",),
        {"newsletterId": 999},
        prepare=lambda account: account.send("send-newsletter", newsletterId=101, sendDate=LATER),
    ),
    "custom-event": Case({"customText": "hello"}, event(kind="event", customText="hello"), ("customText",)),
    "custom-event/order": Case(
        {"customText": "thanks", "orderId": "A-1", "shopId": 123},
        event(kind="order", customText="thanks", orderId="A-1", shopId=123),
        ("customText", "orderId", "shopId"),
    ),
    "custom-event/abandoned-checkout": Case(
        {"customText": "come back", "abandonedCheckoutId": "C-9", "shopId": 123},
        event(kind="abandoned-checkout", abandonedCheckoutId="C-9", shopId=123),
        ("customText", "abandonedCheckoutId", "shopId"),
    ),
}
# Functions that an answer comes from whatever they are asked: a wrong key is all that can go wrong.
WITHOUT_PARAMETERS = {"get-app-id", "get-invalid-recipients"}

everything = pytest.mark.parametrize("name", OPERATIONS)


@pytest.fixture(scope="module")
def served() -> Iterator[Account]:
    with Sandbox(accounts={KEY: "4711"}) as sandbox, Server(sandbox, port=0) as server:
        account = Account(server)
        yield account
        account.close()


@pytest.fixture
def account(served: Account) -> Account:
    """Two lists, Ada on the first one, somebody whose address bounced, a field, and a newsletter to the first list."""
    account = served
    account.control("POST", "reset")
    account.control("POST", "faults", {"faults": []})
    account.control("POST", "clock", {"now": NOW})
    account.person("lists", name="News")
    account.person("lists", name="Offers")
    account.person("fields", namekey="city", fieldname="City")
    city = [{"name": "city", "value": "Rome"}]
    account.person("recipients", email=ADA, listIds=[1], tags=["vip"], customAttributes=city)
    account.person("recipients", email="bounced@example.com", enabled=False)
    account.person("newsletters", subject="Hello", body="<p>Hello</p>", listIds=[1])
    account.control("DELETE", "requests")
    return account


def test_every_row_has_a_case() -> None:
    assert list(CASES) == list(OPERATIONS)
    assert len(OPERATIONS) == 35
    for name, case in CASES.items():
        assert case.required or case.unknown or name in WITHOUT_PARAMETERS, f"{name}: nothing can go wrong?"


@everything
def test_happy(account: Account, name: str) -> None:
    case, operation = CASES[name], OPERATIONS[name]
    case.prepare(account)
    reads = account.client.reads
    answer = account.send(name, **case.arguments)
    assert (account.client.reads > reads) is not operation.write
    (entry,) = account.calls(name)[-1:]
    assert (entry["method"], entry["write"], entry["status"]) == (operation.verb, operation.write, 200)
    if operation.returns is not None:
        member, _, id_ = operation.returns.partition(".")
        assert isinstance(answer[member][id_], int)
    assert case.check(account, answer), answer


@everything
def test_a_missing_parameter_is_an_error(account: Account, name: str) -> None:
    required = CASES[name].required
    # Two names of the identifier, either of which would do.
    groups = [required] if name in ("update-list", "update-recipient") else [(one,) for one in required]
    for group in groups:
        arguments = {one: value for one, value in CASES[name].arguments.items() if one not in group}
        if name == "update-list":
            del arguments["name"]
        with pytest.raises(ApiError, match=name) as error:
            account.send(name, **arguments)
        assert type(error.value) is ApiError
        assert error.value.exit_code == 1


@everything
def test_what_is_not_there_is_an_error_or_nothing(account: Account, name: str) -> None:
    case = CASES[name]
    if case.unknown is None:
        return
    arguments = {**case.arguments, **case.unknown}
    if not case.error:
        answer = account.send(name, **(case.unknown if name.startswith("get-lists") else arguments))
        assert not answer.get("lists", answer.get("recipientList"))
        return
    with pytest.raises(ApiError, match=name) as error:
        account.send(name, **arguments)
    assert type(error.value) is ApiError


@everything
def test_a_wrong_key_is_refused(account: Account, name: str) -> None:
    with pytest.raises(Unauthorised) as error:
        account.wrong.send(Call(name, CASES[name].arguments), FREELY)
    assert error.value.exit_code == 7
    assert WRONG not in str(error.value)
    assert account.rows("Recipient")


@everything
def test_what_sends_needs_the_right(account: Account, name: str) -> None:
    if OPERATIONS[name].sends:
        with pytest.raises(Refused):
            account.harmless.send(Call(name, CASES[name].arguments), FREELY)
        assert not account.calls(name)


@everything
def test_a_lost_reply_is_repeated_only_where_that_is_harmless(account: Account, name: str) -> None:
    case, operation = CASES[name], OPERATIONS[name]
    case.prepare(account)
    account.control("DELETE", "requests")
    account.control("POST", "faults", {"faults": [f"drop-after:{name}:n=1"]})
    # The client repeats what only reads; before a write is repeated, the gate has to let it through once more.
    repeated = operation.retry is Retry.SAFE
    with nullcontext() if repeated else pytest.raises(UnknownOutcome):
        account.send(name, **case.arguments)
    assert len(account.calls(name)) == (2 if repeated else 1)
