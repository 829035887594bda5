"""``doctor``: whether a live account is as we assume, and the first help when nothing works."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconcile.cli.options import global_options, options
from reconcile.cli.output import print_json, progress, text_or_json
from reconcile.cli.workspace import Project, project
from reconcile.errors import (
    ApiError,
    Diagnostic,
    InvalidInput,
    ReconcileError,
    Severity,
    StateError,
    Unauthorised,
    Usage,
    first_exit_code,
)
from reconcile.model.account import Account
from reconcile.model.registry import nearest
from reconcile.model.settings import ProviderSettings

if TYPE_CHECKING:
    from reconcile.doctor.examination import Check, Examination


@click.command(epilog="Example: reconcile doctor --env staging")
@click.argument("provider", required=False)
@click.option(
    "--record", type=click.Path(dir_okay=False, path_type=Path), help="Record the calls without what they say (HAR)."
)
@click.option(
    "--scratch", is_flag=True, help="Ask by drafts of our own, too, which are deleted at the end; asks first."
)
@click.option("--clean", is_flag=True, help="Only delete what a --scratch that was cut short has left; asks first.")
@click.option("--auto-approve", is_flag=True, help="Don't ask before --scratch or --clean writes.")
@global_options
def doctor(provider: str | None, record: Path | None, scratch: bool, clean: bool, auto_approve: bool) -> int:
    """Ask the accounts whether they are as we assume; PROVIDER is an alias, all of them where it is absent.

    Only reads, unless --scratch is given: credentials, files, clock and state backend, then each list at page sizes of
    one and two, and what is uncertain on finished campaigns alone. It never fetches the data feed. Rows for the
    contract are printed to be pasted, and calibration/ENV-ALIAS.json is written, which is meant to be committed:
    `reconcile sandbox --calibration FILE` then behaves as that account.

    --scratch asks what only writes tell. It shows its calls and asks, makes a few lists, groups and drafts named
    reconcile-..., not published and aimed at nobody, and deletes those that still read as ours and unsent; what stays
    is said. Every object is on record before it is made, so that --clean finds what a run left that was cut short.

    Exit codes: 0 all holds, 2 something differs, 7 the credentials are refused, 1 another error.
    """
    text_or_json()
    here = project(partly=True)
    aliases = _chosen(here, provider)
    if record is not None and len(aliases) != 1:
        raise Usage("--record is for one account: name its alias.")
    if (scratch or clean) and len(aliases) != 1:
        raise Usage("--scratch and --clean are for one account: name its alias.")
    if scratch and clean:
        raise Usage("Give either --scratch, which cleans up after itself, or --clean.")
    if (scratch or clean or record is not None) and aliases[0] not in here.settings.providers:
        raise here.apart[aliases[0]]
    if clean:
        from reconcile.cli.scratch import clean_up

        return clean_up(here, aliases[0], auto_approve=auto_approve)
    how = _How(record, auto_approve if scratch else None)
    results = {alias: _examined(here, alias, how) for alias in aliases}
    if options().format == "json":
        print_json({alias: _as_json(here, alias, found) for alias, found in results.items()})
    causes = [found.cause for found in results.values() if found.cause is not None]
    if causes:
        return first_exit_code(cause.exit_code for cause in causes)
    return 2 if any(found.differs for found in results.values()) else 0


_NOT_UNDERSTOOD = "unexpected-answer"
_PASTE = "The credentials are taken. Put the rows that are printed at the end into reconcile.yaml, and ask again."


@dataclass(frozen=True, slots=True)
class _How:
    """How an account is asked; ``scratch``: by drafts of our own, too, and whether nobody is asked before."""

    record: Path | None = None
    scratch: bool | None = None


def _chosen(here: Project, provider: str | None) -> list[str]:
    aliases = list(dict.fromkeys([*here.settings.providers, *here.apart]))
    if provider is None:
        return aliases
    if provider not in aliases:
        near = nearest(provider, aliases)
        hint = f'Did you mean "{near}"?' if near else f"There are: {', '.join(aliases)}."
        raise Usage(f'There is no provider "{provider}" in reconcile.yaml.', hint=hint)
    return [provider]


def _examined(here: Project, alias: str, how: _How) -> "Examination":
    """Examine one account, print what was found unless that is to be JSON, and keep it."""
    from reconcile.doctor.examination import Examination

    settings = here.settings.providers.get(alias)
    found = Examination(checks=list(_local(here, alias, settings)))
    if settings is not None and _can_ask(here, found, how):
        progress(f"{alias}: asking {settings.url} ...")
        _ask(here, alias, found, how)
    if options().format != "json":
        _print(here, alias, found)
    return found


def _can_ask(here: Project, found: "Examination", how: _How) -> bool:
    """Whether the platform can be asked: it tells without a state, too, and only drafts of our own need all of it."""
    from reconcile.doctor.examination import attempt

    if found.cause is None:
        return True
    if how.scratch is not None or any(check.id == "credentials" and not check.fine for check in found.checks):
        return False
    return attempt("state", lambda: str(here.store())).fine


def _ask(here: Project, alias: str, found: "Examination", how: _How) -> None:
    """Sign in, ask, judge, and keep what was seen."""
    from reconcile.doctor.examination import Check, clock, questions
    from reconcile.doctor.recording import Recording
    from reconcile.model.assumption import READS, SCRATCH

    settings = here.settings.providers[alias]
    questionnaire = here.registry.providers[alias].provider.assumptions
    account = None
    with here.workspace() as workspace, ExitStack() as after:
        client: Any = workspace.clients[alias]
        if how.record is not None and questionnaire is not None:
            recording = Recording(questionnaire.words)
            client.record(recording.note)
            after.callback(recording.write, how.record)
        try:
            account = client.account()
            found.checks.append(Check("sign-in", True, f"the credentials open the account {account.id}"))
        except ReconcileError as error:
            found.checks.append(_failed("sign-in", error))
            if error.exit_code == Unauthorised.exit_code:
                return
            if error.code == _NOT_UNDERSTOOD:
                found.checks[-1] = Check("first answer", False, found.checks[-1].seen, _PASTE)
        if questionnaire is None:
            return
        around, level = None, READS
        if how.scratch is not None and account is not None:
            from reconcile.cli.scratch import trying

            level = SCRATCH
            around = trying(here, workspace, alias, account, found.checks, auto_approve=how.scratch)
        try:
            current = questionnaire.current(settings.extra)
            answers, found.findings = questions(questionnaire, client, level, current, around)
        except ReconcileError as error:
            if not isinstance(error, ApiError):
                raise  # a refusal, an interruption, another account: that is the end of it
            found.checks.append(_failed("questions", error))
            return
    if (judged := clock(answers)) is not None:
        found.checks.append(judged)
    if account is not None:
        _keep(here, alias, account, found, level)


def _failed(name: str, error: ReconcileError) -> "Check":
    from reconcile.doctor.examination import Check

    (told, *_) = error.diagnostics
    return Check(name, False, told.detail, told.hint or "", error)


def _keep(here: Project, alias: str, account: Account, found: "Examination", level: int) -> None:
    """Write the calibration, if anything was seen at all."""
    from reconcile.doctor.calibration import calibration, place, read, write

    if all(finding.seen is None for finding in found.findings):
        return
    settings = here.settings.providers[alias]
    file = place(here.settings.root, here.settings.name, alias)
    contract = settings.extra.get("contract") or {}
    date = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    try:
        former = read(file)
    except ReconcileError:
        former = None  # it is made anew
    write(file, calibration(settings.type, account, date, contract, level, found.findings, former))
    progress(f"{alias}: what was seen is in {_shown(file)}, which is meant to be committed.")


def _print(here: Project, alias: str, found: "Examination") -> None:
    from reconcile.doctor.examination import rows_to_paste
    from reconcile.report.doctor import render

    settings = here.settings.providers.get(alias)
    questionnaire = here.registry.providers[alias].provider.assumptions if settings is not None else None
    text = render(
        alias,
        [(check.id, check.fine, check.seen, check.remedy) for check in found.checks],
        found.findings,
        questionnaire.current(settings.extra) if settings is not None and questionnaire is not None else {},
        list(rows_to_paste(found.findings)),
        verbose=options().verbose > 0,
    )
    click.echo(text, nl=False)


def _shown(file: Path) -> str:
    try:
        return str(file.relative_to(Path.cwd()))
    except ValueError:
        return str(file)


def _local(here: Project, alias: str, settings: ProviderSettings | None) -> "Iterator[Check]":
    """What can be told without asking anybody but the state's server; an account without settings has faulty ones."""
    from reconcile.doctor.examination import Check, attempt, private

    if alias in here.apart:
        yield from _faults(here.apart[alias])
    if settings is not None:
        yield Check("account", True, f"{settings.type} at {settings.url}")
    if settings is not None and not settings.is_sandbox:
        yield attempt("credentials", lambda: _credentials(settings), "Set the variables that reconcile.yaml names.")
    yield private(here.settings.root / ".reconcile" / "key")
    yield attempt("folder", lambda: _writable(here.settings.folder))
    yield attempt("state", lambda: _state(here))


