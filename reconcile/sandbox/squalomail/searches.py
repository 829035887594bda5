"""Searches for recipients by custom fields and tags: functions 15 and 16."""

import json
import operator
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from reconcile.sandbox.squalomail import fields, recipients
from reconcile.sandbox.squalomail.account import Account
from reconcile.sandbox.squalomail.arguments import Arguments
from reconcile.sandbox.squalomail.reply import Answer, Bare, invalid, malformed, missing

_FIELDS = ("subid", "email", "name", "surname")
_ORDERINGS: Mapping[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip
_TESTS: Mapping[str, Callable[[str, str], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "like": operator.contains,
    "not like": lambda value, sought: sought not in value,
}


def get_recipients_with_custom_fields(account: Account, arguments: Arguments) -> Answer:
    """Function 15: ``filter`` is FIELD:VALUE with one of four fields; all conditions have to hold."""
    conditions = [_condition(account, raw) for raw in arguments.objects("filterCustomFields") or []]
    rows = _narrowed(account, arguments.text("filter") or "")
    values = fields.values_of(account, [row["subid"] for row in rows], all_fields=True)
    met = [row for row in rows if all(test(values.get(row["subid"], {})) for test in conditions)]
    answer = recipients.found(account, met)
    if account.switches.text("recipient_payload") == "entities":
        return answer
    results = recipients.as_results(account, met, all_fields=True)
    return Bare(results) if isinstance(answer, Bare) else {"recipientList": results}


def get_recipients_with_tags(account: Account, arguments: Arguments) -> Answer:
    """Function 16: recipients with one of the tags, or by switch with all of them."""
    tags = arguments.texts("tags")
    if not tags:
        raise missing("tags")
    needed = len(tags) if account.switches.text("tag_search") == "all" else 1
    rows = account.all(
        "SELECT * FROM recipient WHERE account = :account AND (SELECT count(DISTINCT lower(tag.value)) "
        "FROM json_each(recipient.tags) AS tag WHERE lower(tag.value) IN (SELECT lower(value) FROM json_each(:tags))) "
        ">= :needed ORDER BY subid",
        {"tags": json.dumps(tags, ensure_ascii=False), "needed": needed},
    )
    return recipients.found(account, rows)


def _narrowed(account: Account, source: str) -> list[sqlite3.Row]:
    everybody = account.all("SELECT * FROM recipient WHERE account = :account ORDER BY subid")
    if not source.strip():
        return everybody
    name, colon, value = source.partition(":")
    name, value = name.strip().lower(), value.strip().lower()
    if not colon or name not in _FIELDS:
        raise invalid(f"filter should be FIELD:VALUE with one of {', '.join(_FIELDS)}.")
    return [row for row in everybody if str(row[name]).lower() == value]


def _condition(account: Account, raw: Mapping[str, Any]) -> Callable[[Mapping[str, str]], bool]:
    """A test on somebody's custom values, by the members ``fieldName``, ``value`` and ``operator``."""
    name, sought, comparison = raw.get("fieldname"), raw.get("value"), raw.get("operator")
    if name is None or sought is None or comparison is None:
        raise missing("fieldName, value and operator")
    if not all(isinstance(member, str) for member in (name, sought, comparison)):
        raise malformed("fieldName, value and operator should be texts.")
    known = {row["namekey"].lower(): row["namekey"] for row in fields.everything(account)}
    if name.lower() not in known:
        raise invalid(f"There is no custom field {name}.")
    comparison = " ".join(comparison.lower().split())
    if comparison not in _TESTS and comparison not in _ORDERINGS:
        raise invalid(f"There is no operator {comparison}.")
    key, numbers = known[name.lower()], account.switches.text("custom_field_compare") == "auto"
    return lambda values: _holds(values.get(key, ""), comparison, sought, numbers)


def _holds(value: str, comparison: str, sought: str, numbers: bool) -> bool:
    ordering = _ORDERINGS.get(comparison)
    if ordering is None:
        return _TESTS[comparison](value.lower(), sought.lower())
    if numbers and (pair := _as_numbers(value, sought)):
        return ordering(*pair)
    return ordering(value.lower(), sought.lower())


def _as_numbers(value: str, sought: str) -> tuple[float, float] | None:
    try:
        return float(value), float(sought)
    except ValueError:
        return None
