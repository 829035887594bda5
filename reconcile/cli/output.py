"""Results to stdout, progress and diagnostics to stderr."""

import os
import shutil
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from reconcile.cli.options import Options, options
from reconcile.errors import Diagnostic, Usage
from reconcile.planner.plan import Plan

if TYPE_CHECKING:
    from reconcile.cli.page import View


class _MachineZone(tzinfo):
    """The machine's own zone: each moment by the rules that hold at its date."""

    def fromutc(self, dt: datetime) -> datetime:
        """A moment, given in UTC's digits, in this zone's."""
        moment = dt.replace(tzinfo=UTC).timestamp()
        local = dt.replace(tzinfo=None) + timedelta(seconds=time.localtime(moment).tm_gmtoff)
        return local.replace(fold=int(local.timestamp() != moment), tzinfo=self)

    def utcoffset(self, dt: datetime | None) -> timedelta | None:
        """How far it is from UTC then."""
        return None if dt is None else timedelta(seconds=self._then(dt).tm_gmtoff)

    def dst(self, dt: datetime | None) -> timedelta | None:
        """Not known; nobody asks."""
        return None

    def tzname(self, dt: datetime | None) -> str | None:
        """What it is called then, such as CEST."""
        return None if dt is None else self._then(dt).tm_zone

    def _then(self, dt: datetime) -> time.struct_time:
        return time.localtime(dt.replace(tzinfo=None).timestamp())


_DAY = 86_400


def local_zone() -> tzinfo:
    """The zone that times are shown in: TZ's, even if the machine has no zone data, else the machine's own."""
    name = os.environ.get("TZ", "").removeprefix(":")
    try:
        if name:
            return ZoneInfo(name)
    except (LookupError, OSError, ValueError):
        pass  # a rule such as CET-1CEST, or a file's path: the machine reads it itself
    # A rule such as UTC-25 is more than a day off, which nobody's clock is.
    return _MachineZone() if abs(time.localtime().tm_gmtoff) < _DAY else UTC


def show_diagnostics(findings: Iterable[Diagnostic], shown: Options | None = None) -> None:
    """Print findings to stderr, in colour where that is a terminal."""
    from reconcile.report.diagnostics import render

    chosen = shown or options()
    text = render(findings, color=chosen.color and sys.stderr.isatty())
    if text:
        click.echo(text.rstrip("\n"), err=True)


def progress(text: str) -> None:
    """A line of progress on stderr, unless the run is quiet."""
    if not options().quiet:
        from reconcile.report.text import harmless

        click.echo(harmless(text), err=True)


def print_json(value: Any, *, indent: bool = True) -> None:
    """A result as JSON on stdout."""
    import orjson

    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2 if indent else None).decode())


def text_or_json() -> str:
    """The chosen format, for commands whose result is not a plan.

    Raises:
        Usage: another format was asked for.
    """
    chosen = options().format
    if chosen not in ("text", "json"):
        raise Usage(f"This command gives text or json, not {chosen}.")
    return chosen


def print_plan(plan: Plan, *, full: bool = False, view: "View | None" = None) -> None:
    """A plan on stdout in the chosen format; ``full``: nothing is cut; ``view`` is what a page is made with."""
    chosen = options()
    now, zone, sandboxes = time.time(), local_zone(), view.sandboxes if view is not None else frozenset()
    match chosen.format:
        case "json":
            from reconcile.report.to_json import plan_json

            # On one line, as Terraform has it: some tools for its plans read no further.
            print_json(plan_json(plan), indent=False)
        case "markdown":
            from reconcile.report import to_markdown

            room = None if full else to_markdown.COMMENT
            click.echo(to_markdown.render(plan, now=now, zone=zone, room=room, sandboxes=sandboxes), nl=False)
        case "html":
            from reconcile.cli.page import View

            click.echo((view or View()).html(plan), nl=False)
        case _:
            from reconcile.report import to_terminal

            columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
            text = to_terminal.render(
                plan,
                color=chosen.color,
                now=now,
                zone=zone,
                verbose=bool(chosen.verbose),
                full=full,
                columns=columns,
                sandboxes=sandboxes,
            )
            click.echo(text, nl=False, color=chosen.color)


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(content)


def rewrite(path: Path, content: bytes) -> None:
    """Replace what is in a file that is there: whatever happens, it holds the one or the other, whole."""
    path = path.resolve()
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("xb") as file:
            os.fchmod(file.fileno(), path.stat().st_mode & 0o7777)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
