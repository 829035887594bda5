"""``api``: one call of the platform's, by hand; and what it shares with ``event``."""

import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from reconcile.cli.options import global_options, options
from reconcile.cli.output import print_json, progress, text_or_json
from reconcile.cli.stopping import asking
from reconcile.cli.workspace import Project, project
from reconcile.errors import PlanStale, ReconcileError, Refused, UnknownOutcome, Usage
from reconcile.masks import LEAST, MASK, masked
from reconcile.model.call import Call, Operation, Retry
from reconcile.model.call_review import CallReview, Rules
from reconcile.model.kind import Circumstances
from reconcile.model.registry import nearest

if TYPE_CHECKING:
    from reconcile.engine.gate import Moment
    from reconcile.engine.workflow import Workspace
    from reconcile.state.store import LockedState

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
# Names of arguments that are the client's own business, in lower case and without underscores.
_CREDENTIALS = frozenset(
    {"apikey", "apiuser", "clientid", "clientsecret", "username", "password", "accesstoken", "authorization"}
)


@click.command(epilog="Example: reconcile api shop get-data entity=Mail 'filter=subject==\"Hello\"'")
@click.argument("provider")
@click.argument("operation")
@click.argument("arguments", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--auto-approve", is_flag=True, help="Don't ask before a write.")
@click.option("--allow-send", is_flag=True, help="Allow a call through which people get mail.")
@global_options
def api(provider: str, operation: str, arguments: tuple[str, ...], auto_approve: bool, allow_send: bool) -> None:
    """Make one API call by hand, any of the platform's functions; the answer is printed as JSON.

    PROVIDER is an alias of reconcile.yaml, OPERATION the function's name on the vendor's page. A VALUE is JSON where it
    parses as JSON (listIds=[4,6], published=true) and text otherwise; 'name="5"' is the text 5. Where operations have
    paths and bodies, NAME is a variable of the path, a member of the body, or contacts, an array
    (contacts=[{"id":7}]). The credentials are added, and never printed. Writes ask first. The rules on sends, on
    campaigns about to go out and on the account's pin hold here too; stopping a campaign is always allowed.
    """
    text_or_json()  # the other formats are for plans
    here = project()
    found = operation_of(here, provider, operation)
    call = Call(operation, parsed(arguments, found))
    try:
        answer = make_by_hand(here, provider, call, auto_approve=auto_approve, allow_send=allow_send)
    except ReconcileError as error:
        # What came although it can't be understood is just what whoever calls by hand wants to see.
        if (came := getattr(error, "answer", None)) is not None:
            print_json(_redacted(came, _secrets(here, provider)))
        raise
    print_json(answer)


def operation_of(here: Project, alias: str, name: str) -> Operation:
    """The row of an operation of a provider's.

    Raises:
        Usage: there is no such provider or operation, or none to call by hand.
    """
    aliases = here.registry.providers
    if alias not in aliases:
        raise Usage(f'There is no provider "{alias}" in reconcile.yaml.', hint=_did_you_mean(alias, list(aliases)))
    operations = here.registry.operations(alias)
    if name not in operations:
        raise Usage(f'{aliases[alias].name} has no operation "{name}".', hint=_did_you_mean(name, list(operations)))
    if "api" not in operations[name].used_by:
        raise Usage(
            f"{name} can't be called by hand, since its answer is a credential.",
            hint="It is called by itself, whenever another operation needs it.",
        )
    return operations[name]


def parsed(arguments: Sequence[str], operation: Operation) -> dict[str, Any]:
    """The arguments of a call from ``name=value``.

    Raises:
        Usage: one is not of that form, is there twice, or is none that a caller may set.
    """
    values: dict[str, Any] = {}
    for argument in arguments:
        name, equals, text = argument.partition("=")
        if not equals or not _NAME.fullmatch(name):
            raise Usage(f'"{argument}" is not of the form NAME=VALUE.', hint="Such as entity=List or listIds=[4,6].")
        # The platform may take names whatever their case, so two spellings could mean one thing twice.
        if name.lower() in (known.lower() for known in values):
            raise Usage(f"{name} is given twice.")
        if name.lower().replace("_", "") in _CREDENTIALS:
            raise Usage(f"{name} is added from reconcile.yaml and can't be given here.")
        values[name] = _value(text)
        if operation.verb == "GET" and isinstance(values[name], list | dict):
            raise Usage(f"{operation.name} is called by GET, which carries no arrays and objects, so not this {name}.")
    return values


def make_by_hand(here: Project, alias: str, call: Call, *, auto_approve: bool, allow_send: bool) -> Any:
    """Make one call under the rules that plans keep, after asking where it writes; the answer without secrets.

    Raises:
        Refused: a rule forbids it, or nobody agreed. WrongAccount: another account's key. ApiError: it failed.
    """
    operation = here.registry.operations(alias)[call.operation]
    here.right_to_send(allow_send=allow_send).check(call.operation, sends=operation.sends)
    with ExitStack() as stack:
        # Whoever writes does it under the lock, so that no apply is at the same objects.
        why = f"api {call.operation}"
        locked = stack.enter_context(here.store().lock(why, options().lock_timeout)) if operation.write else None
        workspace = stack.enter_context(here.workspace(allow_send=allow_send))
        if locked is None:
            return _redacted(_sent(workspace, alias, call, operation), _secrets(here, alias))
        by_hand = _ByHand(here, workspace, locked, alias)
        answer = _sent(workspace, alias, by_hand.permitted(call, auto_approve=auto_approve), operation, by_hand)
        by_hand.look_after(call)
    return _redacted(answer, _secrets(here, alias))


@dataclass(frozen=True, slots=True)
class _ByHand:
    """One write, and what has to be asked before it, and once more before every attempt."""

    here: Project
    workspace: "Workspace"
    locked: "LockedState"
    alias: str

    def permitted(self, call: Call, *, auto_approve: bool) -> Call:
        """The call, marked if it sends, once every rule allows it and somebody has agreed."""
        from reconcile.engine.workflow import check_accounts

        check_accounts(self.workspace, self.locked.state, [self.alias])
        review = self.judged(call)
        if auto_approve:
            if review.effect is not None:
                progress(review.effect)
        else:
            _ask(call, review)
        return replace(call, sends=review.sends)

    def judged(self, call: Call) -> CallReview:
        """What the call would do as the account is now.

        Raises:
            Refused: a rule forbids it.
        """
        from reconcile.engine.by_hand import refuse_strangers
        from reconcile.providers import by_hand

        platform = by_hand(self.here.registry.providers[self.alias].name)
        review: CallReview = platform.review(self.workspace.clients[self.alias], call, self._rules())
        if review.refusal is not None:
            raise Refused.of([review.refusal])
        refuse_strangers(self.workspace, self.locked.state, self.alias, review.targets)
        self.workspace.right.check(call.operation, sends=review.sends)
        return review

    def look(self, call: Call) -> "Moment":
        """Whoever was asked may have taken their time: everything is judged again.

        Raises:
            PlanStale: it would do something else than what was agreed to. Refused: a rule forbids it.
        """
        if self.judged(call).sends and not call.sends:
            raise PlanStale(
                f"By now people may get mail through {call.operation}, which nobody has agreed to.",
                hint="Make the call again: it says what it would do.",
            )
        return self.workspace.gate(self.locked, self.here.stop).moment()

    def look_after(self, call: Call) -> None:
        """See what has come of a call that the platform took.

        Raises:
            ApiError: it has not done what it was made for.
        """
        from reconcile.errors import ApiError
        from reconcile.providers import by_hand

        platform = by_hand(self.here.registry.providers[self.alias].name)
        finding = platform.aftermath(self.workspace.clients[self.alias], call, self._rules())
        if finding is not None:
            raise ApiError.of([finding])

    def _rules(self) -> Rules:
        workspace = self.workspace
        now = workspace.gate(self.locked, self.here.stop).now(self.alias)
        kinds = self.here.registry.providers[self.alias].kinds
        return Rules(self.alias, kinds, Circumstances(now, workspace.policy.freeze))


def _ask(call: Call, review: CallReview) -> None:
    effect = f"{review.effect} " if review.effect else ""
    if not options().may_ask():
        raise Refused(
            f"{effect}Nobody can be asked whether to call {call.operation}, so nothing was written.",
            hint="Give --auto-approve.",
        )
    with asking():
        agreed = click.confirm(f"{effect}Call {call.operation}?", err=True)
    if not agreed:
        raise Refused("You said no, so nothing was written.")


def _sent(workspace: "Workspace", alias: str, call: Call, operation: Operation, by_hand: _ByHand | None = None) -> Any:
    try:
        if by_hand is None:
            return workspace.clients[alias].send(call)
        gate = workspace.gate(by_hand.locked, by_hand.here.stop)
        return gate.send(alias, call, lambda: by_hand.look(call))
    except UnknownOutcome as error:
        if not operation.write:
            raise
        again = (
            "reconcile never repeats such a call. Look in the web interface before you do."
            if operation.retry is Retry.NEVER
            else "Look before you make it again."
        )
        error.diagnostics = tuple(
            replace(found, detail=f"{found.detail} It may or may not have been carried out.", hint=again)
            for found in error.diagnostics
        )
        raise


def _value(text: str) -> Any:
    import orjson

    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _did_you_mean(word: str, known: list[str]) -> str:
    near = nearest(word, known)
    return f'Did you mean "{near}"?' if near else f"There are: {', '.join(known)}."


def _secrets(here: Project, alias: str) -> tuple[str, ...]:
    settings = here.settings.providers[alias]
    if settings.is_sandbox:
        return ()
    secrets = (secret for name, secret in settings.credentials.items() if name in settings.secrets)
    # A very short one would take innocent words with it.
    return tuple(found for secret in secrets if len(found := secret.reveal()) >= LEAST)


def _redacted(value: Any, secrets: tuple[str, ...]) -> Any:
    """An answer without our credentials, and without the tokens by which recipients open their pages."""
    if isinstance(value, dict):
        personal = "subid" in value
        return {
            _redacted(name, secrets): MASK if personal and name == "key" else _redacted(member, secrets)
            for name, member in value.items()
        }
    if isinstance(value, list):
        return [_redacted(member, secrets) for member in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return MASK if str(value) in secrets else value
    return masked(value, secrets) if isinstance(value, str) else value
