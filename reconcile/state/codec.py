"""How a state and a journal's entries become the bytes that a store keeps: plain JSON, or encrypted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from reconcile.errors import StateError
from reconcile.state.encryption import (
    ENFORCED_VARIABLE,
    FORMAT,
    KEY_FILE_VARIABLE,
    KEY_VARIABLE,
    Keys,
    is_enforced,
    is_envelope,
    keys_from,
    parse_envelope,
)
from reconcile.state.journal import Entry
from reconcile.state.state import State
from reconcile.state.statefile import (
    REBUILD,
    JournalHeader,
    parse_entries,
    parse_state,
    render_entry,
    render_state,
)


@dataclass(frozen=True, slots=True)
class Codec:
    """Plain without ``keys``. With them all that is written is encrypted; what is plain is read unless ``enforced``."""

    keys: Keys | None = None
    enforced: bool = False

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Codec":
        """The codec that the environment asks for.

        Raises:
            StateError: it has no usable key, or none although encryption is enforced.
        """
        keys, enforced = keys_from(environ), is_enforced(environ)
        if enforced and keys is None:
            raise StateError(
                f"{ENFORCED_VARIABLE} is set, but there is no key to encrypt the state with.",
                hint=f"Set {KEY_VARIABLE} or {KEY_FILE_VARIABLE}.",
            )
        return cls(keys, enforced)

    def render_state(self, state: State) -> bytes:
        """What is kept of a state."""
        plain = render_state(state)
        return self.keys.seal(plain, lineage=state.lineage, serial=state.serial) if self.keys else plain

    def parse_state(self, data: bytes, name: str, way_out: str = REBUILD) -> State:
        """The state that was kept.

        Raises:
            StateError: empty, damaged, of a newer format, not a state; or encrypted or plain where it must not be.
        """
        document = _envelope(data)
        if document is None:
            self._may_be_plain(data, name)
            return parse_state(data, name, way_out)
        envelope, plain = self._keys(document, name, way_out).open(document, name, way_out)
        if envelope.line:
            raise StateError(f"{name} is damaged: it is a line of a journal.", hint=way_out)
        return parse_state(plain, name, way_out)

    def render_entry(self, entry: Entry, journal: JournalHeader, line: int) -> bytes:
        """What is kept of an entry: a line; the first one after the journal's header has the number 2."""
        plain = render_entry(entry)
        return self.keys.seal(plain, lineage=journal.lineage, serial=journal.serial, line=line) if self.keys else plain

    def parse_entries(self, data: bytes, journal: JournalHeader, name: str, way_out: str = REBUILD) -> Iterator[Entry]:
        """The entries of a journal whose header is this one; a last line that was cut off is left out.

        Raises:
            StateError: any other line is damaged; or encrypted or plain where it must not be.
        """
        lines = data.split(b"\n")
        opened = [self._opened(line, journal, number, name, way_out) for number, line in enumerate(lines[1:], 2)]
        return parse_entries(b"\n".join([lines[0], *opened]), name, way_out)

    def seal_segment(self, plain: bytes, name: str) -> bytes:
        """What is kept of a segment of that name; lines of journals never have the number 1, so none can be one."""
        return self.keys.seal(plain, lineage=name, serial=0, line=1) if self.keys else plain

    def open_segment(self, data: bytes, name: str) -> bytes:
        """The segment that was kept.

        Raises:
            StateError: it is encrypted or plain where it must not be, or another segment.
        """
        where = f"The segment {name[:12]}"
        document = _envelope(data)
        if document is None:
            self._may_be_plain(data, where)
            return data
        envelope, plain = self._keys(document, where, REBUILD).open(document, where, REBUILD)
        if (envelope.lineage, envelope.line) != (name, 1):
            raise StateError(f"{where} belongs to another place.", hint=REBUILD)
        return plain

    def _opened(self, line: bytes, journal: JournalHeader, number: int, name: str, way_out: str) -> bytes:
        where = f"{name}, line {number}"
        document = _envelope(line)
        if document is None:
            # One that was cut off is no JSON, and the parser's business.
            if self.enforced and _is_json(line):
                self._may_be_plain(line, where)
            return line
        envelope, plain = self._keys(document, where, way_out).open(document, where, way_out)
        if (envelope.lineage, envelope.serial, envelope.line) != (journal.lineage, journal.serial, number):
            raise StateError(f"{where} belongs to another place: lines were moved or taken out.", hint=way_out)
        return plain.rstrip(b"\n")

    def _keys(self, document: Mapping[str, Any], name: str, way_out: str) -> Keys:
        if self.keys is not None:
            return self.keys
        envelope = parse_envelope(document, name, way_out)
        raise StateError(
            f"{name} is encrypted with the key {envelope.key_id}, and no key is given.",
            hint=f"Give it in {KEY_VARIABLE}, or the path of a file with it in {KEY_FILE_VARIABLE}.",
        )

    def _may_be_plain(self, data: bytes, name: str) -> None:
        if self.enforced and data.strip():
            raise StateError(
                f"{name} is not encrypted, and {ENFORCED_VARIABLE} is set: it may have been put there by anybody.",
                hint=f"If you know where it comes from, run once without {ENFORCED_VARIABLE}: the next write encrypts"
                " it.",
            )


def _envelope(data: bytes) -> dict[str, Any] | None:
    """The envelope's document; None if the data is something else, which is not looked at closely."""
    if FORMAT.encode() not in data:
        return None
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return document if is_envelope(document) else None


def _is_json(line: bytes) -> bool:
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True
