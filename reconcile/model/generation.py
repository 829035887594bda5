"""How often an address was written, and what was begun there: so that no approval of a plan serves twice."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Begun:
    """A step whose first write may have been made and whose last one was not: its digest and its goal, as planned.

    ``makes``: it makes a new object. ``loses`` is when it began to lose one for good (UNIX seconds; 0: it loses none).
    """

    step: str
    goal: str
    makes: bool = False
    loses: float = 0.0


@dataclass(frozen=True, slots=True)
class Generation:
    """How often an address was written, so that no approval serves twice; it is kept when the address is removed.

    ``step`` is the digest of the step that wrote it last, ``made`` whether that one made its object, ``begun`` what was
    begun since. ``commit`` is the git commit of the last apply that wrote it, or found it to be as that commit says.
    ``lost`` is when an object of this address was last lost for good (UNIX seconds; 0: never).
    """

    number: int = 0
    step: str = ""
    made: bool = False
    begun: Begun | None = None
    commit: str = ""
    lost: float = 0.0

    def maker(self) -> str | None:
        """The digest of the step that made the object which is there now, so far as it was the last one to write."""
        if self.begun is not None and self.begun.makes:
            return self.begun.step
        return self.step if self.made else None

    def ended(self) -> "Generation":
        """The generation once what was begun is done."""
        if self.begun is None:
            return replace(self, number=self.number + 1)
        lost = self.begun.loses or self.lost
        return Generation(self.number + 1, self.begun.step, self.begun.makes, commit=self.commit, lost=lost)
