"""What time it is at the platform: the offset of its clock to ours, from the ``Date`` of its answers."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from reconcile.network import told_time

# Seconds after which an older answer no longer bounds the offset.
_LASTING = 300.0
# Seconds by which wall clock and monotonic clock may part before the machine must have slept, or its clock been set.
_JUMP = 2.0


@dataclass(frozen=True, slots=True)
class _Reading:
    low: float
    high: float
    began: float
    ended: float  # monotonic
    ours: float  # wall minus monotonic


class ServerTime:
    """The platform's clock against ours; safe to use from several threads.

    A ``Date`` has whole seconds and was made some time between request and answer, so that each answer gives an
    interval. One with an ``Age`` was kept by a cache, and one that runs backwards, or is no date, can't be believed;
    from such an answer on there is no usable time, until two good answers in a row are seen.
    """

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._guard = threading.Lock()
        self._reading: _Reading | None = None
        self._newest: tuple[float, float] | None = None  # the latest Date, and when its answer was there (monotonic)
        self._good = 0

    def now(self) -> tuple[float, float]:
        """Wall and monotonic clock, for ``note``."""
        return self._wall(), self._monotonic()

    def note(self, began: tuple[float, float], headers: Mapping[str, str]) -> None:
        """Take the time from an answer; ``began`` is ``now()`` of right before its request."""
        wall, monotonic = self.now()
        said = told_time(headers)
        with self._guard:
            if said is None or self._runs_backwards(said, began[1]):
                self._reading, self._good = None, 0
                return
            if self._newest is None or said > self._newest[0]:
                self._newest = (said, monotonic)
            self._good += 1
            reading = _Reading(said - wall, said + 1 - began[0], began[1], monotonic, wall - monotonic)
            self._reading = self._better(reading)

    def offset(self) -> tuple[float, float] | None:
        """By how many seconds the platform's clock is ahead of ours: at least and at most; None: not known."""
        wall, monotonic = self.now()
        with self._guard:
            reading = self._reading
            if reading is None or self._good < 2:
                return None
            if abs(wall - monotonic - reading.ours) > _JUMP or monotonic - reading.ended > _LASTING:
                return None
            return reading.low, reading.high

    def _runs_backwards(self, said: float, began: float) -> bool:
        """Whether an answer to a request that was made after another answer was there has an earlier date than that."""
        return self._newest is not None and began >= self._newest[1] and said < self._newest[0]

    def _better(self, new: _Reading) -> _Reading:
        """The tighter one of two readings, as long as the older one may still count."""
        old = self._reading
        if old is None or new.ended - old.ended > _LASTING / 2 or abs(new.ours - old.ours) > _JUMP:
            return new
        low, high = max(old.low, new.low), min(old.high, new.high)
        if low > high:  # one of the clocks was set
            return new
        return _Reading(low, high, new.began, new.ended, new.ours)
