"""``doctor --scratch`` and ``--clean``: shown, asked, under the lock, through the gate; see ``doctor.scratch``."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconcile.cli.options import options
from reconcile.cli.output import progress
from reconcile.cli.stopping import asking
from reconcile.cli.workspace import Project
from reconcile.errors import ApiError, Refused
from reconcile.model.account import Account
from reconcile.model.assumption import Answer
from reconcile.model.call import Call

if TYPE_CHECKING:
    from reconcile.doctor.examination import Check
    from reconcile.doctor.scratch import Bench, Journal
    from reconcile.engine.gate import Moment
    from reconcile.engine.workflow import Workspace
    from reconcile.model.scratch import Scratch
    from reconcile.state.store import LockedState


@contextmanager
def trying(
    here: Project, workspace: "Workspace", alias: str, account: Account, checks: "list[Check]", *, auto_approve: bool
) -> Iterator[dict[str, Answer]]:
    """Answers of writes to drafts of our own, which are deleted when whoever asks more is done.

    Raises:
        Refused: nobody agreed. Interrupted, LockHeld, WrongAccount, ApiError: it was not made in whole.
    """
    from reconcile.doctor.scratch import Journal, journals, shown
    from reconcile.engine.workflow import check_accounts

    scratch = _scratch(here, alias)
    calls = [_told(call) for call in shown(scratch, workspace.clients[alias])]
    _say(f"{alias}: --scratch makes these calls at the {account}, on objects of its own:")
    for call in calls:
        _say(f"  {call}")
    _say("  and deletes what it made: nothing of it is published, aimed at anybody, dated or sent.")
    if earlier := journals(_folder(here), alias):
        _say(f"  {len(earlier)} earlier ones were cut short: reconcile doctor {alias} --clean")
    _agree(f"Make these {len(calls)} calls, and the deletions?", auto_approve=auto_approve)
    with here.store().lock("doctor --scratch", options().lock_timeout) as locked:
        check_accounts(workspace, locked.state, [alias])
        journal = Journal.new(_folder(here), alias, account, workspace.clock())
        bench = _bench(here, workspace, alias, locked, journal)
        answers: dict[str, Answer] = {}
        try:
            failed = _tried(bench, answers)
            yield answers  # the rest is asked while our objects are there, which may say why it failed
        except BaseException:
            _say(f"What was made is on record; delete it with: reconcile doctor {alias} --clean")
            raise
        checks += _cleaned(bench, answers, alias, failed)


def _tried(bench: "Bench", answers: dict[str, Answer]) -> ApiError | None:
    """Make the writes; the error that ended it, if it is one of the platform's."""
    try:
        bench.try_out(answers)
    except ApiError as error:
        return error
    return None


def _cleaned(bench: "Bench", answers: dict[str, Answer], alias: str, failed: ApiError | None) -> "Iterator[Check]":
    """Delete what was made; what came of the writes, and of that."""
    from reconcile.doctor.examination import Check

    if failed is not None:
        (found, *_) = failed.diagnostics
        yield Check("scratch", False, f"it ended early: {found.detail}", found.hint or "")
    try:
        cleaned = bench.clean(answers)
    except ApiError as error:
        (found, *_) = error.diagnostics
        begin = bench.journal.begin
        remedy = f"Once that can be read: reconcile doctor {alias} --clean. What was made is named {begin}-..."
        yield Check("clean-up", False, f"nothing more was deleted: {found.detail}", remedy)
        return
    fine = not cleaned.stays and not cleaned.unsure
    remedy = f"Look for names that begin with {bench.journal.begin}, and: reconcile doctor {alias} --clean"
    yield Check("scratch" if failed is None else "clean-up", fine, cleaned.told, remedy)


def clean_up(here: Project, alias: str, *, auto_approve: bool) -> int:
    """Delete what scratches that were cut short have left; 2 where something stays.

    Raises:
        Refused: nobody agreed. WrongAccount: it is another account's. ApiError: it can't be read.
    """
    from reconcile.doctor.scratch import Journal, journals, refuse_others
    from reconcile.engine.workflow import check_accounts

    kept = journals(_folder(here), alias)
    if not kept:
        progress(f"{alias}: no --scratch was cut short, so nothing of ours is left.")
        return 0
    _say(f"{alias}: {len(kept)} were cut short. What has a name of theirs, and went nowhere, is deleted.")
    _agree("Delete it?", auto_approve=auto_approve)
    fine = True
    with here.store().lock("doctor --clean", options().lock_timeout) as locked, here.workspace() as workspace:
        account = workspace.clients[alias].account()
        check_accounts(workspace, locked.state, [alias])
        for path in kept:
            journal = Journal.read(path, account.type)
            if journal is None:
                path.unlink()
                continue
            refuse_others(journal, account)
            cleaned = _bench(here, workspace, alias, locked, journal).clean({})
            click.echo(f"{journal.begin}: {cleaned.told}")
            fine = fine and not cleaned.stays and not cleaned.unsure
    if not fine:
        _say("Delete what stays in the web interface, or run this again later.")
    return 0 if fine else 2


def _bench(here: Project, workspace: "Workspace", alias: str, locked: "LockedState", journal: "Journal") -> "Bench":
    from reconcile.doctor.scratch import Bench

    gate = workspace.gate(locked, here.stop)

    def attempt(call: Call, look: Callable[[], None]) -> Answer:
        def seen() -> "Moment":
            look()
            return gate.moment()

        return gate.look(alias, call, seen)

    patience = workspace.patience
    client: Any = workspace.clients[alias]
    return Bench(_scratch(here, alias), client, attempt, journal, tuple(patience.waits), patience.sleep)


def _scratch(here: Project, alias: str) -> "Scratch":
    questionnaire = here.registry.providers[alias].provider.assumptions
    if questionnaire is None or questionnaire.scratch is None:
        raise Refused(
            f"Nothing is known of {alias} that could be tried.", hint=f"Without writes: reconcile doctor {alias}"
        )
    return questionnaire.scratch


def _folder(here: Project) -> Path:
    return here.settings.folder / "scratch"


def _told(call: Call) -> str:
    """A call in one line."""
    parts = (f"{name}={_short(value)}" for name, value in call.arguments.items())
    return f"{call.operation} {' '.join(parts)}"


def _short(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:50]}... ({len(text)} characters)"


def _agree(question: str, *, auto_approve: bool) -> None:
    if auto_approve:
        return
    if not options().may_ask():
        raise Refused("Nobody can be asked, so nothing was written.", hint="Give --auto-approve.")
    with asking():
        agreed = click.confirm(question, err=True)
    if not agreed:
        raise Refused("You said no, so nothing was written.")


def _say(text: str) -> None:
    click.echo(text, err=True)
