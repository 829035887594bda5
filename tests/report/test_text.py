"""Values, counts and moments as people read them."""

import re
import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.cli.output import local_zone
from reconcile.model.address import parse_address
from reconcile.model.attributes import Digest
from reconcile.model.reference import Reference
from reconcile.report.text import Style, counted, harmless, inert, moment, padded, painted, shown, width

LIST = parse_address("squalomail.list.italia")
NOON = 1_796_122_800.0  # 2026-12-01 11:00 UTC


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "(unset)"),
        (True, "true"),
        (3, "3"),
        (1.5, "1.5"),
        ('say "hi"\n\\', '"say \\"hi\\"\\n\\\\"'),
        (("a", 1), '["a", 1]'),
        ({"a": {"b c": None}}, '{a: {"b c": (unset)}}'),
        (Reference(LIST), "squalomail.list.italia (id known after apply)"),
        (Digest("1234abcd5678", 30211), "(30,211 characters, sha256 1234abcd…)"),
        ("x" * 200, '"' + "x" * 159 + "… (42 more characters)"),
    ],
)
def test_values(value: Any, expected: str) -> None:
    assert shown(value) == expected


def test_a_known_id_needs_no_remark() -> None:
    assert shown((Reference(LIST),), {LIST}) == "[squalomail.list.italia]"


@given(st.text())
def test_nothing_steers_a_terminal(text: str) -> None:
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", harmless(text))
    assert harmless(harmless(text)) == harmless(text)
    assert "\n" not in shown(text)
    shown(text).encode()


def test_emoji_and_scripts_stay_as_they_are() -> None:
    assert harmless("👩‍👩‍👧 Città 日本 عربى\n") == "👩‍👩‍👧 Città 日本 عربى\n"


def test_colours_only_where_wanted() -> None:
    assert painted("a\n\nb", Style.ALARM, color=True) == "\x1b[1;31ma\x1b[0m\n\n\x1b[1;31mb\x1b[0m"
    assert painted("a", Style.ALARM, color=False) == painted("a", None, color=True) == "a"


def test_counts() -> None:
    assert [counted(n, "person", "people") for n in (0, 1, 1204)] == ["0 people", "1 person", "1,204 people"]


def test_columns() -> None:
    assert [width(text) for text in ("abc", "日本", "e\u0301")] == [3, 4, 1]
    assert padded("日本", 6) + "|" == "日本  |"


@pytest.mark.parametrize(
    ("zone", "now", "expected"),
    [
        (UTC, NOON - 3 * 86400, "Tue 2026-12-01 11:00 UTC, in 3 days"),
        (ZoneInfo("Europe/Rome"), NOON - 86400, "Tue 2026-12-01 12:00 CET (11:00 UTC), in 1 day"),
        (
            timezone(timedelta(hours=14), "LINT"),
            NOON - 1,
            "Wed 2026-12-02 01:00 LINT (Tue 2026-12-01 11:00 UTC), in less than a minute",
        ),
        (UTC, NOON + 7200, "Tue 2026-12-01 11:00 UTC, 2 hours ago"),
        (UTC, NOON - 119, "Tue 2026-12-01 11:00 UTC, in 1 minute"),
    ],
)
def test_moments(zone: Any, now: float, expected: str) -> None:
    assert moment(NOON, now=now, zone=zone) == expected


@pytest.mark.parametrize("start", ["", "  ", "\t", "a\n", "a\n \x1b[31m", "\x1b[0m  "])
@pytest.mark.parametrize("command", ["::error::x", "::stop-commands::x", "::add-mask::x", "##[group]x", "##vso[x]y"])
def test_a_runner_obeys_nothing(start: str, command: str) -> None:
    text = inert(start + command)
    assert not re.search(r"(?m)^(\s|\x1b\[\d+m)*::|##(\[|vso\[)", text)
    assert text.endswith(command[2:])
    assert inert(text) == text


def test_what_a_runner_does_not_obey_stays() -> None:
    text = "std::vector 10::1\n# a ## b [c]\n : : x"
    assert inert(text) == text


@pytest.mark.parametrize("name", ["Europe/Rome", "CET-1CEST,M3.5.0,M10.5.0/3"])
@pytest.mark.parametrize("moment", [1_877_500_800 + hours * 1800 for hours in (0, 9000, 9001, 12000)])
def test_a_moment_is_told_by_the_rules_of_its_date(name: str, moment: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", name)
    time.tzset()
    try:
        local = datetime.fromtimestamp(moment, local_zone())
        assert local.utcoffset() == datetime.fromtimestamp(moment, ZoneInfo("Europe/Rome")).utcoffset()
        assert local.tzname() in ("CET", "CEST")
        assert local.timestamp() == moment
    finally:
        monkeypatch.undo()
        time.tzset()


def test_no_clock_is_a_day_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC-25")
    time.tzset()
    try:
        assert f"{datetime.fromtimestamp(0, local_zone()):%H:%M %Z}" == "00:00 UTC"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_the_hour_that_comes_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    try:
        first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp()
        zone = local_zone()
        told = [f"{datetime.fromtimestamp(moment, zone):%H:%M %Z}" for moment in (first, first + 3600)]
        assert told == ["02:30 CEST", "02:30 CET"]
    finally:
        monkeypatch.undo()
        time.tzset()
