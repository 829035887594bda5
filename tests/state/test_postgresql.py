"""PostgreSQL: the session that is the lock, pools in between, and what is refused."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from reconcile.errors import LockHeld, StateError
from reconcile.model.address import Address
from reconcile.model.resource import Applied
from reconcile.state.open import open_store
from tests.state.conftest import Backend
from tests.state.servers import TransactionPool

ONE, TWO = (Address("squalomail", "list", name) for name in ("one", "two"))
APPLIED = Applied("5", {"name": "Italia"})


@contextmanager
def database(backend: Backend) -> Iterator[tuple[Any, str]]:
    """A connection to the server, and the name of the state."""
    url, _, name = backend.url.partition("&state=")
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection, name


def test_a_session_that_was_ended_records_nothing_more(postgresql: Backend) -> None:
    store = postgresql.store("anna")
    with store.lock("apply") as state:
        state.put(ONE, APPLIED)
        state.confirm()
        info = store.holder()
        assert info is not None
        store.unlock(info.id)
        for use in (state.confirm, lambda: state.put(TWO, APPLIED), lambda: state.put(TWO, APPLIED)):
            with pytest.raises(LockHeld, match="is gone"):
                use()
    found = store.read()
    assert found is not None
    assert found.resources == {ONE: APPLIED}
    assert found.serial == 0
    with postgresql.store().lock("apply") as state:
        assert (state.state.serial, state.state.resources) == (1, {ONE: APPLIED})


def test_a_pool_of_transactions_is_refused(postgresql: Backend) -> None:
    host = parse_qs(urlsplit(postgresql.url).query)["host"][0]
    with TransactionPool(host) as pool:
        store = open_store(f"{pool.url}&state=pooled", environ={})
        with pytest.raises(StateError, match="another session, such as PgBouncer in transaction mode"):
            store.lock("apply").__enter__()
        assert store.read() is None  # reading is one transaction


def test_states_of_several_names_are_apart(postgresql: Backend) -> None:
    other = open_store(f"{postgresql.url}-other", environ={})
    with postgresql.store().lock("apply") as state, other.lock("apply") as another:
        state.put(ONE, APPLIED)
        another.put(TWO, APPLIED)
    found = other.read()
    assert found is not None
    assert found.resources == {TWO: APPLIED}


def test_the_former_state_is_kept(postgresql: Backend) -> None:
    for address in (ONE, TWO):
        with postgresql.store().lock("apply") as state:
            state.put(address, APPLIED)
    with database(postgresql) as (connection, name):
        row = connection.execute("select serial, data from reconcile_backup where name = %s", (name,)).fetchone()
    assert row is not None
    assert row[0] == 1
    assert "one" in row[1]
    assert "two" not in row[1]


def test_a_state_that_something_else_wrote_is_not_overwritten(postgresql: Backend) -> None:
    with postgresql.store().lock("apply") as state:
        state.put(ONE, APPLIED)
    with database(postgresql) as (connection, name):
        with postgresql.store().lock("apply") as state:
            connection.execute("update reconcile_state set serial = 9 where name = %s", (name,))
            with pytest.raises(StateError, match="was changed by something else"):
                state.put(TWO, APPLIED)
        with pytest.raises(StateError, match="its row has the serial 9, and its content 1"):
            postgresql.store().read()
        connection.execute("update reconcile_state set serial = 1 where name = %s", (name,))
        with ExitStack() as stack:
            stack.enter_context(postgresql.store().lock("apply")).put(TWO, APPLIED)
            connection.execute("update reconcile_state set serial = 10 where name = %s", (name,))
            with pytest.raises(StateError, match="was changed by something else"):
                stack.close()


def test_what_is_damaged_is_refused(postgresql: Backend) -> None:
    store = postgresql.store()
    with store.lock("apply") as state:
        state.put(ONE, APPLIED)
    with database(postgresql) as (connection, name):
        for data in ("", "{", "[]"):
            connection.execute("update reconcile_state set data = %s where name = %s", (data, name))
            with pytest.raises(StateError, match=f"{name} at postgresql://"):
                store.read()
        connection.execute("delete from reconcile_state where name = %s", (name,))
        row = "insert into reconcile_journal values (%s, 'x', %s, %s, '{}')"
        connection.execute(row, (name, 1, 2))
        with pytest.raises(StateError, match="no new project"):
            store.read()
        connection.execute("delete from reconcile_journal where name = %s", (name,))
        connection.execute(row, (name, 0, 3))
        with pytest.raises(StateError, match="has a gap"), store.lock("apply"):
            pass
    (aside,) = store.set_aside("rebuild")
    assert aside.startswith(f"{name}.set-aside-")
    assert store.read() is None


def test_a_server_that_is_not_there_is_an_error() -> None:
    store = open_store("postgresql://anna:secret@127.0.0.1:9/states?state=shop", environ={})
    with pytest.raises(StateError, match=r"^The state shop at postgresql://127.0.0.1/states can't") as caught:
        store.read()
    assert "secret" not in repr(caught.value.diagnostics)
