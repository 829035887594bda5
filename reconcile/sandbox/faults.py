"""Faults on demand: answers that are late, lost, broken or refused, as networks and services produce them.

A fault is written ``KIND:PATTERN:KEY=VALUE...``, everything after the kind being optional:

    twice:create-*:n=1             the first create call is carried out twice, as when a proxy repeats it
    drop-after:create-*:n=2        the reply to the second create call is lost, the write is done
    500:get-data:p=0.1:seed=7      one call in ten fails, the same ones in each run
    latency:*:ms=300               every call takes 300 ms longer
    401:gatormail_*:n=3            the third call's token is refused, as if it had expired
    503:oauth_token:after=5        nobody can sign in, and is told to come back in five seconds

The pattern is matched against the operation's name as in file names (``*``, ``?``, ``[abc]``): SqualoMail's functions,
GatorMail's operation ids, ``oauth_token`` for its sign-on. Which of the matching calls are hit: ``n=2`` the second,
``n=2-4`` the second to the fourth, ``every=3`` each third, ``p=0.1`` each with that probability (``seed`` makes another
draw), else all. ``ms`` is for latency and timeout, ``after`` (seconds) for 429 and 503. What 401, 403, 429 and 503 say
is put as the service that was called would, at the sign-on as OAuth does.
"""

import fnmatch
import random
import threading
from collections.abc import Iterable
from dataclasses import dataclass

REFUSALS = frozenset({"401", "403", "429", "503"})
BEFORE = REFUSALS | {"refuse", "drop-before", "500", "html"}
AFTER = frozenset({"latency", "drop-after", "timeout", "truncate", "empty", "null", "twice"})
KINDS = {
    "latency": "the answer is late by ms",
    "timeout": "the call is carried out, and no answer comes within the client's patience",
    "401": "the key or token is refused; nothing is done",
    "403": "the key or token is good, but not for this; nothing is done",
    "429": "too many requests, with Retry-After; nothing is done",
    "500": "server error with an HTML body; nothing is done",
    "503": "not available just now, with Retry-After; nothing is done",
    "html": "status 200 with an HTML page, as from a proxy; nothing is done",
    "refuse": "no connection comes about; nothing is done",
    "drop-before": "the connection breaks; nothing is done",
    "drop-after": "the connection breaks when the call has been carried out",
    "truncate": "the call is carried out, half of the answer arrives",
    "empty": "the call is carried out, the answer is empty",
    "null": "the call is carried out, the answer is null",
    "twice": "the request is delivered twice, and both times carried out; the answer is the second one",
}
_DEFAULT_MS = {"latency": 200, "timeout": 1000}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: what happens, to which operations, and to which of their calls."""

    spec: str
    kind: str
    pattern: str = "*"
    first: int = 1
    last: int | None = None
    every: int = 1
    probability: float = 1.0
    seed: int | None = None
    ms: int = 0
    after: int = 1


def parse_fault(spec: str) -> Fault:
    """Read ``KIND:PATTERN:KEY=VALUE...``; a ``ValueError`` says what is wrong."""
    kind, _, rest = spec.partition(":")
    if kind not in KINDS:
        raise ValueError(f"fault {spec!r}: unknown kind {kind!r}, known are {', '.join(KINDS)}")
    parts = rest.split(":") if rest else []
    pattern = parts.pop(0) if parts and "=" not in parts[0] else "*"
    settings: dict[str, int | float | None] = {"ms": _DEFAULT_MS.get(kind, 0)}
    for part in parts:
        key, _, value = part.partition("=")
        settings |= _setting(spec, key, value)
    return Fault(spec=spec, kind=kind, pattern=pattern or "*", **settings)  # type: ignore[arg-type]


def _setting(spec: str, key: str, value: str) -> dict[str, int | float | None]:
    try:
        if key == "n":
            first, dash, last = value.partition("-")
            return {"first": _at_least(1, first), "last": _at_least(1, last if dash else first)}
        if key == "p":
            return {"probability": _share(value)}
        if key in ("every", "ms", "after", "seed"):
            return {key: _at_least(1 if key == "every" else 0, value)}
    except ValueError as error:
        raise ValueError(f"fault {spec!r}: {key}={value!r} {error}") from None
    raise ValueError(f"fault {spec!r}: unknown key {key!r}, known are n, every, p, seed, ms, after")


def _at_least(minimum: int, text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) < minimum:
        raise ValueError(f"should be a whole number from {minimum} on")
    return int(text)


def _share(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise ValueError("should be a number from 0 to 1")
    return number


class Faults:
    """The faults in force, counting the calls that each one matches; safe to use from several threads."""

    def __init__(self, specs: Iterable[str] = (), seed: int = 0) -> None:
        self._lock = threading.Lock()
        self._seed = seed
        self.set(specs)

    def set(self, specs: Iterable[str]) -> None:
        """Put other faults in force; counting starts anew."""
        faults = [parse_fault(spec) for spec in specs]
        with self._lock:
            self._faults = faults
            self._counts = [0] * len(faults)
            self._draws = [
                random.Random(self._seed if fault.seed is None else fault.seed)  # noqa: S311 - repeatable, not secret
                for fault in faults
            ]

    @property
    def specs(self) -> list[str]:
        """The faults in force, as written."""
        return [fault.spec for fault in self._faults]

    def hitting(self, operation: str) -> list[Fault]:
        """Count one call of the operation, and return the faults that it meets."""
        with self._lock:
            return [fault for at, fault in enumerate(self._faults) if self._hits(at, fault, operation)]

    def _hits(self, at: int, fault: Fault, operation: str) -> bool:
        if not fnmatch.fnmatchcase(operation, fault.pattern):
            return False
        self._counts[at] += 1
        count = self._counts[at]
        lucky = fault.probability >= 1 or self._draws[at].random() < fault.probability
        in_range = fault.first <= count and (fault.last is None or count <= fault.last)
        return lucky and in_range and count % fault.every == 0
