"""``fleet worker``, ``run``, ``schedule``, ``approve``, ``status``, ``report`` and ``key``."""

import asyncio
import importlib.util
import os
import re
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconcile.cli.options import global_options, options
from reconcile.cli.output import local_zone, print_json, progress, show_diagnostics, text_or_json, write_private
from reconcile.cli.policies import parse_duration
from reconcile.errors import InvalidInput, Refused, Usage, first_exit_code
from reconcile.fleet.results import read_record
from reconcile.fleet.settings import FLEET_FILE, Account, Fleet, load_fleet
from reconcile.fleet.standing import Mode, Standing, Verdict, counts
from reconcile.fleet.standing import as_json as standing_json
from reconcile.manifests.project import DURATION_PATTERN

if TYPE_CHECKING:
    from reconcile.planner.plan import Plan


@click.group(epilog="Example: reconcile -C fleet fleet run drift")
@global_options
def fleet() -> None:
    """Many accounts: look at them, plan them, apply what was approved; here, or on Temporal's workers."""


@fleet.command(epilog="Example: reconcile fleet run drift --account 'acme*'")
@click.argument("mode", type=click.Choice([mode.value for mode in Mode]), default=Mode.DRIFT.value)
@click.option("--account", "wanted", multiple=True, metavar="NAME", help="Only these; * stands for any letters.")
@click.option("--here", is_flag=True, help="Do the work in this command, whatever fleet.yaml says of Temporal.")
@click.option("--processes", type=click.IntRange(1, 64), help="Processes of this command [default: one a core].")
@global_options
def run(mode: str, wanted: tuple[str, ...], here: bool, processes: int | None) -> int:
    """Run accounts: drift looks, plan makes plans that wait for approval, apply does what was approved.

    Exit codes: 0, or 2 where something drifted or waits, 6 where some accounts failed, the gravest of theirs where all
    did.
    """
    from reconcile.fleet.here import Job, run_here

    as_json = text_or_json() == "json"
    known, path = _fleet()
    chosen, work = _chosen(_accounts(known), wanted), Mode(mode)
    tell = _teller(len(chosen))
    ended: list[Standing] = []

    def done(standing: Standing) -> None:
        ended.append(standing)
        tell(standing)

    if known.spec.temporal is not None and not here and work is not Mode.APPLY:
        _need_temporal()
        from reconcile.fleet.results import results_of
        from reconcile.fleet.temporal import request

        asyncio.run(request(known, [each.key for each in chosen], work, results_of(known), done, progress))
    else:
        if work is Mode.APPLY and not wanted:
            chosen = _waiting(known, chosen)
        parallelism = options().parallelism or known.spec.parallelism
        run_here(
            known, path, [Job(each, work) for each in chosen], parallelism=parallelism, processes=processes, done=done
        )
    if as_json:
        print_json([standing_json(each) for each in sorted(ended, key=lambda each: each.key)])
    else:
        _summarise(ended)
    unasked = _left_waiting(known, ended) if work is Mode.APPLY and not wanted else 0
    if unasked:
        progress(f"{unasked:,} more wait, and nobody has approved of them: reconcile fleet status names them")
    return _code(ended) or (2 if unasked else 0)


@fleet.command(epilog="Example: reconcile fleet worker --parallelism 64")
@global_options
def worker() -> None:
    """Run accounts for Temporal until SIGTERM: what is under way ends then, and its states are saved."""
    _need_temporal()
    from reconcile.fleet.temporal import work

    known, path = _fleet()
    parallelism = options().parallelism or known.spec.parallelism
    _accounts(known)  # what is wrong with the file is told now, not account by account
    quiet = options().quiet
    asyncio.run(work(known, path, parallelism, lambda text: None if quiet else click.echo(text, err=True)))


@fleet.command(epilog="Example: reconcile fleet schedule")
@click.option("--remove", is_flag=True, help="Take the schedules away.")
@global_options
def schedule(remove: bool) -> None:
    """Have Temporal look at every account, as often as fleet.yaml's `drift` says, spread over that time."""
    _need_temporal()
    from reconcile.fleet import temporal

    known, _ = _fleet()
    if remove:
        click.echo(f"{asyncio.run(temporal.unschedule(known))} schedules taken away.")
    else:
        _accounts(known)
        asyncio.run(temporal.schedule(known, click.echo))


