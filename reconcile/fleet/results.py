"""Where a fleet keeps how its accounts stand, the records that wait, and the approvals: a folder, or PostgreSQL."""

import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString, Protocol

from reconcile.disk import failing, make_folder
from reconcile.errors import PlanStale, ReconcileError
from reconcile.fleet.approval import Approval, NotApproved, approval_from
from reconcile.fleet.database import connected, make_tables
from reconcile.fleet.settings import Fleet
from reconcile.fleet.standing import Standing, as_json, from_json

if TYPE_CHECKING:
    from reconcile.planner.plan import Plan

_DIGEST = re.compile(r"[0-9a-f]{64}")


class Results(Protocol):
    """What is known of each account; whoever runs it writes, everybody reads. Nothing here is trusted by an apply."""

    def standing(self, account: str, environment: str) -> Standing:
        """How an account stands; a new one where nothing is known."""

    def put(self, standing: Standing) -> None:
        """Keep how an account stands."""

    def standings(self) -> Iterator[Standing]:
        """All that is known."""

    def changed(self, seen: dict[str, str]) -> list[Standing]:
        """What was kept since: ``seen`` has a mark for each account that was given before, and is brought up to date.

        Whoever waits for many accounts asks again and again, so that it must cost little where nothing was kept.
        """

    def keep_record(self, digest: str, record: bytes) -> None:
        """Keep a plan that waits."""

    def record(self, digest: str) -> bytes | None:
        """The plan with a digest."""

    def approve(self, approval: Approval) -> None:
        """Keep an approval for whoever carries the record out."""

    def approvals(self, digest: str) -> list[Approval]:
        """The approvals of a record, the newest first."""

    def drop_approvals(self, digest: str, approver: str | None = None) -> int:
        """Take away the approvals of a record, or one approver's; gives how many there were."""


class Folder:
    """A folder: one file per account, written whole; records and approvals by their digests."""

    def __init__(self, folder: Path) -> None:
        """``folder`` is made when something is kept."""
        self._folder = folder

    def standing(self, account: str, environment: str) -> Standing:
        """How an account stands."""
        found = self._standing(self._folder / f"{account}@{environment}.json")
        # Whoever can write here must not say under which name it is written again.
        return found if found and found.key == f"{account}@{environment}" else Standing(account, environment)

    def put(self, standing: Standing) -> None:
        """Keep how an account stands."""
        self._write(self._folder / f"{standing.key}.json", json.dumps(as_json(standing)).encode())

    def standings(self) -> Iterator[Standing]:
        """All that is known; files that are none are passed over."""
        yield from self.changed({})

    def changed(self, seen: dict[str, str]) -> list[Standing]:
        """What was kept since: each is a new file then."""
        found = []
        for name, mark in sorted(self._marks()):
            if seen.get(name) == mark:
                continue
            seen[name] = mark
            standing = self._standing(self._folder / name)
            if standing is not None and f"{standing.key}.json" == name:
                found.append(standing)
        return found

    def _marks(self) -> Iterator[tuple[str, str]]:
        with failing(self._folder, "read"), suppress(FileNotFoundError), os.scandir(self._folder) as entries:
            for entry in entries:
                if "@" in entry.name and entry.name.endswith(".json") and not entry.name.startswith("."):
                    with suppress(FileNotFoundError):  # replaced, or gone, just now
                        known = entry.stat()
                        yield entry.name, f"{known.st_ino} {known.st_mtime_ns} {known.st_size}"

    def keep_record(self, digest: str, record: bytes) -> None:
        """Keep a plan that waits."""
        self._write(self._folder / "records" / f"{_checked(digest)}.plan", record)

    def record(self, digest: str) -> bytes | None:
        """The plan with a digest."""
        path = self._folder / "records" / f"{_checked(digest)}.plan"
        with failing(path, "read"):
            try:
                return path.read_bytes()
            except FileNotFoundError:
                return None

    def approve(self, approval: Approval) -> None:
        """Keep an approval."""
        name = f"{_checked(approval.digest)}.{_name(approval.approver)}.json"
        self._write(self._folder / "approvals" / name, json.dumps(asdict(approval)).encode())

    def approvals(self, digest: str) -> list[Approval]:
        """The approvals of a record."""
        return list(_sound(_json(path) for path in sorted(self._approvals(digest), key=_written, reverse=True)))

    def drop_approvals(self, digest: str, approver: str | None = None) -> int:
        """Take away the approvals of a record."""
        count = 0
        for path in self._approvals(digest, _name(approver) if approver is not None else "*"):
            with failing(path, "removed"):
                path.unlink(missing_ok=True)
            count += 1
        return count

    def _approvals(self, digest: str, name: str = "*") -> list[Path]:
        found = (self._folder / "approvals").glob(f"{_checked(digest)}.{name}.json")
        return [path for path in found if path.is_file()]

    def _standing(self, path: Path) -> Standing | None:
        content = _json(path)
        try:
            return from_json(content) if content else None
        except ValueError:
            return None

    def _write(self, path: Path, content: bytes) -> None:
        with failing(path, "written"):
            make_folder(path.parent)
            descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
            try:
                with os.fdopen(descriptor, "wb") as stream:
                    stream.write(content)
                os.replace(name, path)  # noqa: PTH105  # two names of one folder
            except BaseException:
                os.unlink(name)  # noqa: PTH108
                raise


