"""How many requests go out in a second."""

import threading
import time
from collections import deque


class Limiter:
    """Says when the next request may go out: at most so many in any second."""

    def __init__(self, requests_per_second: float) -> None:
        # Whole requests: 0.5 a second is one in two.
        self._span = max(1.0, 1 / requests_per_second)
        self._turns: deque[float] = deque(maxlen=max(1, int(requests_per_second)))
        self._guard = threading.Lock()

    def reserve(self) -> float:
        """Take the next turn: how many seconds it is away."""
        with self._guard:
            now = time.monotonic()
            full = len(self._turns) == self._turns.maxlen
            turn = max(now, self._turns[0] + self._span) if full else now
            self._turns.append(turn)
            return turn - now
