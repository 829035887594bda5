"""One account, one run: the same commands that people run, with what the fleet says of the account.

A run takes the lock of the account's state itself, keeps to its policy and its approvals, and ends with the documented
exit codes. Whoever calls it, once or many times, can't make it send twice.
"""

import json
import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from reconcile.cli.capture import captured
from reconcile.cli.main import run
from reconcile.cli.options import Options, new_options
from reconcile.cli.outlet import fit
from reconcile.cli.settings import Settings, load_settings
from reconcile.errors import Interrupted, InvalidInput, LockHeld, ReconcileError, Refused
from reconcile.fleet.approval import Approval, NotApproved, check
from reconcile.fleet.limits import Heard, Limits
from reconcile.fleet.results import Results, read_record
from reconcile.fleet.settings import Account, Approver
from reconcile.fleet.standing import Edit, Going, Mode, Outcome, Standing, Waiting
from reconcile.fleet.words import for_account
from reconcile.model.instant import as_seconds
from reconcile.model.kind import Action
from reconcile.planner.plan import Plan, Right
from reconcile.report.diagnostics import render
from reconcile.state.allowed import ALLOW_STATE
from reconcile.state.open import open_store

# What every run finds in its environment beside what its account names: no credential of another account.
_COMMON = (
    *("HOME", "PATH", "TZ", "LANG", "LC_ALL", "TMPDIR"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "RECONCILE_ALLOW_ENV", "RECONCILE_ALLOW_HOSTS"),
)
_LONGEST = 4_000  # characters kept of what a command said
BUSY = LockHeld.exit_code