@fleet.command(epilog="Example: reconcile fleet approve acme --key ann.pem --digest 3fe0... --until 24h")
@click.argument("account", metavar="ACCOUNT")
@click.option("--key", "key_file", type=click.Path(path_type=Path), help="Your private key; needed to approve.")
@click.option("--as", "approver", metavar="NAME", help="Your name in fleet.yaml [default: the one with this key].")
@click.option("--digest", metavar="DIGEST", help="The record that you looked at; needed without a terminal.")
@click.option(
    "--until", default="24h", show_default=True, metavar="DURATION", help="How long the approval is good for."
)
@click.option("--allow-send", is_flag=True, help="Approve of its sends, too.")
@click.option("--withdraw", is_flag=True, help="Take back what was approved, or what --as NAME did, and not yet done.")
@global_options
def approve(
    account: str,
    key_file: Path | None,
    approver: str | None,
    digest: str | None,
    until: str,
    allow_send: bool,
    withdraw: bool,
) -> None:
    """Approve of the plan that waits for an account: sign its digest, and give that to whoever carries it out."""
    from reconcile.fleet.approval import PASSWORD, Approval, check, read_key, sign
    from reconcile.fleet.results import results_of

    known, _ = _fleet()
    if withdraw:
        _withdraw(known, known.account(account), approver)
        return
    if key_file is None:
        raise Usage(
            "Whoever approves signs: --key FILE names the private key.", hint="reconcile fleet key FILE makes one."
        )
    chosen = known.account(account)
    results = results_of(known)
    waiting = results.standing(chosen.name, chosen.environment).waiting
    if waiting is None:
        raise InvalidInput(
            f"No plan of {chosen.key} waits.", hint=f"Plan first: reconcile fleet run plan --account {chosen.key}"
        )
    _, plan = read_record(results, waiting.digest)
    if digest is None:
        _ask(chosen, plan, waiting.digest)
        digest = waiting.digest
    key = read_key(key_file, known.environ.get(PASSWORD))
    name = approver or _name_of(known, key)
    end = int(min(time.time() + _seconds(until), waiting.until))
    approval = sign(Approval(name, chosen.name, chosen.environment, digest.lower(), end, allow_send), key)
    check(approval, known.approvers, chosen, waiting.digest, time.time())
    results.approve(approval)
    told = "Approved"
    if known.spec.temporal is not None:
        _need_temporal()
        from reconcile.fleet.temporal import send_approval

        told += ", and told" if asyncio.run(send_approval(known, approval)) else ""
    sends = " with its sends" if allow_send else ", without its sends" if waiting.sends else ""
    over = datetime.fromtimestamp(end, local_zone())
    click.echo(f"{told}: {chosen.key}, {digest[:12]}{sends}, until {over:%Y-%m-%d %H:%M %Z}.")
    if told == "Approved":
        progress(f"Carry it out: reconcile fleet run apply --account {chosen.key}")


@fleet.command(epilog="Example: reconcile fleet status --format json")
@click.option("--account", "wanted", multiple=True, metavar="NAME", help="Only these; * stands for any letters.")
@global_options
def status(wanted: tuple[str, ...]) -> int:
    """How the accounts stand, the gravest first. Exit 2 where something drifted or waits, 6 where something fails."""
    as_json = text_or_json() == "json"
    known, _ = _fleet()
    standings = standings_of(known, _chosen(_accounts(known), wanted))
    if as_json:
        print_json([standing_json(each) for each in standings])
    else:
        for each in standings:
            if each.verdict is not Verdict.IN_SYNC or wanted:
                click.echo(_line(each))
        _summarise(standings)
    return _code(standings)


@fleet.command(epilog="Example: reconcile fleet report -o report")
@click.option(
    "-o", "--out", required=True, type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Where."
)
@global_options
def report(out: Path) -> None:
    """Write a page over all accounts, the same as JSON, and a review page for each plan that waits."""
    from reconcile.fleet.report import write
    from reconcile.fleet.results import results_of

    known, _ = _fleet()
    standings = standings_of(known, _accounts(known))
    try:
        write(out, standings, results_of(known), now=time.time(), zone=local_zone())
    except OSError as error:
        raise InvalidInput(f"The report can't be written to {out}: {error.strerror}.") from None
    progress(f"The report is {out / 'index.html'}")


