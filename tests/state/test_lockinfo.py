"""Who holds a lock, as a file and as a message."""

import time
from collections.abc import Iterator

import pytest

from reconcile.state.lockinfo import lock_held, parse_lock_info, render_lock_info
from reconcile.state.store import LockInfo

INFO = LockInfo("1f", "anna", "ci-7", 4711, "apply", 1764547200.5)


@pytest.fixture
def _in_rome(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Europe/Rome")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_in_rome")
def test_the_message_says_who_where_why_and_since_when_in_local_time() -> None:
    error = lock_held(".reconcile/default/state.json", INFO, "Wait.")
    assert str(error) == (
        "The state .reconcile/default/state.json is locked by anna on ci-7 (process 4711) for apply"
        " since 2025-12-01 01:00:00+01:00."
    )
    assert error.exit_code == 5
    assert error.diagnostics[0].hint == "Wait."


def test_the_owner_comes_back_as_it_was() -> None:
    assert parse_lock_info(render_lock_info(INFO)) == INFO


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", render_lock_info(INFO).replace(b"4711", b'"4711"')])
def test_a_damaged_owner_is_nobody(data: bytes) -> None:
    assert parse_lock_info(data) is None
