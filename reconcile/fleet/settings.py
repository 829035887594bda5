"""``fleet.yaml`` -> what a fleet is: its accounts, who may approve, where results are kept, limits, Temporal."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from reconcile.errors import Diagnostic, InvalidInput, Location
from reconcile.manifests.find import Missing, Unreadable, first_bytes
from reconcile.manifests.interpolate import Scope
from reconcile.manifests.load import PROJECT_FILE
from reconcile.manifests.nodes import Document, MappingNode
from reconcile.manifests.parse import MAX_BYTES, parse_yaml
from reconcile.manifests.project import DURATION_PATTERN
from reconcile.manifests.reading import Reading, Source
from reconcile.manifests.shape import shape_of
from reconcile.model.kind import ABSENT, Spec

FLEET_FILE = "fleet.yaml"
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
_ENVIRON = r"^[A-Za-z_][A-Za-z0-9_]*$"
_ADDRESS = r"^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}$"
_POSTGRESQL = r"^postgres(?:ql)?://[^\s#]+$"

_Name = Annotated[str, Field(pattern=NAME)]
_Variable = Annotated[str, Field(pattern=_ENVIRON)]
_Duration = Annotated[str, Field(pattern=DURATION_PATTERN)]
_Patterns = list[str]


class AccountSpec(Spec):
    """One account: a project's folder, and what its runs find in their environment."""

    name: str = Field(pattern=NAME, description="What the account is called here.")
    project: str = Field(
        ABSENT,
        pattern=r"^[^\x00]+$",
        description="The project's folder, from fleet.yaml's. By default the account's name.",
    )
    environment: str = Field(ABSENT, pattern=NAME, description="The environment; by default the project without one.")
    environ: dict[_Variable, str] = Field(
        ABSENT, description="Variables of its runs: for each the worker's variable, or file:PATH, that has the value."
    )
    variables: dict[str, str] = Field(ABSENT, description="Values of the project's variables, as --var gives them.")


class TableSpec(Spec):
    """Accounts in a table of PostgreSQL, with the columns that AccountSpec has members."""

    url: str = Field(pattern=_POSTGRESQL, description="The database.")
    name: str = Field("accounts", pattern=r"^[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)?$", description="The table.")


_Accounts: TypeAlias = list[AccountSpec]  # since the member below is called list


class AccountsSpec(Spec):
    """Where accounts are named; several ways may stand together."""

    list: _Accounts = Field(ABSENT, description="The accounts, one by one.")
    folders: str = Field(ABSENT, description="A pattern, such as clients/*: each folder with a project is an account.")
    environ: dict[_Variable, str] = Field(
        ABSENT, description="Variables of the runs of accounts found in folders; {name} and {NAME} are the account's."
    )
    table: TableSpec = Field(ABSENT, description="A table of accounts.")


class ApproverSpec(Spec):
    """Somebody whose signature counts."""

    key: str = Field(pattern=r"^[A-Za-z0-9+/]{43}=$", description="The public Ed25519 key, 32 bytes in base64.")
    may: list[Literal["apply", "send"]] = Field(description="What an approval may allow; sends are apart.")
    accounts: _Patterns = Field(ABSENT, description="Patterns of the accounts; by default none, * is all of them.")
    environments: _Patterns = Field(ABSENT, description="Patterns of their environments; by default all.")


class LimitSpec(Spec):
    """Calls a second that accounts share, since they share a key or an address."""

    requestsPerSecond: float = Field(gt=0, le=1000, description="For all of them together.")
    accounts: _Patterns = Field(ABSENT, description="Patterns of the accounts; by default all.")
    providers: _Patterns = Field(ABSENT, description="Patterns of their providers' aliases; by default all.")


class TemporalSpec(Spec):
    """The Temporal service that runs the fleet."""

    address: str = Field("127.0.0.1:7233", pattern=_ADDRESS, description="Host and port.")
    namespace: str = Field("default", description="The namespace.")
    taskQueue: str = Field("reconcile", description="The task queue.")
    tls: bool = Field(False, description="Encrypt the connection; needed with apiKey, or where it leaves this machine.")
    apiKey: str = Field(ABSENT, description="An API key, from ${env.NAME}.")
    heartbeat: _Duration = Field("30s", description="A worker that is not heard of for so long has lost its run.")