@fleet.command(
    "exec",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog="Example: reconcile fleet exec acme state list",
)
@click.argument("account", metavar="ACCOUNT")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="COMMAND...")
@global_options
def exec_(account: str, command: tuple[str, ...]) -> int:
    """Run any command for one account, by hand: in its project, with its environment, variables and credentials."""
    from reconcile.fleet.here import runner_of

    known, _ = _fleet()
    if command[0] == "fleet":
        raise Usage("fleet exec runs the commands of one project, and fleet is none of them.")
    return runner_of(known).execute(known.account(account), command, options())


@fleet.command("key", epilog="Example: reconcile fleet key ann.pem")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@global_options
def key_(file: Path) -> None:
    """Make a key to approve with: the private half into FILE, the public one on stdout for fleet.yaml.

    RECONCILE_APPROVER_PASSWORD encrypts the file.
    """
    from reconcile.fleet.approval import PASSWORD, new_key, private_bytes, public_text

    if file.exists():
        raise InvalidInput(f"{file} is there already, and a key is never overwritten.", hint="Name another file.")
    made = new_key()
    try:
        write_private(file, private_bytes(made, os.environ.get(PASSWORD)))
    except OSError as error:
        raise InvalidInput(f"{file} can't be written: {error.strerror}.") from None
    click.echo(public_text(made))


def standings_of(known: Fleet, accounts: Sequence[Account]) -> list[Standing]:
    """How the accounts stand, the gravest first; those never run among them, those no longer in the fleet not."""
    from reconcile.fleet.results import results_of

    kept = {standing.key: standing for standing in results_of(known).standings()}
    found = [kept.get(each.key, Standing(each.name, each.environment)) for each in accounts]
    order = list(Verdict)
    return sorted(found, key=lambda each: (order.index(each.verdict), each.key))


def _withdraw(known: Fleet, account: Account, approver: str | None) -> None:
    """Take back approvals that nobody has acted upon yet."""
    from reconcile.fleet.results import results_of

    results = results_of(known)
    waiting = results.standing(account.name, account.environment).waiting
    count = results.drop_approvals(waiting.digest, approver) if waiting is not None else 0
    begun = False
    if known.spec.temporal is not None:
        _need_temporal()
        from reconcile.fleet.temporal import withdraw_approval

        begun = asyncio.run(withdraw_approval(known, account.key, approver))
    if begun:
        raise Refused(
            f"What was approved of {account.key} is being carried out.",
            hint="reconcile fleet status tells how it ends.",
        )
    if not count:
        whose = f" by {approver}" if approver else ""
        raise InvalidInput(
            f"Nothing that was approved of {account.key}{whose} is left to be done.",
            hint="reconcile fleet status tells what was done, and what waits.",
        )
    click.echo(f"Withdrawn: {count} {'approval' if count == 1 else 'approvals'} of {account.key}.")


def _fleet() -> tuple[Fleet, Path]:
    chosen = options()
    if chosen.variables or chosen.environment != chosen.environ.get("RECONCILE_ENV"):
        raise Usage(
            "An account's environment and variables stand in fleet.yaml, so fleet takes no --env and no --var.",
            hint="Name an account in one environment as NAME@ENVIRONMENT.",
        )
    path = chosen.directory / FLEET_FILE
    return load_fleet(path, options().environ), path


def _accounts(known: Fleet) -> list[Account]:
    """The accounts; patterns of the file that match none of them are told."""
    from reconcile.fleet.patterns import unmatched

    found = known.accounts()
    show_diagnostics(list(unmatched(known, found)))
    return found


def _chosen(accounts: Sequence[Account], wanted: Sequence[str]) -> list[Account]:
    """The accounts that patterns name.

    Raises:
        InvalidInput: one names none.
    """
    if not wanted:
        return list(accounts)
    for pattern in wanted:
        if not any(_matches(each, pattern) for each in accounts):
            raise InvalidInput(
                f'No account of the fleet is called "{pattern}".', hint="reconcile fleet status names them."
            )
    return [each for each in accounts if any(_matches(each, pattern) for pattern in wanted)]


