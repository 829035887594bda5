"""Calibrations: what ``doctor`` found out about a real account, so that the emulator behaves as that account.

A file is JSON: ``version`` 1, ``provider``, ``account`` with its ``id``, ``switches`` as positions by name, and for
GatorMail ``contract_rows`` as they are in a contract table. What else stands there is for people and for ``plan``.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_VERSION = 1
_LARGEST = 1_000_000  # bytes


@dataclass(frozen=True, slots=True)
class Calibration:
    """How one provider's emulator is to behave; ``account`` is an application id or an instance's name."""

    provider: str
    account: str
    switches: Mapping[str, Any]
    contract: Mapping[str, Any]


def read_calibration(file: Path) -> Calibration:
    """The calibration in a file; a ``ValueError`` says what is wrong with it."""
    try:
        with file.open("rb") as stream:
            content = stream.read(_LARGEST + 1)
        raw = json.loads(content) if len(content) <= _LARGEST else None
    except OSError as error:
        raise ValueError(f"{file} can't be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise ValueError(f"{file} is no JSON") from None
    if not isinstance(raw, dict) or raw.get("version") != _VERSION:
        raise ValueError(f"{file} is no calibration of version {_VERSION}: write one with `reconcile doctor`")
    provider = raw.get("provider")
    if provider not in ("squalomail", "gatormail"):
        raise ValueError(f"{file} is of the provider {provider!r}, which the sandbox does not emulate")
    account = _member(file, raw, "account").get("id")
    if account is not None and not isinstance(account, str):
        raise ValueError(f"{file}: account.id should be a text")
    rows = _member(file, raw, "contract_rows")
    if rows and provider == "squalomail":
        raise ValueError(f"{file}: squalomail has no contract_rows")
    return Calibration(provider, account or "", _member(file, raw, "switches"), rows)


def _member(file: Path, raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = raw.get(name, {})
    if not isinstance(value, dict):
        raise ValueError(f"{file}: {name} should be an object")
    return value
