"""The sandbox's clock: the real one, one handed in, or one that somebody has set and that then stands still."""

import threading
import time
from collections.abc import Callable
from email.utils import formatdate

from reconcile.sandbox.switches import Switches

_LAST = 253_370_764_799  # the last second before the year 9999, beyond which no date can be written
_CACHED = 300  # seconds since an answer from a cache was made


class Clock:
    """Seconds since the Unix epoch; ``source`` is asked unless a moment has been set."""

    def __init__(self, source: Callable[[], float] | None = None) -> None:
        self._source = source or time.time
        self._moment: float | None = None

    def exact(self) -> float:
        """The time with its fraction, for delays shorter than a second."""
        return self._source() if self._moment is None else self._moment

    def real(self) -> float:
        """The time by the source, whatever moment has been set."""
        return self._source()

    def now(self) -> int:
        """The time in whole seconds, which is what both APIs store."""
        return int(self.exact())

    def set(self, moment: float | None) -> None:
        """Stand still at ``moment`` (Unix seconds), or with ``None`` run on with the source."""
        if moment is not None and not 0 <= moment <= _LAST:
            raise ValueError(f"the clock can be set from 0 to {_LAST} (Unix seconds)")
        self._moment = None if moment is None else float(moment)

    @property
    def moment(self) -> float | None:
        """The moment that has been set, if any."""
        return self._moment


class Dates:
    """The header ``Date`` of each answer: the real time and the switch ``clock_offset``, told as ``date_header`` says.

    A moment that somebody has set moves only what is due, never this.
    """

    def __init__(self, clock: Clock, switches: Switches) -> None:
        self._clock = clock
        self.switches = switches
        self._lock = threading.Lock()
        self._last: float | None = None

    def headers(self) -> dict[str, str]:
        """The headers that tell the time of an answer made now."""
        moment = self._clock.real() + self.switches.number("clock_offset")
        match self.switches.text("date_header"):
            case "missing":
                return {}
            case "cached":
                return {"Date": formatdate(moment - _CACHED, usegmt=True), "Age": str(_CACHED)}
            case "backwards":
                with self._lock:
                    moment = self._last = moment if self._last is None else self._last - 60
        return {"Date": formatdate(moment, usegmt=True)}
