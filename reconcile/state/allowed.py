"""Where a state may be, as RECONCILE_ALLOW_STATE says: outside the repository, where nobody's change can move it.

A rule is a URL's beginning: ``s3://BUCKET/PREFIX/``, ``https://HOST/PATH/``, ``postgresql://HOST/DATABASE``, ``file:``.
A path ends with a slash, or is matched whole; ``*`` at its end is any text. An ``endpoint`` needs a rule of its own.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from reconcile.errors import InvalidInput, StateError
from reconcile.hosts import Dialled, dialled, listed, matches

ALLOW_STATE: Final = "RECONCILE_ALLOW_STATE"
_PORT: Final = 5432
_BUCKETS: Final = ("s3", "gs", "az")
# What is resolved on the way, or read in two ways.
_UNCLEAR: Final = re.compile(r"(?:^|/)\.{1,2}(?:/|$)|//|%2[eEfF]|%5[cC]|[\\\x00-\x20]")


@dataclass(frozen=True, slots=True)
class _Rule:
    scheme: str
    host: str
    path: str

    @classmethod
    def of(cls, text: str) -> "_Rule":
        scheme, colon, rest = text.partition(":")
        scheme = {"postgres": "postgresql"}.get(scheme.lower(), scheme.lower())
        if not colon or scheme not in ("file", "postgresql", "https", "http", *_BUCKETS):
            raise _wrong(text)
        if scheme == "file":
            return cls(scheme, "", rest)
        host, _, path = rest.removeprefix("//").partition("/")
        if not rest.startswith("//") or "@" in host or "?" in text or (not host and scheme != "postgresql"):
            raise _wrong(text)
        return cls(scheme, host if scheme in _BUCKETS else host.lower(), path)

    def has_path(self, path: str) -> bool:
        if self.path.endswith("*"):
            return path.startswith(self.path[:-1])
        return path == self.path or not self.path or (self.path.endswith("/") and path.startswith(self.path))


def check(where: str | Path, environ: Mapping[str, str], root: Path = Path()) -> None:
    """See that a state at a path or a URL is where one may be; without RECONCILE_ALLOW_STATE it may be anywhere.

    Raises:
        InvalidInput: it may not be there, or the variable can't be read.
    """
    listing = listed(environ, ALLOW_STATE)
    if listing is None:
        return
    rules = [_Rule.of(text) for text in listing]
    url = where if isinstance(where, str) else f"file:{_relative(where, root)}"
    for place in _places(url):
        if not any(_allows(rule, place) for rule in rules):
            raise InvalidInput(
                f"The state may not be at {place}: {ALLOW_STATE} allows {', '.join(listing)}.",
                hint=f"Where it is right, have it added to {ALLOW_STATE}, which is set outside the repository.",
            )


@dataclass(frozen=True, slots=True)
class _Place:
    """One thing that is dialled, or written, for a state; ``there`` is None where it can't be told."""

    scheme: str
    there: Dialled | str | None
    path: str

    def __str__(self) -> str:
        if self.scheme == "file":
            return f"file:{self.path}"
        return f"{self.scheme}://{self.there if self.there is not None else '(unclear)'}/{self.path}"


def _places(url: str) -> Iterator[_Place]:
    parts = urlsplit(url)
    match parts.scheme:
        case "file":
            yield _Place("file", "", url.removeprefix("file:"))
        case "s3" | "gs" | "az":
            yield _Place(parts.scheme, parts.netloc, parts.path.removeprefix("/"))
            for endpoint in parse_qs(parts.query, keep_blank_values=True).get("endpoint", []):
                yield _web(endpoint)
        case "postgresql" | "postgres":
            yield from _databases(url)
        case _:
            yield _web(url)


def _web(url: str) -> _Place:
    parts = urlsplit(url)
    try:
        return _Place(parts.scheme, dialled(re.sub(r"(?<=://)[^/?#@\\]*@", "", url, count=1)), parts.path.lstrip("/"))
    except ValueError:
        return _Place(parts.scheme, None, parts.path.lstrip("/"))


def _databases(url: str) -> Iterator[_Place]:
    """All hosts of a database's URL, as its own library reads it: there may be several, by name and by address."""
    from reconcile.state.extras import needing

    with needing("postgresql", "State in PostgreSQL"):
        import psycopg
    from reconcile.state.open import without_state

    try:
        parts: Mapping[str, Any] = psycopg.conninfo.conninfo_to_dict(without_state(url)[0])
    except psycopg.Error:
        raise StateError("The URL of the state's database can't be read.") from None
    database = str(parts.get("dbname", ""))
    if "service" in parts:
        yield _Place("postgresql", None, database)  # a file elsewhere says which host it is
    ports = str(parts.get("port", "")).split(",")
    for member in ("host", "hostaddr"):
        for number, host in enumerate(str(parts.get(member, "")).split(",") if member in parts else ()):
            port = ports[number] if len(ports) > 1 else ports[0]
            yield _Place("postgresql", Dialled(host.lower().removesuffix("."), int(port or _PORT)), database)
    if "host" not in parts and "hostaddr" not in parts:
        yield _Place("postgresql", "", database)  # what the environment says, or this machine


def _allows(rule: _Rule, place: _Place) -> bool:
    if rule.scheme != place.scheme or place.there is None or _UNCLEAR.search(place.path):
        return False
    if isinstance(place.there, str):
        return rule.host == place.there and rule.has_path(place.path)
    usual = {"https": 443, "http": 80}.get(rule.scheme, _PORT)
    return matches(rule.host, place.there, usual) and rule.has_path(place.path)


def _relative(path: Path, root: Path) -> str:
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return path.as_posix()


def _wrong(text: str) -> InvalidInput:
    return InvalidInput(
        f"{ALLOW_STATE} has {text!r}, which is no place of a state.",
        hint="List beginnings of URLs: s3://BUCKET/PREFIX/, https://HOST/PATH/, postgresql://HOST/DATABASE, file:.",
    )
