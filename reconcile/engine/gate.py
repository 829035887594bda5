"""The one way to a write: whatever the command, everything is asked anew before every attempt, in one order.

Nobody asked to stop, the intent is on record, the turn has come, the lock is ours, the object reads as approved or as
our last call left it, nothing goes out within the freeze, the run may send, the clocks agree. Then the call leaves. A
call that is made again comes back here.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from reconcile.engine.refresh import Clients
from reconcile.errors import Interrupted, LockHeld, Refused, StateError, UnknownOutcome, Unreachable
from reconcile.model.assumption import Answer
from reconcile.model.call import Call, Operation, Retry
from reconcile.model.kind import Circumstances, Client
from reconcile.model.registry import Registry
from reconcile.model.right_to_send import NOT_GIVEN, RightToSend
from reconcile.model.ticket import Ticket
from reconcile.state.store import LockedState

# Seconds that may lie between a read and the calls that it serves.
LASTING = 10.0
# Seconds by which the wall clock and the monotonic one may part before the machine must have slept, or been set.
JUMP = 2.0
# Seconds by which our clock and the platform's may differ where mail is to go out.
OFF = 60.0
# Seconds for which a look at the clock of the state's server is good.
AGREED = 300.0
# How often a write is tried whose repetition does no harm.
ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Moment:
    """When something was asked, by both clocks, in seconds."""

    wall: float
    monotonic: float

    def same_time(self, other: "Moment") -> bool:
        """Whether no machine slept, and no clock was set, between the two."""
        return abs((self.wall - self.monotonic) - (other.wall - other.monotonic)) <= JUMP

    def serves(self, later: "Moment") -> bool:
        """Whether what was read then may still be believed."""
        return self.same_time(later) and later.monotonic - self.monotonic <= LASTING


def _now() -> Moment:
    return Moment(time.time(), time.monotonic())


Look = Callable[[], Moment]


@dataclass(slots=True)
class Gate:
    """What stands before the writes of one run.

    ``locked`` is None where a command writes nothing that a state knows of. ``clock`` gives UNIX seconds, ``moment``
    both clocks of this machine.
    """

    registry: Registry
    clients: Clients
    locked: LockedState | None
    freeze: float
    clock: Callable[[], float]
    stop: threading.Event
    right: RightToSend = NOT_GIVEN
    moment: Callable[[], Moment] = _now
    _confirmed: Moment | None = field(default=None, init=False)
    _told: tuple[Moment, tuple[float, float]] | None = field(default=None, init=False)

    def now(self, alias: str) -> float:
        """What time it is where it counts: by our clock or by the platform's, whichever is later."""
        offset = self.clients[alias].time.offset()
        return self.clock() + max(0.0, offset[1] if offset is not None else 0.0)

    def refuse_if_stopped(self) -> None:
        """Raises Interrupted once somebody asked the run to stop."""
        if self.stop.is_set():
            raise Interrupted("Interrupted; what was done is on record.", hint="Run again to do the rest.")

    def once(self, alias: str, call: Call, look: Look | None = None) -> Any:
        """One attempt at a write. ``look`` reads what it is about, raises what forbids it, and says as of when.

        Raises:
            Interrupted, LockHeld, PlanStale, Refused: it was not made. ApiError: as from the client.
        """
        self.refuse_if_stopped()
        return self.clients[alias].send(call, _Ticket(self, alias, call, look))

    def send(self, alias: str, call: Call, look: Look | None = None) -> Any:
        """A write, made again where that does no harm: after no connection, or where its class allows it.

        What has to be looked up first, after whatever answer, is not made again here.
        """
        retry = self.operation(alias, call).retry
        attempt = 0
        while True:
            attempt += 1
            try:
                return self.once(alias, call, look)
            except (Unreachable, UnknownOutcome) as error:
                again = retry is Retry.IDEMPOTENT or (retry is Retry.LOOKUP and isinstance(error, Unreachable))
                if not again or attempt >= ATTEMPTS:
                    raise
                self.clients[alias].rest(attempt, error)

    def look(self, alias: str, call: Call, look: Look | None = None) -> Answer:
        """One attempt at a write whose answer is taken as it comes, whatever that is.

        Raises: as ``once``, but for answers that are errors.
        """
        self.refuse_if_stopped()
        answer: Answer = cast("Any", self.clients[alias]).look(call, ticket=_Ticket(self, alias, call, look))
        return answer

    def client(self, alias: str) -> Client:
        """The client of an alias as commands of its own use it: what they write comes through the gate."""
        return cast("Client", _Gated(self, alias))

    def operation(self, alias: str, call: Call) -> Operation:
        """The row of a call's operation."""
        return self.registry.operations(alias)[call.operation]

    def confirm(self) -> None:
        """See that the lock is ours; asked at its server where clocks say that we may have lost it in our sleep."""
        now, former = self.moment(), self._confirmed
        if self.locked is not None:
            self.locked.confirm(at_server=former is not None and not former.same_time(now))
        self._confirmed = now

    def judge(self, alias: str, call: Call) -> None:
        """Refuse what would go out too soon, or without a right, or by a clock that nobody can rely on."""
        circumstances = Circumstances(self.now(alias), self.freeze)
        if call.due is not None and circumstances.too_near(call.due):
            raise Refused(
                "The time at which it was to go out has come too near (policy.freeze), so it is not scheduled.",
                hint="Choose a later time.",
            )
        sends = call.sends or self.operation(alias, call).sends
        self.right.check(call.operation, sends=sends)
        if sends:
            self._refuse_if_clocks_differ(alias)

    def _refuse_if_clocks_differ(self, alias: str) -> None:
        client = self.clients[alias]
        offset = client.time.offset()
        if offset is None:
            client.account()  # too few answers, perhaps, to believe them
            offset = client.time.offset()
        whose = "the platform's"
        if offset is None:
            offset, whose = self._told_by_the_state(), "that of the state's server"
        if offset is None:
            raise Refused(
                "The platform's answers don't tell the time (no usable Date), and no server of the state does, so "
                "nobody can be sure when mail would go out, and none is sent.",
                hint="See whether a proxy keeps answers or takes the header Date out of them; then run again. A state "
                "on a server that tells the time will do, too.",
            )
        low, high = offset
        if low < -OFF or high > OFF:
            ahead = f"{abs((low + high) / 2):,.0f} seconds {'behind' if low + high > 0 else 'ahead of'}"
            raise Refused(
                f"This machine's clock is {ahead} {whose}, more than a minute, so no mail is sent.",
                hint="Set this machine's clock right (see: timedatectl), and run again.",
            )

    def _told_by_the_state(self) -> tuple[float, float] | None:
        """The offset of the clock of the state's server, asked anew after some minutes, or a leap of our own."""
        now = self.moment()
        if self._told is not None:
            then, found = self._told
            if then.same_time(now) and now.monotonic - then.monotonic <= AGREED:
                return found
        try:
            told = self.locked.server_time() if self.locked is not None else None
        except LockHeld:
            raise
        except StateError:
            told = None
        self._told = (now, told) if told is not None else None
        return told


class _Gated:
    """A client whose writes go through the gate."""

    def __init__(self, gate: Gate, alias: str) -> None:
        self._gate = gate
        self._alias = alias

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gate.clients[self._alias], name)

    def send(self, call: Call, ticket: Ticket | None = None) -> Any:
        """Carry out one call."""
        if ticket is None and self._gate.operation(self._alias, call).write:
            return self._gate.send(self._alias, call)
        return self._gate.clients[self._alias].send(call, ticket)


class _Ticket:
    """See ``model.ticket``: good for one attempt, and shown again where it waited too long."""

    def __init__(self, gate: Gate, alias: str, call: Call, look: Look | None) -> None:
        self._gate = gate
        self._alias = alias
        self._call = call
        self._look = look
        self._seen: Moment | None = None
        self._used = False

    def show(self) -> None:
        if self._used:
            raise AssertionError("a ticket is good for one attempt")
        gate = self._gate
        gate.refuse_if_stopped()
        gate.confirm()
        seen = self._look() if self._look is not None else gate.moment()
        gate.judge(self._alias, self._call)
        self._seen = seen

    def fresh(self) -> bool:
        now = self._gate.moment()
        self._used = self._seen is not None and self._seen.serves(now)
        return self._used
