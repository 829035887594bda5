"""Which hosts may be contacted. What is compared is the host that is dialled, as the HTTP library reads the URL.

A rule is a host, ``*.`` before it standing for one label, with its port where that is not the scheme's own; ``:*`` is
any port.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from reconcile.errors import InvalidInput

ALLOW_HOSTS: Final = "RECONCILE_ALLOW_HOSTS"
_PORTS: Final = {"http": 80, "https": 443}
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?"
_RULE: Final = re.compile(
    rf"(?P<host>(?:\*\.)?{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{{1,5}}|\*))?", re.IGNORECASE
)
# A scheme and what follows, wherever it stands in a text: "POST https://HOST/PATH" is an address, too.
_URL: Final = re.compile(r"(?i)[a-z][a-z0-9+.-]*:[/\\]{2}\S*|(?<![^\s])[/\\]{2}\S+")
# Readers of URLs disagree about all others.
_AUTHORITY: Final = re.compile(r"(?i)https?://(?:[^\s/?#@\\\x00-\x20%]+)(?=[/?#]|$)")


@dataclass(frozen=True, slots=True)
class Dialled:
    """A host as it is dialled: lower-case, international names in ASCII, no dot at the end; and the port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def dialled(url: str) -> Dialled:
    """The host that a request to a URL goes to.

    Raises:
        ValueError: the URL has no host, or one that could be read in two ways.
    """
    import httpx  # takes long, and a project in the sandbox has no use for it

    if not _AUTHORITY.match(url):
        raise ValueError("no plain https:// address")
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError(str(error)) from None
    host = parsed.raw_host.decode("ascii").lower().removeprefix("[").removesuffix("]").removesuffix(".")
    if not host or parsed.userinfo:
        raise ValueError("no host, or something before it")
    return Dialled(host, parsed.port or _PORTS[parsed.scheme])


@dataclass(frozen=True, slots=True)
class Hosts:
    """The hosts that may be contacted: those of ``rules``, and with ``loopback`` this machine."""

    rules: tuple[str, ...]
    loopback: bool = True
    said: bool = False

    @classmethod
    def of(cls, environ: Mapping[str, str], own: Iterable[str]) -> "Hosts":
        """What RECONCILE_ALLOW_HOSTS says; where it is not set, a platform's own hosts and this machine.

        Raises:
            InvalidInput: the variable is empty, or names something that is no host.
        """
        rules = listed(environ, ALLOW_HOSTS)
        if rules is None:
            return cls(tuple(own))
        for rule in rules:
            if not _RULE.fullmatch(rule):
                raise InvalidInput(
                    f"{ALLOW_HOSTS} has {rule!r}, which is no host.",
                    hint="List hosts such as api.example.com, *.example.com or 127.0.0.1:8025.",
                )
        return cls(rules, loopback=False, said=True)

    def allow(self, url: str) -> bool:
        """Whether a URL's host may be contacted."""
        try:
            there = dialled(url)
        except ValueError:
            return False
        from reconcile.network import is_loopback

        if self.loopback and is_loopback(there.host):
            return True
        scheme = "http" if url.lower().startswith("http:") else "https"
        return any(matches(rule, there, _PORTS[scheme]) for rule in self.rules)

    def check(self, url: str) -> None:
        """Raise InvalidInput where a URL's host may not be contacted."""
        if not self.allow(url):
            raise self.refusal(url)

    def refusal(self, url: str) -> InvalidInput:
        """That a URL's host may not be contacted, and the way out; of the URL only its host is told."""
        try:
            place = str(dialled(url)).removesuffix(":443")
        except ValueError:
            place = "an address that can be read in more than one way"
        known = ", ".join(self.rules) or "none"
        beside = " and this machine" if self.loopback else ""
        return InvalidInput(
            f"{place} may not be contacted: credentials would go there. Allowed are {known}{beside}.",
            hint=f"Where it is right, allow it outside the repository, where nobody's change can: {ALLOW_HOSTS}="
            f"{','.join((*self.rules, _rule(place)))}",
        )


def addresses(value: Any) -> Iterator[str]:
    """All that looks like an address with a host, wherever it stands in plain values."""
    match value:
        case str():
            yield from (found[0] for found in _URL.finditer(value))
        case Mapping():
            for key, member in value.items():
                yield from addresses(key)
                yield from addresses(member)
        case list() | tuple() | set() | frozenset():
            for member in value:
                yield from addresses(member)


def listed(environ: Mapping[str, str], variable: str) -> tuple[str, ...] | None:
    """What a variable lists with commas or blanks between; None if it is not set.

    Raises:
        InvalidInput: it is set, and empty: somebody meant to bound something.
    """
    value = environ.get(variable)
    if value is None:
        return None
    found = tuple(part for part in re.split(r"[\s,]+", value) if part)
    if not found:
        raise InvalidInput(
            f"{variable} is set and empty, as where a variable of the CI job is not set.",
            hint=f"List what it allows, or unset {variable}.",
        )
    return found


def matches(rule: str, there: Dialled, usual: int) -> bool:
    """Whether a rule is about a host; ``usual`` is its port where it says none."""
    found = _RULE.fullmatch(rule.lower())
    if found is None:
        return False
    port = found["port"]
    if port != "*" and int(port or usual) != there.port:
        return False
    host = found["host"].removeprefix("[").removesuffix("]")
    if host.startswith("*."):
        label, _, rest = there.host.partition(".")
        return bool(label) and rest == host[2:]
    return there.host == host


def _rule(place: str) -> str:
    return place if " " not in place else "HOST"
