"""What the state remarks of an object beside what was applied, as members of its row: pulled and former."""

from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from reconcile.model.address import parse_address
from reconcile.model.attributes import Digest, from_json, to_json
from reconcile.model.resource import Applied, Former, PullRecord


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)


class _DigestRow(_Row):
    sha256: str = Field(alias="$sha256")
    length: int


class _PulledRow(_Row):
    attributes: dict[str, Any]
    removed: list[str] = []
    observed: dict[str, _DigestRow] = {}
    commit: str = ""
    by: str = ""
    when: float = 0.0


class _FormerRow(_Row):
    address: str
    commit: str = ""


class RemarksRow(_Row):
    """The members of a resource's row that this module writes and reads."""

    pulled: _PulledRow | None = None
    former: list[_FormerRow] = []


def remarks_row(applied: Applied) -> dict[str, Any]:
    """The members, those left out that have nothing to say."""
    row: dict[str, Any] = {}
    if applied.pulled is not None:
        row["pulled"] = _pulled_row(applied.pulled)
    if applied.former:
        row["former"] = [
            {"address": str(former.address), **({"commit": former.commit} if former.commit else {})}
            for former in applied.former
        ]
    return row


def with_remarks(applied: Applied, row: RemarksRow) -> Applied:
    """What was applied, with what its row remarks; the very same if that is nothing."""
    if row.pulled is None and not row.former:
        return applied
    return replace(
        applied,
        pulled=_pulled(row.pulled) if row.pulled is not None else None,
        former=tuple(Former(parse_address(former.address), former.commit) for former in row.former),
    )


def _pulled_row(pulled: PullRecord) -> dict[str, Any]:
    row: dict[str, Any] = {"attributes": to_json(pulled.attributes)}
    if pulled.removed:
        row["removed"] = list(pulled.removed)
    if pulled.observed:
        row["observed"] = to_json(pulled.observed)
    return {**row, "commit": pulled.commit, "by": pulled.by, "when": pulled.when}


def _pulled(row: _PulledRow) -> PullRecord:
    return PullRecord(
        attributes={name: from_json(value) for name, value in row.attributes.items()},
        removed=tuple(row.removed),
        observed={name: Digest(digest.sha256, digest.length) for name, digest in row.observed.items()},
        commit=row.commit,
        by=row.by,
        when=row.when,
    )