class FleetSpec(Spec):
    """All that fleet.yaml may say."""

    version: Literal[1] = Field(description="The format of this file.")
    accounts: AccountsSpec = Field(description="The accounts.")
    results: str = Field("results", description="Where outcomes are kept: a folder, or postgresql://...")
    approvers: dict[_Name, ApproverSpec] = Field(ABSENT, description="Whose signatures count, by their names.")
    limits: dict[_Name, LimitSpec] = Field(ABSENT, description="Limits that accounts share.")
    limitStore: str = Field(
        ABSENT, pattern=_POSTGRESQL, description="The database through which processes share limits."
    )
    drift: _Duration = Field("1h", description="How often each account is looked at, spread over this time.")
    parallelism: int = Field(32, ge=1, le=512, description="Accounts at once, in one worker or one run.")
    temporal: TemporalSpec = Field(ABSENT, description="Without it, the work is done where the command runs.")


@dataclass(frozen=True, slots=True)
class Account:
    """An account in one environment. ``environ`` names where the values are, and never holds one."""

    name: str
    project: Path
    environment: str = "default"
    environ: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What tells it from all others: its name and its environment."""
        return f"{self.name}@{self.environment}"


@dataclass(frozen=True, slots=True)
class Approver:
    """Whose signature counts, for what and where."""

    name: str
    key: str
    may: frozenset[str]
    accounts: tuple[str, ...]
    environments: tuple[str, ...]

    def is_for(self, account: str, environment: str) -> bool:
        """Whether this account in this environment is one of theirs."""
        return any(fnmatchcase(account, each) for each in self.accounts) and any(
            fnmatchcase(environment, each) for each in self.environments
        )


@dataclass(frozen=True, slots=True)
class SharedLimit:
    """Calls a second for all accounts and providers that match."""

    name: str
    requests_per_second: float
    accounts: tuple[str, ...]
    providers: tuple[str, ...]

    def binds(self, account: str, alias: str) -> bool:
        """Whether this provider of this account is under it."""
        return any(fnmatchcase(account, each) for each in self.accounts) and any(
            fnmatchcase(alias, each) for each in self.providers
        )


@dataclass(frozen=True)
class Fleet:
    """A fleet as its file says it; ``root`` is the file's folder, ``environ`` where names are looked up.

    ``document`` tells where in the file something stands.
    """

    root: Path
    spec: FleetSpec
    environ: Mapping[str, str] = field(repr=False)
    document: Document | None = field(default=None, repr=False)

    @cached_property
    def approvers(self) -> Mapping[str, Approver]:
        """Whose signatures count, by name."""
        return {
            name: Approver(
                name, each.key, frozenset(each.may), tuple(each.accounts or ()), tuple(each.environments or ("*",))
            )
            for name, each in (self.spec.approvers or {}).items()
        }

    @cached_property
    def limits(self) -> tuple[SharedLimit, ...]:
        """The limits that accounts share."""
        return tuple(
            SharedLimit(name, each.requestsPerSecond, tuple(each.accounts or ("*",)), tuple(each.providers or ("*",)))
            for name, each in (self.spec.limits or {}).items()
        )

    def accounts(self) -> list[Account]:
        """The accounts, by name: those of the list, of the folders, and of the table.

        Raises:
            InvalidInput: two are called the same, or would take one variable for theirs, a folder has no project, or
                the table can't be read.
        """
        declared = self.spec.accounts
        rows: list[Mapping[str, Any]] = [each.model_dump(exclude_none=True) for each in declared.list or ()]
        if declared.table:
            from reconcile.fleet.database import rows_of

            rows += [_row(row, declared.table.name) for row in rows_of(declared.table.url, declared.table.name)]
        found = [self._account(row) for row in rows]
        in_folders = [self._in_folder(folder) for folder in self._folders(declared.folders)]
        found += in_folders
        _refuse_shared_sources(in_folders, declared.environ or {})
        return sorted(_once(found), key=lambda account: account.key)

    def account(self, key: str) -> Account:
        """The account with this key, or with this name where it is in one environment only.

        Raises:
            InvalidInput: there is none, or there are several.
        """
        accounts = self.accounts()
        found = [each for each in accounts if key in (each.key, each.name)]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(each.key for each in found)
            raise InvalidInput(f'"{key}" is in several environments.', hint=f"Name one of: {names}.")
        from reconcile.model.registry import nearest

        near = nearest(key, [name for each in accounts for name in (each.name, each.key)])
        hint = f'Did you mean "{near}"?' if near else "reconcile fleet status names them all."
        raise InvalidInput(f'The fleet has no account "{key}".', hint=hint)

    def _folders(self, pattern: str | None) -> Iterator[Path]:
        if not pattern:
            return
        folders = [folder for folder in self.root.glob(pattern) if (folder / PROJECT_FILE).is_file()]
        if not folders:
            raise InvalidInput(
                f"No folder that {pattern} matches has a {PROJECT_FILE}.",
                hint=f"Correct `accounts.folders` in {FLEET_FILE}; it counts from {self.root}.",
            )
        yield from folders

    def _in_folder(self, folder: Path) -> Account:
        name = folder.name
        if not re.match(NAME, name):
            raise InvalidInput(
                f"The folder {folder} can't be an account's name.", hint="Rename it: letters, digits, . _ -"
            )
        environ = {
            variable: source.replace("{name}", name).replace("{NAME}", _capitals(name))
            for variable, source in (self.spec.accounts.environ or {}).items()
        }
        return Account(name, folder, environ=environ)

    def _account(self, row: Mapping[str, Any]) -> Account:
        name = row["name"]
        folder = Path(os.path.normpath(self.root / (row.get("project") or name)))  # links are its own run's affair
        return Account(
            name,
            folder,
            row.get("environment") or "default",
            dict(row.get("environ") or {}),
            dict(row.get("variables") or {}),
        )


def load_fleet(path: Path, environ: Mapping[str, str]) -> Fleet:
    """The fleet that a file describes.

    Raises:
        InvalidInput: with every finding, at its place.
    """
    try:
        data = first_bytes(path, MAX_BYTES + 1)
    except Missing:
        raise InvalidInput(
            f"There is no {path}, so this is not the folder of a fleet.",
            hint=f"Go to the folder that has {FLEET_FILE}, or name it with -C DIR; docs/fleet.md shows what to write.",
        ) from None
    except Unreadable as error:
        raise InvalidInput.of(
            [Diagnostic("unreadable-file", "a file can't be read", str(error), location=Location(path.name))]
        ) from None
    findings: list[Diagnostic] = []
    document = parse_yaml(data, path.name, findings)
    root = document.root
    if findings or not isinstance(root, MappingNode):
        raise InvalidInput.of(
            findings
            or [Diagnostic("wrong-type", "not a fleet", f"{path.name} is empty.", location=Location(path.name))]
        )
    reading = Reading(
        Source(document, root, root.mark), shape_of(FleetSpec), Scope({}, environ), findings, name=path.name
    )
    spec = reading.validated(FleetSpec, reading.plain_members(root.members, reading.shape, ()))
    if spec is None or findings:
        raise InvalidInput.of(findings)
    return Fleet(path.parent.absolute(), spec, environ, document)


def _row(row: Mapping[str, Any], table: str) -> Mapping[str, Any]:
    from pydantic import ValidationError

    known = {name: value for name, value in row.items() if name in AccountSpec.model_fields and value is not None}
    try:
        AccountSpec.model_validate(known)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise InvalidInput(
            f"The table {table} has a row that is no account: {where or 'a column'}: {first['msg']}.",
            hint="Its columns are name, project, environment, environ and variables (both jsonb).",
        ) from None
    return known


def _capitals(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "_", name).upper()


def _refuse_shared_sources(accounts: Iterable[Account], templates: Mapping[str, str]) -> None:
    """Refuse two folders whose {NAME} is the same: one would run with the credentials of the other.

    Raises:
        InvalidInput: with all of them.
    """
    findings: list[Diagnostic] = []
    of_names = [variable for variable, source in templates.items() if "{NAME}" in source and "{name}" not in source]
    seen: dict[str, Account] = {}
    for account in sorted(accounts, key=lambda each: each.name) if of_names else ():
        other = seen.setdefault(_capitals(account.name), account)
        if other.name != account.name:
            source = account.environ[of_names[0]]
            findings.append(
                Diagnostic(
                    "one-credential",
                    "two accounts would take one credential",
                    f"The folders {other.name} and {account.name} are both {_capitals(account.name)} in capitals, so "
                    f"both would take {of_names[0]} from {source}.",
                    hint=f"Rename one of them, use {{name}}, or name both in `accounts.list` of {FLEET_FILE}.",
                )
            )
    if findings:
        raise InvalidInput.of(findings)


def _once(accounts: Iterable[Account]) -> Iterator[Account]:
    seen: dict[str, Account] = {}
    for account in accounts:
        if (other := seen.setdefault(account.key, account)) is not account:
            raise InvalidInput(
                f"Two accounts are called {account.key}: {other.project} and {account.project}.",
                hint=f"Give one of them another name, or another environment, in {FLEET_FILE}.",
            )
        yield account
