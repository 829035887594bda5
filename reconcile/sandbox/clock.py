"""The sandbox's clock: the real one, one handed in, or one that somebody has set and that then stands still."""

import time
from collections.abc import Callable


class Clock:
    """Seconds since the Unix epoch; ``source`` is asked unless a moment has been set."""

    def __init__(self, source: Callable[[], float] | None = None) -> None:
        self._source = source or time.time
        self._moment: float | None = None

    def exact(self) -> float:
        """The time with its fraction, for delays shorter than a second."""
        return self._source() if self._moment is None else self._moment

    def now(self) -> int:
        """The time in whole seconds, which is what both APIs store."""
        return int(self.exact())

    def set(self, moment: float | None) -> None:
        """Stand still at ``moment`` (Unix seconds), or with ``None`` run on with the source."""
        self._moment = None if moment is None else float(moment)

    @property
    def moment(self) -> float | None:
        """The moment that has been set, if any."""
        return self._moment
