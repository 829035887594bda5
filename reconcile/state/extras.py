"""Packages that come with an extra of this one: imported when needed, and the message if they are missing."""

from collections.abc import Iterator
from contextlib import contextmanager

from reconcile.errors import StateError


@contextmanager
def needing(extra: str, what: str) -> Iterator[None]:
    """For the imports of ``what``, such as "State on PostgreSQL".

    Raises:
        StateError: a package is missing; the message says which extra has it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise StateError(
            f"{what} needs the package {error.name}, which is not installed.",
            hint=f"Install it with `pip install 'reconcile[{extra}]'`.",
        ) from error
