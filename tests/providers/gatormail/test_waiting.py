"""How long a call waits before it is made again: as long as the platform asks, and sends not at all."""

from collections.abc import Iterator

import httpx
import pytest

from reconcile.errors import UnknownOutcome, Unreachable
from reconcile.model.right_to_send import RightToSend
from reconcile.providers.gatormail.operations import OPERATIONS
from reconcile.providers.transport import Pace, RateLimited, Transport
from reconcile.sandbox import Sandbox
from reconcile.sandbox.gatormail.service import GatorMailSetup
from reconcile.sandbox.gatormail.tokens import Login
from reconcile.sandbox.server import Server
from tests.providers.gatormail.wire import INSTANCE, PASSWORD, SECRET, Account


class _WouldWaitError(Exception):
    """Instead of the pause."""


@pytest.fixture
def account() -> Iterator[Account]:
    login = Login("client", SECRET, "user@example.com", PASSWORD, [INSTANCE])
    with Sandbox(gatormail=GatorMailSetup((INSTANCE,), logins=[login])) as sandbox, Server(sandbox, port=0) as server:
        found = Account(server)
        yield found
        found.close()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that would be made, each of which ends the call instead."""
    found: list[float] = []

    def note(self: Transport, attempt: int, error: Exception) -> None:
        found.append(self._pace.before_next(attempt, error))
        raise _WouldWaitError

    monkeypatch.setattr(Transport, "rest", note)
    return found


@pytest.mark.parametrize("status", ["429", "503"])
def test_the_platform_says_for_how_long(account: Account, pauses: list[float], status: str) -> None:
    account.control("POST", "faults", {"faults": [f"{status}:gatormail_getSchema:after=7"]})
    with pytest.raises(_WouldWaitError):
        account.send("getSchema")
    assert pauses == [7.0]


@pytest.mark.parametrize("status", ["429", "503"])
def test_whatever_it_says_a_create_is_no_business_of_the_transport(
    account: Account, pauses: list[float], status: str
) -> None:
    """It may have been carried out all the same, so that it has to be looked for first."""
    account.control("POST", "faults", {"faults": [f"{status}:gatormail_addGroup:after=7"]})
    with pytest.raises(RateLimited) as error:
        account.send("addGroup", name="A")
    assert error.value.wait == 7.0
    assert not pauses


def test_the_time_to_wait_may_be_a_date(account: Account, pauses: list[float]) -> None:
    told = {"date": "Sun, 29 Nov 2026 12:00:00 GMT", "retry-after": "Sun, 29 Nov 2026 12:00:09 GMT"}
    answers = iter([httpx.Response(429, headers=told, json={}), httpx.Response(200, json=[])])
    wire = httpx.MockTransport(lambda request: next(answers))
    transport = Transport(pace=Pace(), right=RightToSend(), transport=wire)
    with pytest.raises(_WouldWaitError):
        transport.request(OPERATIONS["gatormail_groupList"], "http://127.0.0.1/x")
    assert pauses == [9.0]


@pytest.mark.parametrize("status", ["429", "503"])
def test_what_may_never_be_repeated_does_not_wait(account: Account, pauses: list[float], status: str) -> None:
    account.control("POST", "faults", {"faults": [f"{status}:gatormail_deleteSchema:after=7"]})
    with pytest.raises(UnknownOutcome, match=f"HTTP {status}") as error:
        account.send("deleteSchema")
    assert error.value.code == "rate-limited"
    assert not pauses


def test_a_sign_on_without_time_is_told_as_never_sent(account: Account) -> None:
    account.control("POST", "faults", {"faults": ["503:oauth_token"]})
    with pytest.raises(Unreachable):
        account.send("addGroup", name="A")  # so that whoever has a ticket may try again, whatever the class
