"""Dropping what audiences remember of somebody who asks for it, but for a bare mark that they are never brought in."""

from collections.abc import Iterable, Sequence

from reconcile.errors import InvalidInput
from reconcile.providers.audience.memory import DIGEST, GONE, SUPPRESSED, Group, keyed, parse, render
from reconcile.providers.audience.texts import read_address

_LONGEST = 320


def keys_of(lines: Iterable[str]) -> list[str]:
    """The keys of addresses, one a line; empty lines don't count.

    Raises:
        InvalidInput: a line is no address; it is told by its number.
    """
    keys: list[str] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        found = read_address(line.rstrip("\r\n"), _LONGEST)
        if found.fault:
            raise InvalidInput(
                f"Line {number} {found.fault}, so nothing was forgotten.", hint="Give one address a line, and no more."
            )
        keys.append(found.key)
    if not keys:
        raise InvalidInput("No address was given.", hint="Give them on stdin, one a line.")
    return keys


def forgotten(segments: Sequence[bytes], key: bytes, people: Iterable[str]) -> tuple[bytes, int, int]:
    """One segment in place of these, how many digests it has, and how many of the people (keys) were known."""
    tables = _replayed(segments)
    whats = {what for rows in tables.values() for what, _ in rows}
    known = 0
    for person in people:
        doomed = {(what, keyed(key, what.removeprefix(GONE), person)) for what in whats if what != SUPPRESSED}
        met = [(table, row) for table, rows in tables.items() for row in doomed & rows.keys()]
        for table, row in met:
            del tables[table][row]
        if met:
            known += 1
            tables.setdefault("mark", {})[SUPPRESSED, keyed(key, SUPPRESSED, person)] = 0
    groups: dict[tuple[str, str, int], bytearray] = {}
    for table, rows in tables.items():
        for (what, digest), since in sorted(rows.items()):
            groups.setdefault((table, what, since), bytearray()).extend(digest)
    made = [Group(table, True, what, since, bytes(found)) for (table, what, since), found in groups.items()]
    return render(made), sum(len(group.digests) for group in made) // DIGEST, known


def _replayed(segments: Iterable[bytes]) -> dict[str, dict[tuple[str, bytes], int]]:
    tables: dict[str, dict[tuple[str, bytes], int]] = {}
    for data in segments:
        for group in parse(data):
            rows = tables.setdefault(group.table, {})
            for place in range(0, len(group.digests), DIGEST):
                row = group.what, group.digests[place : place + DIGEST]
                if group.came:
                    rows[row] = group.since
                else:
                    rows.pop(row, None)
    return tables
