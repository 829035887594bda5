"""What a fleet keeps in PostgreSQL: its accounts' table, read; outcomes and records; the turns of shared limits."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, LiteralString

from reconcile.errors import InvalidInput, StateError

if TYPE_CHECKING:
    from psycopg import Connection


@contextmanager
def connected(url: str) -> "Iterator[Connection[dict[str, Any]]]":
    """A connection that commits each statement, with rows by their columns' names.

    Raises:
        StateError: the database does not answer, or refuses. InvalidInput: the package for it is missing.
    """
    try:
        import psycopg
        from psycopg.rows import dict_row
    except ImportError:
        raise InvalidInput(
            "A fleet in PostgreSQL needs psycopg.", hint="Install it: python -m pip install 'psycopg[binary]>=3.2'"
        ) from None
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=10, row_factory=dict_row) as connection:
            yield connection
    except psycopg.Error as error:
        said = (error.diag.message_primary or type(error).__name__) if error.diag else type(error).__name__
        raise StateError(
            f"The fleet's database can't be used: {said}.",
            hint="See that its URL in fleet.yaml is right, and that it runs.",
        ) from None


def make_tables(connection: "Connection[dict[str, Any]]", tables: LiteralString) -> None:
    """Make tables where they are missing. One process at a time: two that find none would both make them."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('reconcile fleet'))")
        connection.execute(tables)


def rows_of(url: str, table: str) -> list[Mapping[str, Any]]:
    """The rows of a table; its name was checked to be one."""
    from psycopg import sql

    with connected(url) as connection:
        name = sql.Identifier(*table.split("."))
        return list(connection.execute(sql.SQL("SELECT * FROM {}").format(name)))