def _matches(account: Account, pattern: str) -> bool:
    return fnmatchcase(account.name, pattern) or fnmatchcase(account.key, pattern)


def _waiting(known: Fleet, accounts: Sequence[Account]) -> list[Account]:
    """Those whose plan was approved by somebody; whether that is good is judged when it is carried out."""
    from reconcile.fleet.results import results_of

    results = results_of(known)
    waiting = {each.key: each.waiting.digest for each in results.standings() if each.waiting is not None}
    return [each for each in accounts if each.key in waiting and results.approvals(waiting[each.key])]


def _left_waiting(known: Fleet, ended: Sequence[Standing]) -> int:
    """How many plans wait of which nobody has approved."""
    keys = {each.key for each in ended}
    return sum(each.waiting is not None and each.key not in keys for each in standings_of(known, known.accounts()))


def _need_temporal() -> None:
    if importlib.util.find_spec("temporalio") is None:
        raise InvalidInput(
            "Temporal's workers need its package.",
            hint="Install it: python -m pip install 'temporalio>=1.20'; or, here: reconcile fleet run --here",
        )


def _ask(account: Account, plan: "Plan", digest: str) -> None:
    """Show what waits, and ask."""
    if not options().may_ask():
        raise Usage(
            "Nobody can be asked here, so say which plan you looked at: "
            f"reconcile fleet approve {account.key} --key FILE --digest {digest}"
        )
    from reconcile.cli.output import print_plan

    print_plan(plan)
    if not click.confirm(f"Approve of this for {account.key}?", err=True):
        raise click.Abort


def _name_of(known: Fleet, key: Any) -> str:
    from reconcile.fleet.approval import public_text

    public = public_text(key)
    names = [name for name, each in known.approvers.items() if each.key == public]
    if len(names) != 1:
        raise InvalidInput(
            f"{'No approver' if not names else 'More than one approver'} in {FLEET_FILE} has this key.",
            hint=f"Its public half is {public}; --as NAME says whose it is.",
        )
    return names[0]


def _seconds(text: str) -> float:
    if re.fullmatch(DURATION_PATTERN, text):
        return parse_duration(text)
    raise Usage(f'--until takes a duration such as 90m, 24h or 2d, not "{text}".')


def _teller(count: int) -> Callable[[Standing], None]:
    """Tells of accounts as they end: those that need somebody by name, of the others now and then how many."""
    quiet, seen, last = options().quiet, 0, time.monotonic()

    def tell(standing: Standing) -> None:
        nonlocal seen, last
        seen += 1
        if quiet:
            return
        if standing.verdict is not Verdict.IN_SYNC:
            click.echo(f"[{seen:,}/{count:,}] {_line(standing)}", err=True)
        elif time.monotonic() - last > 5 or seen == count:
            last = time.monotonic()
            click.echo(f"[{seen:,}/{count:,}]", err=True)

    return tell


def _line(standing: Standing) -> str:
    from reconcile.report.text import inert

    told = f"{standing.key}: {standing.verdict.value}"
    if standing.failure is not None:
        told += f" (exit {standing.failure.code}): {' '.join(standing.failure.said.split())[:200]}"
    if standing.edits:
        told += f"; {len(standing.edits)} edited outside: {', '.join(edit.address for edit in standing.edits[:3])}"
    if standing.waiting is not None:
        actions = ", ".join(f"{count} to {action}" for action, count in standing.waiting.actions.items())
        told += f"; waits: {actions}, digest {standing.waiting.digest}"
    return inert(told)


def _summarise(standings: Sequence[Standing]) -> None:
    parts = [f"{count:,} {verdict.value}" for verdict, count in counts(standings).items() if count]
    click.echo(f"Fleet: {', '.join(parts) or 'no account was run'}.")


def _code(standings: Sequence[Standing]) -> int:
    failures = [each.failure.code for each in standings if each.failure is not None]
    if failures:
        return 6 if len(failures) < len(standings) else first_exit_code(failures)
    return 2 if any(each.edits or each.waiting for each in standings) else 0