_TABLES = """
CREATE TABLE IF NOT EXISTS reconcile_fleet_standing (
  account text NOT NULL, environment text NOT NULL, standing jsonb NOT NULL, PRIMARY KEY (account, environment)
);
CREATE TABLE IF NOT EXISTS reconcile_fleet_record (digest text PRIMARY KEY, record bytea NOT NULL);
CREATE TABLE IF NOT EXISTS reconcile_fleet_approval (
  digest text NOT NULL, approver text NOT NULL, approval jsonb NOT NULL, kept timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (digest, approver)
);
"""


class Tables:
    """Three tables of a database, for workers on several machines."""

    def __init__(self, url: str) -> None:
        """``url`` is the database's; the tables are made where they are missing."""
        self._url = url
        self._made = False

    def standing(self, account: str, environment: str) -> Standing:
        """How an account stands."""
        rows = self._all(
            "SELECT standing FROM reconcile_fleet_standing WHERE account = %s AND environment = %s",
            account,
            environment,
        )
        found = _standings(rows)
        return found[0] if found and found[0].key == f"{account}@{environment}" else Standing(account, environment)

    def put(self, standing: Standing) -> None:
        """Keep how an account stands."""
        self._all(
            "INSERT INTO reconcile_fleet_standing VALUES (%s, %s, %s) "
            "ON CONFLICT (account, environment) DO UPDATE SET standing = excluded.standing RETURNING account",
            standing.account,
            standing.environment,
            json.dumps(as_json(standing)),
        )

    def standings(self) -> Iterator[Standing]:
        """All that is known."""
        yield from _standings(self._all("SELECT standing FROM reconcile_fleet_standing ORDER BY account, environment"))

    def changed(self, seen: dict[str, str]) -> list[Standing]:
        """What was kept since: PostgreSQL says by which transaction each row was written."""
        rows = self._all(
            "SELECT account || '@' || environment AS key, xmin::text AS mark FROM reconcile_fleet_standing"
        )
        keys = [row["key"] for row in rows if seen.get(row["key"]) != row["mark"]]
        if not keys:
            return []
        found = self._all(
            "SELECT account || '@' || environment AS key, xmin::text AS mark, standing FROM reconcile_fleet_standing "
            "WHERE account || '@' || environment = ANY(%s)",
            keys,
        )
        seen.update((row["key"], row["mark"]) for row in found)
        return _standings(found)

    def keep_record(self, digest: str, record: bytes) -> None:
        """Keep a plan that waits."""
        self._all(
            "INSERT INTO reconcile_fleet_record VALUES (%s, %s) "
            "ON CONFLICT (digest) DO UPDATE SET record = excluded.record RETURNING digest",
            digest,
            record,
        )

    def record(self, digest: str) -> bytes | None:
        """The plan with a digest."""
        rows = self._all("SELECT record FROM reconcile_fleet_record WHERE digest = %s", digest)
        return bytes(rows[0]["record"]) if rows else None

    def approve(self, approval: Approval) -> None:
        """Keep an approval."""
        self._all(
            "INSERT INTO reconcile_fleet_approval (digest, approver, approval) VALUES (%s, %s, %s) "
            "ON CONFLICT (digest, approver) DO UPDATE SET approval = excluded.approval, kept = now() RETURNING digest",
            approval.digest,
            approval.approver,
            json.dumps(asdict(approval)),
        )

    def approvals(self, digest: str) -> list[Approval]:
        """The approvals of a record."""
        rows = self._all("SELECT approval FROM reconcile_fleet_approval WHERE digest = %s ORDER BY kept DESC", digest)
        return list(_sound(row["approval"] for row in rows))

    def drop_approvals(self, digest: str, approver: str | None = None) -> int:
        """Take away the approvals of a record."""
        return len(
            self._all(
                "DELETE FROM reconcile_fleet_approval WHERE digest = %s AND approver = coalesce(%s::text, approver) "
                "RETURNING digest",
                digest,
                approver,
            )
        )

    def _all(self, statement: LiteralString, *values: Any) -> list[dict[str, Any]]:
        with connected(self._url) as connection:
            if not self._made:
                make_tables(connection, _TABLES)
                self._made = True
            return connection.execute(statement, values).fetchall()


def read_record(results: Results, digest: str) -> "tuple[bytes, Plan]":
    """The record with a digest, and its plan, whose content has that digest: what is shown is what is signed and done.

    Raises:
        PlanStale: it is gone, damaged, or another one.
    """
    from reconcile.planner.planfile import loads, plan_digest

    record = results.record(digest)
    try:
        plan = loads(record, "the record") if record is not None else None
    except ReconcileError:
        plan = None
    if record is None or plan is None or plan_digest(plan) != digest:
        raise PlanStale(
            "The record that waits is gone, or is not what its digest says.",
            hint="Plan again: reconcile fleet run plan",
        )
    return record, plan


def results_of(fleet: Fleet) -> Results:
    """Where a fleet keeps its results."""
    where = fleet.spec.results
    if re.match(r"postgres(?:ql)?://", where):
        return Tables(where)
    return Folder(fleet.root / where)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes()) if path.is_file() else None
    except (OSError, ValueError, RecursionError):
        return None


def _written(path: Path) -> float:
    return path.stat().st_mtime if path.is_file() else 0.0


def _sound(contents: Iterable[Any]) -> Iterator[Approval]:
    """The approvals among what is kept as such: one that is none must not stand in the way of another."""
    for content in contents:
        with suppress(NotApproved):
            yield approval_from(content)


def _standings(rows: Iterable[dict[str, Any]]) -> list[Standing]:
    found = []
    for row in rows:
        with suppress(ValueError):
            found.append(from_json(row["standing"]))
    return found


def _checked(digest: str) -> str:
    """A digest, and nothing that leads out of the folder."""
    return digest if _DIGEST.fullmatch(digest) else "0" * 64


def _name(approver: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", approver)
