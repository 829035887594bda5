"""State <-> JSON, and the journal's entries <-> lines of JSON: format versions, and what is wrong with a file.

Pure: takes and gives bytes. ``name`` is the file as the user knows it, ``way_out`` a hint on what to do about a damaged
one; every error carries both.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Final, Literal, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from reconcile.errors import StateError
from reconcile.model.account import Account
from reconcile.model.address import Address, parse_address
from reconcile.model.attributes import Digest, from_json, to_json
from reconcile.model.collector import collector_paused
from reconcile.model.generation import Begun, Generation
from reconcile.model.memory import Memory, Segment
from reconcile.model.resource import Applied, BuildRecord
from reconcile.state.journal import (
    Accounts,
    Begin,
    Entry,
    Intend,
    Move,
    Note,
    Put,
    Remember,
    Remove,
    Rules,
    Settle,
    Stand,
)
from reconcile.state.remarks import RemarksRow, remarks_row, with_remarks
from reconcile.state.state import FORMAT_VERSION, Intent, State

REBUILD = "Bind the manifests to the live objects anew with `reconcile state rebuild`; it shows the bindings and asks."


# The member that has the checksum of all others, in the state and in each line of its journal.
CHECKSUM: Final = "checksum"


@dataclass(frozen=True, slots=True)
class JournalHeader:
    """Which state a journal goes on from: its lineage and its serial.

    ``claim`` is the id of the lock that it is written under, where the kernel does not see to that.
    """

    lineage: str
    serial: int
    claim: str = ""


def render_state(state: State, *, checked: bool = True) -> bytes:
    """The state file: readable, sorted by address, without members that have their default.

    ``checked``: with its checksum, which a text that people may edit is given out without.
    """
    document: dict[str, Any] = {"version": FORMAT_VERSION, "lineage": state.lineage, "serial": state.serial}
    if state.accounts:
        document["accounts"] = {alias: state.accounts[alias] for alias in sorted(state.accounts)}
    document["resources"] = {
        str(address): _resource_row(address, state.resources[address]) for address in sorted(state.resources, key=str)
    }
    if state.intents:
        document["intents"] = {
            str(address): _intent_row(state.intents[address]) for address in sorted(state.intents, key=str)
        }
    if state.generations:
        document["generations"] = {
            str(address): _generation_row(state.generations[address]) for address in sorted(state.generations, key=str)
        }
    if state.memories:
        document["memories"] = {
            str(address): _memory_row(state.memories[address]) for address in sorted(state.memories, key=str)
        }
    if state.rules:
        document["rules"] = to_json(state.rules)
    if state.history:
        document["history"] = state.history
    if state.commit:
        document["commit"] = state.commit
    whole = _checked(document, "The state") if checked else document
    return _dump(whole, "The state", orjson.OPT_INDENT_2)


def parse_state(data: bytes, name: str, way_out: str = REBUILD) -> State:
    """The state that a file holds.

    Raises:
        StateError: the file is empty, damaged, of a newer format, or not a state at all.
    """
    if not data.strip():
        raise StateError(f"The state file {name} is empty.", hint=way_out)
    with collector_paused(), _complaints(name, way_out):
        document = _load(data, name, way_out)
        _check_version(document, name)
        return _state(_validated(_StateRow, _unaltered(document, name, way_out), name, way_out))


def render_journal_header(header: JournalHeader) -> bytes:
    """The first line of a journal."""
    document: dict[str, Any] = {"version": FORMAT_VERSION, "lineage": header.lineage, "serial": header.serial}
    if header.claim:
        document["claim"] = header.claim
    return _dump(document, "The journal")


def parse_journal_header(data: bytes, name: str, way_out: str = REBUILD) -> JournalHeader | None:
    """What a journal goes on from; None if it was cut off before its first entry could have been acknowledged.

    Raises:
        StateError: the first line is damaged or of a newer format.
    """
    lines = data.split(b"\n", 1)
    if len(lines) < 2:
        return None
    try:
        document = orjson.loads(lines[0])
    except orjson.JSONDecodeError as error:
        if not lines[1]:
            return None
        raise _damaged_line(name, 1, error.msg, way_out) from error
    _check_version(document, name)
    row = _validated(_JournalRow, document, f"{name}, line 1", way_out)
    return JournalHeader(row.lineage, row.serial, row.claim)


def render_entry(entry: Entry) -> bytes:
    """One line of the journal.

    Raises:
        StateError: the entry holds a value that JSON has no place for.
    """
    row: dict[str, Any]
    match entry:
        case Put(address, applied, done):
            row = {"op": "put", "address": str(address), "resource": _resource_row(address, applied)}
            if done:
                row["done"] = True
        case Remove(address):
            row = {"op": "remove", "address": str(address)}
        case Move(source, target, commit):
            row = {"op": "move", "source": str(source), "target": str(target), **({"commit": commit} if commit else {})}
        case Intend(intent):
            row = {"op": "intend", "address": str(intent.address), "intent": _intent_row(intent)}
        case Settle(address):
            row = {"op": "settle", "address": str(address)}
        case Note(line):
            row = {"op": "note", "line": line}
        case Begin(address, begun):
            row = {"op": "begin", "address": str(address), "begun": _begun_row(begun)}
        case Remember(address, memory):
            row = {"op": "remember", "address": str(address), "memory": _memory_row(memory)}
        case Accounts(accounts):
            row = {"op": "accounts", "accounts": dict(accounts)}
        case Stand(commit, addresses, whole):
            row = {"op": "stand", "commit": commit, "addresses": [str(each) for each in addresses], "whole": whole}
        case Rules(rules):
            row = {"op": "rules", "rules": to_json(rules)}
    what = f"What is to be recorded of {row.get('address', 'the accounts')}"
    return _dump(_checked(row, what), what)


def parse_entries(data: bytes, name: str, way_out: str = REBUILD) -> Iterator[Entry]:
    """The entries of a journal, without its first line.

    A last line without an end, or of which a part never came to the disk, was being written when its run died. Nobody
    was told that it was kept, so it is left out.

    Raises:
        StateError: any other line is damaged, or an entry is of no known shape.
    """
    _, *lines, rest = data.split(b"\n")
    if _is_whole(rest[:-1]):  # with another byte in the place of its end
        raise _damaged_line(name, len(lines) + 2, "its end was changed", way_out)
    for number, line in enumerate(lines, 2):
        try:
            document = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            if number == len(lines) + 1 and not rest and b"\0\0" in line:
                return  # what a file system has for a part that was not written
            raise _damaged_line(name, number, error.msg, way_out) from error
        where = f"{name}, line {number}"
        document = _unaltered(document, where, way_out)
        with _complaints(where, way_out):
            entry = _entry(_validated_entry(document, where, way_out))
        yield entry


def _is_whole(line: bytes) -> bool:
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True


# The shapes of the files. Strict, and unknown members are refused: they would be lost at the next write.


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)


class _AccountRow(_Row):
    type: str
    host: str
    id: str


class _DigestRow(_Row):
    sha256: str = Field(alias="$sha256")
    length: int


class _BuildRow(_Row):
    source: str
    builder: str


class _ResourceRow(RemarksRow, BaseModel):
    id: str
    kind: str | None = None
    applied: dict[str, Any]
    observed: dict[str, _DigestRow] = Field(default_factory=dict)
    dependencies: list[str] = Field(default_factory=list)
    preventDestroy: bool = False
    external: bool = False
    created: bool = True
    deposed: list[str] = Field(default_factory=list)
    builds: dict[str, _BuildRow] = Field(default_factory=dict)
    reach: dict[str, int] = Field(default_factory=dict)


class _IntentRow(_Row):
    operation: str
    key: list[Any] | None = None
    before: list[str] = Field(default_factory=list)
    attributes: dict[str, Any] = Field(default_factory=dict)
    started: float = 0.0
    id: str | None = None


class _BegunRow(_Row):
    step: str
    goal: str
    makes: bool = False
    loses: float = Field(0.0, ge=0, allow_inf_nan=False)


class _GenerationRow(_Row):
    number: int = Field(ge=0)
    step: str = ""
    made: bool = False
    begun: _BegunRow | None = None
    commit: str = ""
    lost: float = Field(0.0, ge=0, allow_inf_nan=False)


class _SegmentRow(_Row):
    name: str = Field(pattern=r"^[0-9a-f]{64}$")
    count: int = Field(ge=0)
    data: str = ""


class _MemoryRow(_Row):
    key: str
    rows: int = Field(0, ge=0)
    excluded: int = Field(0, ge=0)
    segments: list[_SegmentRow] = Field(default_factory=list)


class _HeaderRow(_Row):
    version: int
    lineage: str = Field(min_length=1)
    serial: int = Field(ge=0)


class _JournalRow(_HeaderRow):
    claim: str = ""


class _StateRow(_HeaderRow):
    accounts: dict[str, _AccountRow] = Field(default_factory=dict)
    resources: dict[str, _ResourceRow]
    intents: dict[str, _IntentRow] = Field(default_factory=dict)
    generations: dict[str, _GenerationRow] = Field(default_factory=dict)
    memories: dict[str, _MemoryRow] = Field(default_factory=dict)
    history: list[str] = Field(default_factory=list)
    commit: str = ""
    rules: dict[str, Any] = Field(default_factory=dict)


class _PutRow(_Row):
    op: Literal["put"]
    address: str
    resource: _ResourceRow
    done: bool = False


class _AddressRow(_Row):
    op: Literal["remove", "settle"]
    address: str


class _MoveRow(_Row):
    op: Literal["move"]
    source: str
    target: str
    commit: str = ""


class _IntendRow(_Row):
    op: Literal["intend"]
    address: str
    intent: _IntentRow


class _NoteRow(_Row):
    op: Literal["note"]
    line: str


class _BeginRow(_Row):
    op: Literal["begin"]
    address: str
    begun: _BegunRow


class _RememberRow(_Row):
    op: Literal["remember"]
    address: str
    memory: _MemoryRow


class _AccountsRow(_Row):
    op: Literal["accounts"]
    accounts: dict[str, _AccountRow]


class _StandRow(_Row):
    op: Literal["stand"]
    commit: str
    addresses: list[str] = Field(default_factory=list)
    whole: bool = False


class _RulesRow(_Row):
    op: Literal["rules"]
    rules: dict[str, Any]


_EntryRow = (
    _PutRow
    | _AddressRow
    | _MoveRow
    | _IntendRow
    | _BeginRow
    | _RememberRow
    | _AccountsRow
    | _NoteRow
    | _StandRow
    | _RulesRow
)
_R = TypeVar("_R", bound=_Row)


@cache
def _entry_rows() -> TypeAdapter[_EntryRow]:
    return TypeAdapter(Annotated[_EntryRow, Field(discriminator="op")])


# From values to rows.


def _resource_row(address: Address, applied: Applied) -> dict[str, Any]:
    row: dict[str, Any] = {"id": applied.id, "kind": address.kind, "applied": to_json(applied.attributes)}
    if applied.observed:
        row["observed"] = to_json(applied.observed)
    if applied.dependencies:
        row["dependencies"] = [str(dependency) for dependency in applied.dependencies]
    if applied.prevent_destroy:
        row["preventDestroy"] = True
    if applied.external:
        row["external"] = True
    if not applied.created:
        row["created"] = False
    if applied.deposed:
        row["deposed"] = applied.deposed
    if applied.builds:
        row["builds"] = {
            name: {"source": built.source, "builder": built.builder} for name, built in applied.builds.items()
        }
    if applied.reach:
        row["reach"] = {str(target): people for target, people in applied.reach.items()}
    return row | remarks_row(applied)


def _intent_row(intent: Intent) -> dict[str, Any]:
    row: dict[str, Any] = {"operation": intent.operation}
    if intent.key is not None:
        row["key"] = to_json(intent.key)
    if intent.before:
        row["before"] = intent.before
    if intent.attributes:
        row["attributes"] = to_json(intent.attributes)
    if intent.started:
        row["started"] = intent.started
    if intent.id is not None:
        row["id"] = intent.id
    return row


def _begun_row(begun: Begun) -> dict[str, Any]:
    return {
        "step": begun.step,
        "goal": begun.goal,
        **({"makes": True} if begun.makes else {}),
        **({"loses": begun.loses} if begun.loses else {}),
    }


def _generation_row(generation: Generation) -> dict[str, Any]:
    row: dict[str, Any] = {"number": generation.number}
    if generation.step:
        row["step"] = generation.step
    if generation.made:
        row["made"] = True
    if generation.begun is not None:
        row["begun"] = _begun_row(generation.begun)
    if generation.commit:
        row["commit"] = generation.commit
    if generation.lost:
        row["lost"] = generation.lost
    return row


def _memory_row(memory: Memory) -> dict[str, Any]:
    segments = [
        {"name": found.name, "count": found.count, **({"data": found.data} if found.data else {})}
        for found in memory.segments
    ]
    excluded = {"excluded": memory.excluded} if memory.excluded else {}
    return {"key": memory.key, "rows": memory.rows, **excluded, "segments": segments}


def _checked(document: Mapping[str, Any], what: str) -> dict[str, Any]:
    """The document with its checksum, by which a changed byte is noticed."""
    # Members of a class of their own become plain ones first, so that what is read back has the same checksum.
    return {**document, CHECKSUM: _checksum(orjson.loads(_dump(document, what)))}


def _checksum(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _unaltered(document: Any, name: str, way_out: str) -> Any:
    """The document without its checksum, which it must have the sum of; older ones have none.

    Raises:
        StateError: something has changed it since it was written.
    """
    if not isinstance(document, dict) or CHECKSUM not in document:
        return document
    rest = {member: value for member, value in document.items() if member != CHECKSUM}
    if document[CHECKSUM] != _checksum(rest):
        raise StateError(
            f"{name} is damaged: it is not what was written there (its checksum is another one).",
            hint=f"If you changed it yourself, take its member `{CHECKSUM}` out, and it is read as it stands. Else: "
            f"{way_out}",
        )
    return rest


def _dump(document: Mapping[str, Any], what: str, option: int = 0) -> bytes:
    try:
        return orjson.dumps(document, option=option | orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError as error:
        raise StateError(f"{what} has a value that can't be kept as JSON: {error}.") from error


# From rows to values.


def _state(row: _StateRow) -> State:
    return State(
        lineage=row.lineage,
        serial=row.serial,
        accounts=_accounts(row.accounts),
        resources={
            (address := parse_address(text)): _applied(address, resource) for text, resource in row.resources.items()
        },
        intents={(address := parse_address(text)): _intent(address, intent) for text, intent in row.intents.items()},
        generations={parse_address(text): _generation(found) for text, found in row.generations.items()},
        memories={parse_address(text): _memory(found) for text, found in row.memories.items()},
        history=tuple(row.history),
        commit=row.commit,
        rules={name: from_json(value) for name, value in row.rules.items()},
    )


def _applied(address: Address, row: _ResourceRow) -> Applied:
    if row.kind not in (None, address.kind):
        raise ValueError(f'the kind of {address} is "{address.kind}", not "{row.kind}"')
    applied = Applied(
        id=row.id,
        attributes={name: from_json(value) for name, value in row.applied.items()},
        observed={name: Digest(digest.sha256, digest.length) for name, digest in row.observed.items()},
        dependencies=tuple(map(parse_address, row.dependencies)),
        prevent_destroy=row.preventDestroy,
        external=row.external,
        created=row.created,
        deposed=tuple(row.deposed),
        builds={name: BuildRecord(built.source, built.builder) for name, built in row.builds.items()},
        reach={parse_address(target): people for target, people in row.reach.items()},
    )
    return with_remarks(applied, row)


def _intent(address: Address, row: _IntentRow) -> Intent:
    return Intent(
        address=address,
        operation=row.operation,
        key=None if row.key is None else from_json(row.key),
        before=tuple(row.before),
        attributes={name: from_json(value) for name, value in row.attributes.items()},
        started=row.started,
        id=row.id,
    )


def _begun(row: _BegunRow) -> Begun:
    return Begun(row.step, row.goal, row.makes, row.loses)


def _generation(row: _GenerationRow) -> Generation:
    begun = _begun(row.begun) if row.begun is not None else None
    return Generation(row.number, row.step, row.made, begun, row.commit, row.lost)


def _memory(row: _MemoryRow) -> Memory:
    segments = tuple(Segment(found.name, found.count, found.data) for found in row.segments)
    return Memory(row.key, row.rows, segments, row.excluded)


def _accounts(rows: Mapping[str, _AccountRow]) -> dict[str, Account]:
    return {alias: Account(row.type, row.host, row.id) for alias, row in rows.items()}


def _entry(row: _EntryRow) -> Entry:
    match row:
        case _PutRow():
            address = parse_address(row.address)
            return Put(address, _applied(address, row.resource), row.done)
        case _AddressRow():
            return (Remove if row.op == "remove" else Settle)(parse_address(row.address))
        case _MoveRow():
            return Move(parse_address(row.source), parse_address(row.target), row.commit)
        case _IntendRow():
            return Intend(_intent(parse_address(row.address), row.intent))
        case _NoteRow():
            return Note(row.line)
        case _BeginRow():
            return Begin(parse_address(row.address), _begun(row.begun))
        case _RememberRow():
            return Remember(parse_address(row.address), _memory(row.memory))
        case _AccountsRow():
            return Accounts(_accounts(row.accounts))
        case _StandRow():
            return Stand(row.commit, tuple(map(parse_address, row.addresses)), row.whole)
        case _RulesRow():
            return Rules({name: from_json(value) for name, value in row.rules.items()})


# What is wrong with a file, in sentences.


def _load(data: bytes, name: str, way_out: str) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise StateError(f"The state file {name} is damaged at {where}: {error.msg}.", hint=way_out) from error


def _check_version(document: Any, name: str) -> None:
    # Before the shape is checked, since a newer format may well have another one. A damaged version is a wrong shape.
    version = document.get("version") if isinstance(document, dict) else None
    if type(version) is int and version > FORMAT_VERSION:
        raise StateError(
            f"{name} was written by a newer reconcile: its format has version {version},"
            f" and this reconcile reads those up to {FORMAT_VERSION}.",
            hint="Upgrade reconcile on this machine, and leave the file as it is.",
        )
    if type(version) is int and version < 1:
        raise StateError(f"{name} claims the format version {version}, which there has never been.", hint=REBUILD)


def _validated(shape: type[_R], document: Any, name: str, way_out: str) -> _R:
    if not isinstance(document, dict):
        raise StateError(f"{name} does not hold a JSON object, so it is not the state.", hint=way_out)
    try:
        return shape.model_validate(document)
    except ValidationError as error:
        raise _wrong_shape(error, name, way_out) from error


def _validated_entry(document: Any, name: str, way_out: str) -> _EntryRow:
    try:
        return _entry_rows().validate_python(document)
    except ValidationError as error:
        raise _wrong_shape(error, name, way_out) from error


def _wrong_shape(error: ValidationError, name: str, way_out: str) -> StateError:
    # Neither the input nor its context is shown: a state may hold what an account's people would not want in a log.
    first, *others = error.errors(include_url=False, include_input=False, include_context=False)
    place = " > ".join(map(str, first["loc"])) or "the whole"
    problem = {"missing": "is missing", "extra_forbidden": "is not known to this version of reconcile"}.get(
        first["type"], f"is wrong ({first['msg']})"
    )
    more = f", and there are {len(others)} more such findings" if others else ""
    return StateError(f"{name} is damaged: {place} {problem}{more}.", hint=way_out)


def _damaged_line(name: str, number: int, problem: str, way_out: str) -> StateError:
    return StateError(f"{name} is damaged in line {number}: {problem}.", hint=way_out)


@contextmanager
def _complaints(name: str, way_out: str) -> Iterator[None]:
    """Turns what ``parse_address`` and ``from_json`` say of values in the right shape into StateErrors."""
    try:
        yield
    except ValueError as error:
        raise StateError(f"{name} is damaged: {error}.", hint=way_out) from error
    except (TypeError, AttributeError, RecursionError) as error:
        raise StateError(f"{name} is damaged: it has a malformed reference or value.", hint=way_out) from error
