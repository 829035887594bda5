"""How a fleet stands -> one page and JSON: failing, drifted, waiting, the coming sends, and all accounts."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from functools import cache
from importlib.resources import files
from pathlib import Path

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from reconcile.cli.output import write_private
from reconcile.errors import ReconcileError
from reconcile.fleet.results import Results, read_record
from reconcile.fleet.standing import Going, Standing, Verdict, as_json, counts
from reconcile.report.text import moment
from reconcile.review.page import policy

_DAYS = 14  # of the calendar
_SOON = 3600.0  # seconds within which two mails of one account clash


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that goes out, as the page shows it."""

    account: str
    hour: str
    going: Going
    clashes: bool


@dataclass(frozen=True, slots=True)
class Day:
    """A day with what goes out."""

    name: str
    mails: tuple[Mail, ...]


def write(folder: Path, standings: Sequence[Standing], results: Results, *, now: float, zone: tzinfo) -> None:
    """Write ``index.html``, ``report.json`` and ``review/ACCOUNT/``, files that only their owner may read.

    Raises:
        OSError: they can't be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    reviews = dict(_reviews(folder, standings, results, now=now, zone=zone))
    write_private(
        folder / "index.html", render(standings, now=now, zone=zone, reviews=reviews).encode(errors="replace")
    )
    content = {
        "made": now,
        "counts": {verdict.value: count for verdict, count in counts(standings).items()},
        "accounts": [as_json(each) for each in standings],
    }
    write_private(folder / "report.json", json.dumps(content, indent=1).encode())


def render(standings: Sequence[Standing], *, now: float, zone: tzinfo, reviews: Mapping[str, str] | None = None) -> str:
    """The page; ``reviews`` are the addresses of review pages by their accounts' keys."""
    by = {verdict: [each for each in standings if each.verdict is verdict] for verdict in Verdict}
    script = _text("report.js")
    return (
        _templates()
        .get_template("report.html")
        .render(
            policy=policy(script),
            style=Markup(_text("report.css")),  # noqa: S704  # our own
            script=Markup(script),  # noqa: S704  # our own
            by=by,
            verdicts=Verdict,
            counts=counts(standings),
            total=len(standings),
            days=list(_days(standings, now, zone)),
            reviews=reviews or {},
            told=lambda seconds: moment(seconds, now=now, zone=zone),
            short=lambda seconds: f"{datetime.fromtimestamp(seconds, zone):%m-%d %H:%M}",
            made=f"{datetime.fromtimestamp(now, zone):%a %Y-%m-%d %H:%M %Z}",
        )
    )


def _days(standings: Sequence[Standing], now: float, zone: tzinfo) -> Iterator[Day]:
    """The mails of the next days, by the local days on which they go out."""
    found: dict[date, list[Mail]] = defaultdict(list)
    for standing in standings:
        times = sorted(each.at for each in standing.sends)
        for going in standing.sends:
            if now <= going.at < now + _DAYS * 86400:
                local = datetime.fromtimestamp(going.at, zone)
                near = sum(abs(going.at - other) < _SOON for other in times) > 1
                found[local.date()].append(Mail(standing.key, f"{local:%H:%M %Z}", going, near))
    for day, mails in sorted(found.items()):
        yield Day(f"{day:%A %Y-%m-%d}", tuple(sorted(mails, key=lambda mail: (mail.going.at, mail.account))))


def _reviews(
    folder: Path, standings: Sequence[Standing], results: Results, *, now: float, zone: tzinfo
) -> Iterator[tuple[str, str]]:
    """Write the review page of each plan that waits; the account, and where its page is."""
    from reconcile.review.letters import Context
    from reconcile.review.page import pages

    for standing in standings:
        if standing.waiting is None:
            continue
        try:
            _, plan = read_record(results, standing.waiting.digest)
        except ReconcileError:
            continue  # damaged, or another one: an apply refuses it, too, and says so
        where = folder / "review" / standing.key
        where.mkdir(parents=True, exist_ok=True)
        for name, content in pages(plan, Context(now=now, zone=zone, digest=standing.waiting.digest)):
            write_private(where / name, content.encode(errors="replace"))
        yield standing.key, f"review/{standing.key}/index.html"


@cache
def _templates() -> Environment:
    return Environment(
        loader=DictLoader({"report.html": _text("report.html")}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _text(name: str) -> str:
    return (files("reconcile.fleet") / "templates" / name).read_text(encoding="utf-8")
