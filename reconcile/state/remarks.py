"""What the state remarks of an object beside what was applied, as members of its row: pulled, former, accepted."""

from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from reconcile.model.address import parse_address
from reconcile.model.attributes import Digest, from_json, to_json
from reconcile.model.resource import Acceptance, Applied, Former, PullRecord


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
    gone: bool = False


class _AcceptedRow(_Row):
    name: str
    live: Any
    declared: Any = None
    reason: str = ""
    until: str | None = None
    by: str = ""
    when: float = 0.0


class _FormerRow(_Row):
    address: str
    commit: str = ""


class RemarksRow(_Row):
    """The members of a resource's row that this module writes and reads."""

    pulled: _PulledRow | None = None
    former: list[_FormerRow] = []
    accepted: list[_AcceptedRow] = []


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
    if applied.accepted:
        row["accepted"] = [_accepted_row(each) for each in applied.accepted]
    return row


def _accepted_row(each: Acceptance) -> dict[str, Any]:
    row = {"name": each.name, "live": to_json(each.live), "declared": to_json(each.declared), "reason": each.reason}
    return row | ({"until": each.until} if each.until is not None else {}) | {"by": each.by, "when": each.when}


def with_remarks(applied: Applied, row: RemarksRow) -> Applied:
    """What was applied, with what its row remarks; the very same if that is nothing."""
    if row.pulled is None and not row.former and not row.accepted:
        return applied
    return replace(
        applied,
        pulled=_pulled(row.pulled) if row.pulled is not None else None,
        former=tuple(Former(parse_address(former.address), former.commit) for former in row.former),
        accepted=tuple(
            Acceptance(
                each.name,
                from_json(each.live),
                from_json(each.declared),
                each.reason,
                each.until,
                each.by,
                each.when,
            )
            for each in row.accepted
        ),
    )


def _pulled_row(pulled: PullRecord) -> dict[str, Any]:
    row: dict[str, Any] = {"attributes": to_json(pulled.attributes)}
    if pulled.removed:
        row["removed"] = list(pulled.removed)
    if pulled.observed:
        row["observed"] = to_json(pulled.observed)
    gone = {"gone": True} if pulled.gone else {}
    return {**row, **gone, "commit": pulled.commit, "by": pulled.by, "when": pulled.when}


def _pulled(row: _PulledRow) -> PullRecord:
    return PullRecord(
        attributes={name: from_json(value) for name, value in row.attributes.items()},
        removed=tuple(row.removed),
        observed={name: Digest(digest.sha256, digest.length) for name, digest in row.observed.items()},
        commit=row.commit,
        by=row.by,
        when=row.when,
        gone=row.gone,
    )