@dataclass(frozen=True)
class Runner:
    """Runs commands for accounts; safe to use from several threads, each under ``streams.apart``.

    ``calling`` hears of each call to a platform before it is made.
    """

    results: Results
    approvers: Mapping[str, Approver]
    limits: Limits
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    clock: Callable[[], float] = time.time
    calling: Callable[[], None] = lambda: None

    def reconcile(
        self,
        account: Account,
        mode: Mode,
        stop: threading.Event | None = None,
        approval: Approval | None = None,
    ) -> Standing:
        """Look at an account, plan it, or apply the plan that waits; gives how it stands then, which is kept.

        ``approval`` is what ``Mode.APPLY`` goes by; without one, those that are kept with the results are tried.
        """
        began = self.clock()
        before = Standing(account.name, account.environment)
        try:
            before = self.results.standing(account.name, account.environment)
            outcome = self._outcome(account, mode, stop or threading.Event(), approval, before, began)
        except NotApproved as error:
            # Whoever gives an approval that is none changes nothing, not even how the account stands.
            return before.after(self._ended(account, mode, error.exit_code, began, _told(error)))
        except Exception as error:  # whatever is wrong with one account, the others are done
            outcome = self._failed(account, mode, began, error)
        if outcome.code == Interrupted.exit_code:
            return before.after(outcome)  # nothing was found out
        return self._kept(before, outcome)

    def lost(self, account: Account, mode: Mode, said: str) -> Standing:
        """How an account stands after a run that nobody heard the end of; ``said`` is why. It is kept."""
        now = self.clock()
        return self._kept(Standing(account.name, account.environment), self._ended(account, mode, 1, now, said))

    def _failed(self, account: Account, mode: Mode, began: float, error: Exception) -> Outcome:
        if isinstance(error, ReconcileError):
            return self._ended(account, mode, error.exit_code, began, _told(error))
        said = f"error[internal] {type(error).__name__}: {error}\n  This is a fault of reconcile, not of the account."
        return self._ended(account, mode, 1, began, said)

    def _kept(self, before: Standing, outcome: Outcome) -> Standing:
        """How an account stands after an outcome, kept; where it can't be kept, that is what is wrong with it."""
        try:
            after = self.results.standing(outcome.account, outcome.environment).after(outcome)
            self.results.put(after)
        except ReconcileError as error:
            said = f"{outcome.said}\n{_told(error)}".strip()
            return before.after(outcome).after(replace(outcome, code=error.exit_code, said=said))
        return after

    def _outcome(
        self,
        account: Account,
        mode: Mode,
        stop: threading.Event,
        approval: Approval | None,
        before: Standing,
        began: float,
    ) -> Outcome:
        settings = self._settings(account)
        match mode:
            case Mode.DRIFT:
                return self._drift(account, settings, stop, began)
            case Mode.PLAN:
                return self._plan(account, settings, stop, before, began)
            case Mode.APPLY:
                return self._apply(account, settings, stop, approval, before, began)

    def _settings(self, account: Account) -> Settings:
        """What an account's project says.

        Raises:
            InvalidInput: with every finding. Refused: its state file is outside of it, as another account's is.
        """
        settings = load_settings(
            account.project,
            environment=account.environment,
            variables=dict(account.variables),
            environ=self._environ(account),
        )
        state = settings.state
        if isinstance(state, Path) and not state.resolve().is_relative_to(account.project.resolve()):
            raise Refused(
                f"The state of {account.key} is outside of its project: {state}.",
                hint="In a fleet a state file is in its own project; others belong in a bucket or a database.",
            )
        return settings

    def _drift(self, account: Account, settings: Settings, stop: threading.Event, began: float) -> Outcome:
        code, out, said = self._command(account, settings, stop, "drift", "--format", "json")
        edits = tuple(_edits(out)) if code in (0, 2) else None
        sends = tuple(self._coming(settings)) if code in (0, 2) else None
        return self._ended(account, Mode.DRIFT, code, began, said, edits=edits, sends=sends)

    def _plan(
        self, account: Account, settings: Settings, stop: threading.Event, before: Standing, began: float
    ) -> Outcome:
        with tempfile.TemporaryDirectory(prefix="reconcile-") as folder:
            path = Path(folder) / "record.plan"
            code, _, said = self._command(account, settings, stop, "plan", "--detailed-exitcode", "-o", str(path))
            if code not in (0, 2):
                return self._ended(account, Mode.PLAN, code, began, said)
            record = path.read_bytes()
        plan, digest = _read(record)
        waiting = None
        if plan.has_changes:
            waiting = self._still_waiting(before, plan)
            if waiting is None:
                self.results.keep_record(digest, record)
                waiting = _waiting(plan, digest)
        sends = (*self._coming(settings, plan), *_once_approved(plan))
        return self._ended(account, Mode.PLAN, code, began, said, planned=True, waiting=waiting, sends=sends)

    def _still_waiting(self, before: Standing, plan: Plan) -> Waiting | None:
        """What waits already, where it would do the same: whoever has looked at it did not in vain."""
        kept = before.waiting
        if kept is None:
            return None
        try:
            _, former = read_record(self.results, kept.digest)
        except ReconcileError:
            return None
        told = _waiting(former, kept.digest)
        longest = plan.expires - plan.created  # by the policy of now, whatever a record says of itself
        fresh = plan.created + longest / 2 <= told.until <= plan.created + longest
        same = fresh and former.lineage == plan.lineage and _changes(former) == _changes(plan)
        return told if same else None

    def _apply(
        self,
        account: Account,
        settings: Settings,
        stop: threading.Event,
        approval: Approval | None,
        before: Standing,
        began: float,
    ) -> Outcome:
        if before.waiting is None:
            raise NotApproved(
                "Nothing waits for approval.", hint=f"Plan first: reconcile fleet run plan --account {account.key}"
            )
        digest = before.waiting.digest
        approval = self._approved(account, digest, approval)
        record, _ = read_record(self.results, digest)
        with tempfile.TemporaryDirectory(prefix="reconcile-") as folder:
            path = Path(folder) / "record.plan"
            path.write_bytes(record)
            sends = "--allow-send" if approval.sends else "--without-sends"
            code, _, said = self._command(account, settings, stop, "apply", str(path), "--approved", digest, sends)
        if code == 0:
            self.results.drop_approvals(digest)  # it has served
        coming = tuple(self._coming(settings)) if code in (0, 6) else None
        return self._ended(account, Mode.APPLY, code, began, said, sends=coming)

    def _approved(self, account: Account, digest: str, given: Approval | None) -> Approval:
        """The approval that counts: the first that is good.

        Raises:
            NotApproved: there is none, and why the last one is not good.
        """
        refusal: NotApproved | None = None
        for each in [given] if given is not None else self.results.approvals(digest):
            try:
                check(each, self.approvers, account, digest, self.clock())
            except NotApproved as error:
                refusal = error
            else:
                return each
        raise refusal or NotApproved(
            "Nobody has approved of the plan that waits.",
            hint=f"Approve: reconcile fleet approve {account.key} --key FILE",
        )

    def execute(self, account: Account, arguments: Sequence[str], given: Options) -> int:
        """Run any command for an account, as people do by hand; gives its exit code.

        ``given`` says whether anybody may be asked, and how much is to be told.

        Raises:
            InvalidInput: its project is not sound, or a credential is missing. Refused: see ``_settings``.
        """
        self._settings(account)
        options = self._options(account, given.stop)
        options.quiet, options.input, options.color = given.quiet, given.input, given.color
        options.verbose, options.format = given.verbose, given.format
        given.secrets += options.secrets
        return run([*arguments], options)

    def _command(
        self, account: Account, settings: Settings, stop: threading.Event, *arguments: str
    ) -> tuple[int, str, str]:
        """Run a command for an account; its exit code, what it printed, and what it said."""
        options = self._options(account, stop)
        options.settings = settings
        with captured() as (out, err):
            code = run([*arguments], options)
        return code, fit(out.getvalue(), options), _errors(fit(err.getvalue(), options))

    def _options(self, account: Account, stop: threading.Event) -> Options:
        options = new_options(self._environ(account))
        options.directory = account.project
        options.environment = account.environment
        options.variables = dict(account.variables)
        options.quiet, options.input, options.color = True, False, False
        options.stop = stop
        options.limits = lambda settings: Heard(self.calling, self.limits.of(account.name, settings.alias))
        return options

    def _environ(self, account: Account) -> dict[str, str]:
        """What a run finds in its environment: what its account names, and nothing of another account."""
        found = {name: self.environ[name] for name in _COMMON if name in self.environ}
        # Databases and buckets take credentials from the environment of the whole process, so that whoever changes a
        # project could have them sent anywhere: unless somebody says where states may be, they are files.
        found[ALLOW_STATE] = self.environ.get(ALLOW_STATE, "file:")
        for variable, source in account.environ.items():
            found[variable] = self._value(account, variable, source)
        return found

    def _value(self, account: Account, variable: str, source: str) -> str:
        if source.startswith("file:"):
            path = Path(source.removeprefix("file:"))
            try:
                return path.read_text().rstrip("\n")
            except (OSError, ValueError) as error:
                said = error.strerror if isinstance(error, OSError) else "it is no text"
                raise InvalidInput(
                    f"{variable} of {account.key} is to come from {path}, which can't be read: {said}."
                ) from None
        if source not in self.environ:
            raise InvalidInput(
                f"{variable} of {account.key} is to come from {source}, which is not set here.",
                hint=f"Set {source} where the fleet's runs are made, or correct `environ` in fleet.yaml.",
            )
        return self.environ[source]

    def _ended(self, account: Account, mode: Mode, code: int, began: float, said: str, **seen: Any) -> Outcome:
        told = for_account(said, account.key)
        return Outcome(account.name, account.environment, mode.value, code, began, self.clock(), told, **seen)

    def _coming(self, settings: Settings, plan: Plan | None = None) -> Iterator[Going]:
        """The mails that are on record to go out, but for those that a plan is about to change."""
        changed = {step.address for step in plan.changes if step.send is not None} if plan is not None else set()
        state = open_store(settings.state, environ=settings.environ).read()
        registry = settings.registry()
        for address, kept in sorted(state.resources.items()) if state is not None else ():
            instant = None if kept.external or address in changed else registry.kind(address).due(kept.attributes)
            if instant is not None and (at := as_seconds(instant)) >= self.clock():
                subject = kept.attributes.get("subject")
                to = tuple(str(each) for each in kept.dependencies if "template" not in each.kind)
                yield Going(str(address), at, subject if isinstance(subject, str) else "", to)