def _faults(error: ReconcileError) -> "Iterator[Check]":
    from reconcile.doctor.examination import Check

    for found in error.diagnostics:
        where = f"{found.location}: " if found.location is not None else ""
        yield Check("settings", False, f"{where}{found.detail}", found.hint or "", error)


def _credentials(settings: ProviderSettings) -> str:
    names: list[str] = []
    lacking: list[Diagnostic] = []
    for name, secret in settings.credentials.items():
        try:
            secret.reveal()
            names.append(name)
        except InvalidInput as error:
            lacking += error.diagnostics
    if lacking:
        raise InvalidInput.of(lacking)
    return f"{', '.join(sorted(names))} {'is' if len(names) == 1 else 'are'} set"


def _writable(folder: Path) -> str:
    there = folder
    while not there.exists():
        there = there.parent
    if not os.access(there, os.W_OK):
        raise StateError(f"{there} can't be written.", hint="Give yourself the right to write there.")
    return f"{_shown(folder)} can be written"


def _state(here: Project) -> str:
    began = time.monotonic()
    state = here.store().read()
    took = time.monotonic() - began
    what = "none yet" if state is None else f"serial {state.serial}, {len(state.resources)} objects"
    return f"{what} ({took:.1f} s)"


def _as_json(here: Project, alias: str, found: "Examination") -> object:
    from reconcile.doctor.examination import rows_to_paste
    from reconcile.report.doctor import to_json

    checks = [(check.id, check.fine, check.seen, check.remedy) for check in found.checks]
    settings = here.settings.providers.get(alias)
    return to_json(
        settings.type if settings is not None else None, checks, found.findings, rows_to_paste(found.findings)
    )


def never_asked(here: Project) -> Iterator[Diagnostic]:
    """A warning for each real account whose assumptions nobody has asked it about, or not as it is used now."""
    from reconcile.doctor.calibration import outdated, place, read

    for alias, settings in here.settings.providers.items():
        if settings.is_sandbox:
            continue
        file = place(here.settings.root, here.settings.name, alias)
        try:
            why = outdated(read(file), _host(settings.url), settings.extra.get("contract") or {})
        except ReconcileError as error:
            why = str(error)
        if why is not None:
            yield Diagnostic(
                "account-not-asked",
                "an account that was not asked",
                f"What we assume of {alias} is not known to be so: {why}.",
                hint=f"reconcile doctor {alias}",
                severity=Severity.WARNING,
            )


def _host(url: str) -> str:
    from urllib.parse import urlsplit

    return urlsplit(url).hostname or ""
