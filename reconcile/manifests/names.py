"""Which names of the environment a project may read, and which of them no manifest may show.

What signs us in never stands in a manifest: it would be told in every plan, and go to the platform as content.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

ALLOW_ENV: Final = "RECONCILE_ALLOW_ENV"
# What this tool, the libraries behind a state, a proxy and a CI job are signed in with, whatever a project says.
_OURS: Final = re.compile(
    r"(?i)RECONCILE_.*|AWS_.*|AZURE_.*|GOOGLE_(?:SERVICE_ACCOUNT.*|APPLICATION_CREDENTIALS.*|CLOUD_.*|.*KEY.*)"
    r"|PG(?:PASSWORD|PASSFILE|SERVICE|SERVICEFILE|SSLKEY|SSLPASSWORD|REQUIREPEER)"
    r"|(?:HTTPS?|ALL)_PROXY"
    r"|GITHUB_TOKEN|GH_TOKEN|ACTIONS_.*TOKEN.*|ACTIONS_ID_.*|GITLAB_TOKEN|CI_JOB_(?:TOKEN|JWT.*)"
    r"|CI_.*(?:PASSWORD|TOKEN).*"
)
_NAMED: Final = re.compile(
    r"\$\$\{|\$\{\s*(?:env\.(?P<env>[A-Za-z_][A-Za-z0-9_]*)|var\.(?P<var>[A-Za-z_][A-Za-z0-9_-]*))"
)


@dataclass(frozen=True, slots=True)
class Names:
    """What expressions may name: ``allowed`` are patterns (None: anything), ``secrets`` sign us in.

    ``variables`` are the project's own that hold what signs us in. Where ``hidden``, secrets may not be named.
    """

    allowed: tuple[str, ...] | None = None
    secrets: frozenset[str] = frozenset()
    variables: frozenset[str] = frozenset()
    hidden: bool = True

    def may_read(self, name: str) -> bool:
        """Whether the project may read a variable of the environment at all."""
        return self.allowed is None or any(fnmatchcase(name, pattern) for pattern in self.allowed)

    def hides(self, name: str) -> bool:
        """Whether a variable of the environment signs us in, so that it may not be shown here."""
        return self.hidden and (name in self.secrets or _OURS.fullmatch(name) is not None)

    def hides_variable(self, name: str) -> bool:
        """Whether a variable of the project holds what signs us in."""
        return self.hidden and name in self.variables


@dataclass(slots=True)
class Naming:
    """Gathers what the credentials of a project are made from, over all its environments."""

    credentials: list[str] = field(default_factory=list)
    variables: dict[str, list[str]] = field(default_factory=dict)

    def names(self, allowed: tuple[str, ...] | None) -> Names:
        """What is secret: the names in credentials, and in variables that stand in credentials or hold such names."""
        secrets, variables = named(self.credentials)
        while True:
            before = len(secrets) + len(variables)
            for variable, texts in self.variables.items():
                env, _ = named(texts)
                if variable in variables:
                    secrets |= env
                elif env & secrets or any(_OURS.fullmatch(name) for name in env):
                    variables |= {variable}
            if len(secrets) + len(variables) == before:
                return Names(allowed, frozenset(secrets), frozenset(variables))


def named(texts: Iterable[str]) -> tuple[set[str], set[str]]:
    """The names of the environment and the variables that texts have in expressions."""
    found = [token for text in texts for token in _NAMED.finditer(text)]
    return {token["env"] for token in found if token["env"]}, {token["var"] for token in found if token["var"]}


def signing_in(url: str) -> str:
    """What of the URL of a state signs us in: up to the @, the query, or a URL that is one expression."""
    plain = re.sub(r"\$\{[^}]*\}", lambda token: "x" * len(token[0]), url)
    scheme = plain.find("://")
    if plain.startswith("file:"):
        return ""
    if scheme < 0 or "${" in url[:scheme]:
        return url
    query = plain.find("?")
    at = plain.rfind("@", 0, query if query >= 0 else None)
    return url[: at + 1] + (url[query:] if query >= 0 else "")
