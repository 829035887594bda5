"""A million recipients, 1 % changed: planning the audience, beside reading the two files with duckdb alone.

The two files are the source and, as JSON lines, what the platform answers about the same people. The figures for rows
that come through a client as Python values, as answers do, are told beside it.
"""

import math
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import orjson

from reconcile.model.address import Address
from reconcile.model.bulk import Comparison, Place, Task
from reconcile.model.call import Call
from reconcile.model.reference import Reference
from reconcile.providers.audience.goal import Goal
from reconcile.providers.audience.workspace_db import WorkspaceDb
from reconcile.providers.squalomail import audience_load
from reconcile.providers.squalomail.audience_load import LIVE, MEMBER, SqualoMailPlatform
from reconcile.providers.squalomail.kinds.audience import SqualoMailAudience
from reconcile.state.segments import FolderSegments

COUNT = 1_000_000
LIST = Address("squalomail", "list", "news")
ROUNDS = 3
MOST_TIMES = 2.0
MOST_MEMORY = 700.0  # MB


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder, COUNT)
        loader = SqualoMailPlatform.load
        SqualoMailPlatform.load = lambda self, work, task, goal: _load(work, goal, folder)
        read = planned = math.inf
        for _ in range(ROUNDS):  # in turn, so that a busy machine slows both
            read = min(read, _timed(lambda: _read(folder))[0])
            took, comparison = _timed(lambda: _compare(folder, _Nobody()))
            planned = min(planned, took)
        memory = _memory()
        print(f"{COUNT:,} recipients: reading the two files {read:.2f} s, planning {planned:.2f} s")
        print(f"planning takes {planned / read:.1f} times that (at most {MOST_TIMES:g}); peak memory {memory:.0f} MB")
        print(f"found {dict(comparison.counts)} in {len(comparison.calls)} calls")
        SqualoMailPlatform.load = loader
        streamed, _ = _timed(lambda: _compare(folder, _Answers(folder)))
        print(f"with answers decoded by a client {streamed:.2f} s; peak memory {_memory():.0f} MB")
        if planned > MOST_TIMES * read or memory > MOST_MEMORY:
            sys.exit("the audience's bounds are not kept")


def _write(folder: Path, count: int) -> None:
    with (folder / "people.csv").open("w") as file:
        file.write("E-mail,Nome,Cognome,Telefono,Note\n")
        for number in range(count):
            name = "Changed" if number % 100 == 0 else f"Ada{number % 977}"
            file.write(f"person{number}@example.com,{name},Rossi{number % 1009},+39 06 {number},-\n")
    with (folder / "recipients.json").open("wb") as file:
        for number in range(count):
            file.write(orjson.dumps(_recipient(number)) + b"\n")
    with (folder / "members.json").open("wb") as file:
        for number in range(count):
            file.write(
                orjson.dumps(
                    {"listid": 4, "subid": number + 1, "status": 1, "subdate": 1_800_000_000, "unsubdate": None}
                )
                + b"\n"
            )


def _recipient(number: int) -> dict[str, Any]:
    return {
        "subid": number + 1,
        "email": f"person{number}@example.com",
        "name": f"Ada{number % 977}",
        "surname": f"Rossi{number % 1009}",
        "phone": f"+39 06 {number}",
        "accept": 1,
        "enabled": 1,
        "gdpr_can_send": 0,
        "gdpr_can_track": 0,
        "needs_gdpr_consent": 1,
        "created": 1_800_000_000,
        "lastsent_date": 0,
        "tags": [],
        "user_defined_fields": [],
    }


def _read(folder: Path) -> None:
    """The two files, as they are, into tables."""
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE source AS SELECT * FROM read_csv(?, header = true, all_varchar = true)",
            [str(folder / "people.csv")],
        )
        for name, columns in (("recipients", LIVE), ("members", MEMBER)):
            types = ", ".join(f"{column}: '{type_}'" for column, type_ in columns.items())
            connection.execute(
                f"CREATE TABLE {name} AS SELECT * FROM "
                f"read_json(?, format = 'newline_delimited', columns = {{{types}}})",
                [str(folder / f"{name}.json")],
            )


def _load(work: WorkspaceDb, goal: Goal, folder: Path) -> None:
    audience_load.add_recipient_file(work, folder / "recipients.json", goal)
    work.settle_keys("live")
    audience_load.add_member_file(work, folder / "members.json")


def _compare(folder: Path, client: Any) -> Comparison:
    attributes = {
        "source": "people.csv",
        "columns": {"email": "E-mail", "name": "Nome", "surname": "Cognome", "phone": "Telefono"},
        "lists": (Reference(LIST),),
    }
    place = Place(folder, folder / "private", folder, lambda: b"key", segments=FolderSegments(folder / "memory"))
    task = Task(Address("squalomail", "audience", "people"), attributes, {LIST: "4"}, client, place)
    return SqualoMailAudience().compare(task)


class _Nobody:
    """A client that nobody asks."""


class _Answers:
    """A client that has all answers, as decoded JSON."""

    def __init__(self, folder: Path) -> None:
        self._recipients = (folder / "recipients.json").open("rb")
        self._members = (folder / "members.json").open("rb")

    def send(self, call: Call) -> list[dict[str, Any]]:
        file = self._recipients if call.arguments["entity"] == "Recipient" else self._members
        return list(_rows(file, 1000))


def _rows(file: Any, count: int) -> Iterator[dict[str, Any]]:
    for _ in range(count):
        line = file.readline()
        if not line:
            return
        yield orjson.loads(line)


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
