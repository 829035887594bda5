"""How long a call waits before it is made again: as long as the platform asks, and sends not at all."""

from collections.abc import Iterator

import pytest
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from reconcile.errors import UnknownOutcome
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
def pauses() -> Iterator[list[float]]:
    """The pauses that would be made, each of which ends the call instead."""
    found: list[float] = []

    def note(details: RetryDetails) -> None:
        found.append(details.wait_for)
        raise _WouldWaitError

    set_on_retry_hooks([note])
    yield found
    set_on_retry_hooks(None)


@pytest.mark.parametrize("status", ["429", "503"])
@pytest.mark.parametrize("operation", ["getSchema", "addGroup"])
def test_the_platform_says_for_how_long(account: Account, pauses: list[float], status: str, operation: str) -> None:
    """A create too: the platform says that it was not carried out."""
    account.control("POST", "faults", {"faults": [f"{status}:gatormail_{operation}:after=7"]})
    with pytest.raises(_WouldWaitError):
        account.send(operation, **({"name": "A"} if operation == "addGroup" else {}))
    assert pauses == [7.0]


@pytest.mark.parametrize("status", ["429", "503"])
def test_what_may_never_be_repeated_does_not_wait(account: Account, pauses: list[float], status: str) -> None:
    account.control("POST", "faults", {"faults": [f"{status}:gatormail_deleteSchema:after=7"]})
    with pytest.raises(UnknownOutcome, match=f"HTTP {status}") as error:
        account.send("deleteSchema")
    assert error.value.code == "rate-limited"
    assert not pauses


def test_a_sign_on_without_time_is_asked_again_after_a_pause(account: Account, pauses: list[float]) -> None:
    account.control("POST", "faults", {"faults": ["503:oauth_token"]})
    with pytest.raises(_WouldWaitError):
        account.send("addGroup", name="A")  # never sent, so whatever the class
    assert len(pauses) == 1
