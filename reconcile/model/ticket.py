"""What a write is let through by: the word of the one gate that stands before every attempt."""

from typing import Protocol


class Ticket(Protocol):
    """The gate's word for one attempt at one write. Whoever transmits shows it right before the call leaves."""

    def show(self) -> None:
        """Ask all that has to be asked; raises what forbids the call."""

    def fresh(self) -> bool:
        """Whether what was asked still holds, or so much time has passed that it has to be asked again."""
