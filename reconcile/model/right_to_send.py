"""The right to send: given once, from the policy and a flag, and judged in one place, whoever asks.

Plans, the gate before every write, single calls and the transport hold the same value and ask it the same question.
"""

from dataclasses import dataclass

from reconcile.errors import Refused
from reconcile.model.policy import Sends


@dataclass(frozen=True, slots=True)
class RightToSend:
    """Whether a run may make people get mail; without anything said, it may not.

    ``decided_by`` is what decides that, in words; ``way_out`` what would give the right, ``denied``: nothing but
    another policy.
    """

    held: bool = False
    decided_by: str = "nobody gave it the right"
    way_out: str = "Give it with --allow-send, or set policy.sends to allow."
    denied: bool = False

    def lacks(self, *, sends: bool) -> bool:
        """Whether something may not be done because people may get mail through it: the one judgement of the right."""
        return sends and not self.held

    def check(self, operation: str, *, sends: bool) -> None:
        """Let a call through, or not; ``sends``: people may get mail through it.

        Raises:
            Refused: the run has not the right.
        """
        if self.lacks(sends=sends):
            raise Refused(
                f"{operation} may make people get mail, and this run has not the right to send: {self.decided_by}.",
                hint=self.way_out,
            )


NOT_GIVEN = RightToSend()


def right_to_send(sends: Sends, *, allow_send: bool, environment: str | None = None) -> RightToSend:
    """The right of a run: ``sends`` is what the policy says of it, ``allow_send`` the flag."""
    policy = f"policy.sends is {sends.value}" + (f" in the environment {environment}" if environment else "")
    if sends is Sends.ALLOW:
        return RightToSend(True, policy)
    if sends is Sends.DENY:
        way_out = f"No flag gives it: {policy}. Change that in reconcile.yaml and have it reviewed."
        return RightToSend(False, policy, way_out, denied=True)
    if allow_send:
        return RightToSend(True, "--allow-send was given")
    return RightToSend(False, f"{policy}, so it takes --allow-send", "Give the right with --allow-send.")
