"""Where the manifests of a run stand in git, seen from the commits that were applied before."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Relation(StrEnum):
    """How a checkout stands to a commit that something was applied from."""

    HAS = "has it"
    BEHIND = "is older than it"
    APART = "went another way"
    UNKNOWN = "does not know it"


@dataclass(frozen=True, slots=True)
class Checkout:
    """The commit that a run's manifests are at.

    Attributes:
        commit: its hash; with a plus sign where files of the project differ from it.
        shallow: the clone was cut off, so that commits may be unknown that are there all the same.
        relation: how it stands to another commit, as this or an earlier run put it on record.
    """

    commit: str
    relation: Callable[[str], Relation]
    shallow: bool = False

    @property
    def clean(self) -> bool:
        """Whether the project's files are those of the commit."""
        return not self.commit.endswith("+")


def short(commit: str) -> str:
    """A commit as people read it."""
    return f"{commit[:10]}, with changes that were not committed" if commit.endswith("+") else commit[:10]