def _told(error: ReconcileError) -> str:
    return render(error.diagnostics, color=False).strip()


def _errors(said: str) -> str:
    """What a command said from its first error on; warnings come before, and are told where people look."""
    at = said.find("error[")
    return said[max(at, 0) :].strip()[:_LONGEST]


def _read(record: bytes) -> tuple[Plan, str]:
    from reconcile.planner.planfile import loads, plan_digest

    plan = loads(record, "the record")
    return plan, plan_digest(plan)


def _changes(plan: Plan) -> dict[str, str]:
    return {str(step.address): step.digest for step in plan.changes}


def _waiting(plan: Plan, digest: str) -> Waiting:
    actions = Counter(step.action.value for step in plan.changes if step.action is not Action.NO_OP)
    sends = sum(any(need.right is Right.SEND for need in step.requires) for step in plan.changes)
    refusals = len(plan.blocked) + sum(step.blocked is not None for step in plan.changes)
    return Waiting(digest, plan.created, plan.expires, dict(sorted(actions.items())), sends, refusals)


def _once_approved(plan: Plan) -> Iterator[Going]:
    for step in plan.changes:
        send = step.send
        if send is not None and send.after is not None and not step.blocked:
            to = (*map(str, send.to), *send.others)
            yield Going(str(step.address), send.after, send.subject or "", to, send.people, approved=False)


def _edits(out: str) -> Iterable[Edit]:
    for entry in json.loads(out)["entries"]:
        names = tuple(attribute["name"] for attribute in entry["attributes"])
        yield Edit(entry["address"], entry["verdict"], names)
