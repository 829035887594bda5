"""An offset that is not the zone's at that date."""

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from reconcile.mail.checks.check import Check, Found, Mail, Severity


def _look(mail: Mail) -> Iterator[Found]:
    if mail.zone is None or mail.written is None:
        return
    try:
        written = datetime.fromisoformat(mail.written.value.upper())
        zone = ZoneInfo(mail.zone)
    except (ValueError, ZoneInfoNotFoundError):
        return
    offset = written.utcoffset()
    if offset is None or mail.written.value.upper().endswith("Z"):  # who writes Z means UTC, whatever the zone
        return
    there = written.astimezone(zone)
    if (
        there.utcoffset() != offset
        and datetime(written.year, 1, 15, tzinfo=zone).utcoffset()
        != datetime(written.year, 7, 15, tzinfo=zone).utcoffset()
    ):
        others = {datetime(written.year, month, 15, tzinfo=zone).utcoffset() for month in (1, 7)}
        if offset in others:
            meant = there.replace(hour=written.hour, minute=written.minute)
            told = f"{mail.written.value} is {there:%H:%M} in {mail.zone}"
            yield Found(
                f"{told}: at that date the clocks there are set otherwise.",
                mail.written,
                hint=f"If {written:%H:%M} is meant: {meant.isoformat()}",
            )


CHECK = Check(
    "zone-offset",
    Severity.WARNING,
    "an offset that the zone does not have at that date",
    "A mail planned in winter for summer goes out an hour early or late.",
    _look,
    bad={"subject": "x", "written": "2026-07-01T09:00:00+01:00", "zone": "Europe/Rome"},
    good={"subject": "x", "written": "2026-07-01T09:00:00+02:00", "zone": "Europe/Rome"},
)
