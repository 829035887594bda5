"""Calibrations: what an account answered, as a file that is committed and that the sandbox behaves by.

``calibration/ENV-ALIAS.json``; without secrets and without anything about people.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from reconcile.disk import failing, make_folder
from reconcile.errors import InvalidInput
from reconcile.model.account import Account
from reconcile.model.assumption import READS, Finding, Verdict

VERSION = 1
_MEMBERS = "distort_members"  # the sandbox's switch for members that are called otherwise


def place(root: Path, environment: str, alias: str) -> Path:
    """Where the calibration of an account stands."""
    return root / "calibration" / f"{environment}-{alias}.json"


def digest(contract: Mapping[str, Any]) -> str:
    """What stands for a contract: it changes with any of its rows."""
    content = orjson.dumps(dict(contract), option=orjson.OPT_SORT_KEYS)
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def calibration(
    provider: str,
    account: Account,
    date: str,
    contract: Mapping[str, Any],
    level: int,
    findings: Iterable[Finding],
    former: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What is kept of an examination: what was seen, and what the sandbox is to do about it.

    Of a ``former`` one of this account under this contract, what only writes told stays where nothing told more.
    """
    findings = tuple(findings)
    if former is not None and outdated(former, account.host, contract) is None:
        findings = tuple(_remembered(finding, former) for finding in findings)
        level = max(level, former.get("level", level))
    known = [finding for finding in findings if finding.seen is not None]
    switches = {finding.assumption.id: finding.seen for finding in known if finding.assumption.switch}
    if any(finding.assumption.id == _MEMBERS for finding in findings):
        switches |= {_MEMBERS: members} if (members := ",".join(_other_members(known))) else {}
    rows = {finding.assumption.id: finding.seen for finding in known if _is_row(finding)}
    return {
        "version": VERSION,
        "provider": provider,
        "account": {"host": account.host, "id": account.id},
        "date": date,
        "contract": digest(contract),
        "level": level,
        "verdicts": {
            finding.assumption.id: {"verdict": finding.verdict.value, "seen": finding.seen}
            for finding in sorted(known, key=lambda finding: finding.assumption.id)
        },
        "switches": switches,
        "contract_rows": {**contract, **rows},
    }


def _remembered(finding: Finding, former: Mapping[str, Any]) -> Finding:
    was = former.get("verdicts", {}).get(finding.assumption.id)
    asked_now = finding.seen is not None or finding.assumption.level == READS
    if asked_now or not isinstance(was, Mapping) or was.get("seen") is None:
        return finding
    return Finding(finding.assumption, Verdict(was["verdict"]), was["seen"])


def _other_members(findings: Iterable[Finding]) -> Iterator[str]:
    """Members that are missing, or have another name that no row of a contract could say."""
    for finding in findings:
        _, _, member = finding.assumption.id.partition("f.")
        if finding.verdict is Verdict.DIFFERS and member and not _is_row(finding):
            found = f"{member}={finding.seen}"
            if re.fullmatch(r"\w+\.\w+=[\w.-]*", found):
                yield found


def _is_row(finding: Finding) -> bool:
    return finding.assumption.row and finding.verdict is Verdict.DIFFERS and finding.seen != ""


def write(file: Path, content: Mapping[str, Any]) -> None:
    """Write a calibration; it is the former or the new one, whole."""
    with failing(file, "written"):
        make_folder(file.parent)
        new = file.with_name(f".{file.name}.new")
        new.write_bytes(orjson.dumps(dict(content), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        new.replace(file)


def read(file: Path) -> Mapping[str, Any] | None:
    """A calibration, None if there is none.

    Raises:
        InvalidInput: the file is none.
    """
    try:
        content = orjson.loads(file.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, orjson.JSONDecodeError):
        content = None
    if not isinstance(content, dict) or content.get("version") != VERSION:
        raise InvalidInput(f"{file} is no calibration.", hint="Ask the account anew: reconcile doctor")
    return content


def outdated(found: Mapping[str, Any] | None, host: str, contract: Mapping[str, Any]) -> str | None:
    """Why a calibration does not speak for an account as it is used now; None if it does."""
    if found is None:
        return "it was never asked whether it is as we assume"
    there = found.get("account")
    if not isinstance(there, Mapping) or there.get("host") != host:
        return "the calibration is another account's"
    if found.get("contract") != digest(contract):
        return "its contract was changed since it was asked"
    return None
