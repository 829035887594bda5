"""Packages that come with an extra of this one: imported when needed, and the message if they are missing."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from reconcile.errors import StateError

# What each extra brings: named itself, since a distribution that is called as ours may be somebody else's.
PACKAGES: Final = {"encryption": "cryptography>=45", "postgresql": "psycopg[binary]>=3.2", "s3": "obstore>=0.8"}


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
            hint=f"Install it with `python -m pip install '{PACKAGES[extra]}'`, in a checkout with "
            f"`python -m pip install -e '.[{extra}]'`.",
        ) from error
