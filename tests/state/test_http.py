"""The HTTP protocol: credentials, GitLab's way of locking, lost answers, and what is refused."""

import base64
from collections.abc import Iterator

import orjson
import pytest

from reconcile.errors import InvalidInput, LockHeld, StateError
from reconcile.model.address import Address
from reconcile.model.resource import Applied
from reconcile.state.http import HttpStore
from reconcile.state.open import open_store
from reconcile.state.state import State
from tests.state.servers import StateServer

ONE, TWO = (Address("squalomail", "list", name) for name in ("one", "two"))
APPLIED = Applied("5", {"name": "Italia"})


@pytest.fixture
def server() -> Iterator[StateServer]:
    with StateServer() as server:
        yield server


def store(server: StateServer, path: str = "/shop", **environ: str) -> HttpStore:
    found = open_store(f"{server.url}{path}", environ=environ, who="anna")
    assert isinstance(found, HttpStore)
    return found


def addresses(found: HttpStore) -> set[Address]:
    state = found.read()
    assert state is not None
    return set(state.resources)


def test_credentials_come_from_the_url_or_the_environment() -> None:
    environ = {"RECONCILE_HTTP_USERNAME": "anna", "RECONCILE_HTTP_PASSWORD": "p:w/1"}
    with StateServer("anna:p:w/1") as server:
        with pytest.raises(StateError, match="answered 401") as caught:
            store(server).read()
        assert "RECONCILE_HTTP_USERNAME" in str(caught.value.diagnostics[0].hint)
        assert store(server, **environ).read() is None
        inside = open_store(server.url.replace("://", "://anna:p%3Aw%2F1@") + "/shop", environ={})
        assert inside.read() is None
        assert inside.name == f"{server.url}/shop"


def test_gitlab_locks_with_post_and_delete() -> None:
    with StateServer(held=409) as server:
        found = store(server, "/api/v4/projects/7/terraform/state/shop")
        with found.lock("apply") as state:
            state.put(ONE, APPLIED)
            ((key, lock),) = server.locks.items()
            assert key == "/api/v4/projects/7/terraform/state/shop"
            assert lock.keys() == {"ID", "Operation", "Info", "Who", "Version", "Created", "Path"}
            with pytest.raises(LockHeld, match="locked by anna on "), found.lock("apply"):
                pass
        assert server.locks == {}
        assert addresses(found) == {ONE}


def test_each_entry_has_a_serial_of_its_own(server: StateServer) -> None:
    found = store(server)
    with found.lock("apply") as state:
        state.put(ONE, APPLIED)
        state.put(TWO, APPLIED)
    assert server.serials["/shop"] == [1, 2]


def test_the_lock_of_another_tool_is_named(server: StateServer) -> None:
    server.locks["/shop"] = {"ID": "1-2", "Who": "ben@laptop", "Operation": "OperationTypeApply", "Info": ""}
    with pytest.raises(LockHeld) as caught, store(server).lock("apply"):
        pass
    assert "locked by ben on laptop for OperationTypeApply since 1970" in str(caught.value)
    assert "`reconcile state unlock 1-2`" in str(caught.value.diagnostics[0].hint)
    assert store(server).unlock("1-2").who == "ben"
    assert server.locks == {}


@pytest.mark.parametrize("info", [b"", b"no", b"[]", b'{"ID": 5}'])
def test_a_server_that_does_not_say_who_has_the_lock(
    server: StateServer, monkeypatch: pytest.MonkeyPatch, info: bytes
) -> None:
    server.locks["/shop"] = {"ID": "1-2"}
    monkeypatch.setattr("tests.state.servers.json.dumps", lambda _: info.decode())
    with pytest.raises(LockHeld, match="has not said who it is"), store(server).lock("apply"):
        pass


def test_a_write_whose_answer_was_lost_is_looked_for(server: StateServer) -> None:
    found = store(server)
    with found.lock("apply") as state:
        server.lose = 1
        state.put(ONE, APPLIED)
        state.put(TWO, APPLIED)
    assert server.serials["/shop"] == [1, 2]
    assert addresses(found) == {ONE, TWO}


def test_a_lock_that_was_taken_away_stops_the_run(server: StateServer) -> None:
    found = store(server)
    with found.lock("apply") as state:
        state.put(ONE, APPLIED)
        server.locks["/shop"] = {"ID": "1-2", "Who": "ben@laptop", "Operation": "apply", "Info": "process 7"}
        with pytest.raises(LockHeld, match=r"is gone: it is locked by ben on laptop \(process 7\) for apply"):
            state.put(TWO, APPLIED)
        for use in (state.confirm, lambda: state.put(TWO, APPLIED)):
            with pytest.raises(LockHeld):
                use()
    assert addresses(found) == {ONE}
    assert server.locks["/shop"]["ID"] == "1-2"


@pytest.mark.parametrize("change", [{"serial": 5}, {"lineage": "other"}, None])
def test_a_state_that_something_else_wrote_is_not_overwritten(
    server: StateServer, change: dict[str, object] | None
) -> None:
    found = store(server)
    with found.lock("apply") as state:
        state.put(ONE, APPLIED)
        if change is None:
            del server.states["/shop"]
        else:
            document = orjson.loads(server.states["/shop"])
            del document["checksum"]
            server.states["/shop"] = orjson.dumps(document | change)
        with pytest.raises(StateError, match=r"was changed by something else .* it has (serial|no state)"):
            state.put(TWO, APPLIED)
    assert server.serials["/shop"] == [1]


def test_a_server_without_locks_is_refused(server: StateServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.state.servers._StateHandler._lock", lambda *_: (405, b""))
    with pytest.raises(StateError, match="has no locks: it answered 405 to LOCK"), store(server).lock("apply"):
        pass


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"<html>"])
def test_what_is_damaged_is_refused(server: StateServer, data: bytes) -> None:
    server.states["/shop"] = data
    with pytest.raises(StateError, match="/shop"):
        store(server).read()
    with pytest.raises(StateError), store(server).lock("apply"):
        pass
    assert server.locks == {}


def test_a_state_cannot_be_set_aside(server: StateServer) -> None:
    with pytest.raises(StateError, match="can't be set aside"):
        store(server).set_aside("rebuild")


def test_a_server_that_is_not_there_is_an_error() -> None:
    with pytest.raises(StateError, match="can't be reached"):
        open_store("http://127.0.0.1:9/shop", environ={}).read()


def test_nothing_goes_over_plain_http_but_on_this_machine() -> None:
    with pytest.raises(InvalidInput, match="plain http"):
        open_store("http://states.example/shop", environ={})


def test_the_password_is_in_no_message(server: StateServer) -> None:
    found = open_store(server.url.replace("://", "://anna:hush@") + "/shop", environ={})
    found.replace("push", lambda _: State("x"))
    server.states["/shop"] = b"{"
    with pytest.raises(StateError) as caught:
        found.read()
    assert "hush" not in repr(caught.value.diagnostics)
    assert base64.b64encode(b"anna:hush").decode() not in repr(caught.value.diagnostics)
