"""What ``doctor --scratch`` tries: writes to drafts of its own, as values, so that all are shown before one is made.

A provider's ``Scratch`` never makes what is visible, published or aimed at anybody; it has no dates and no marks.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from reconcile.model.assumption import Answer
from reconcile.model.call import Call


class Own(Protocol):
    """What calls of a scratch are made of: names that only its objects have, and the ids that these got."""

    def name(self, end: str) -> str:
        """A name of ours: the scratch's own, and the end."""

    def id(self, trial: str) -> str:
        """The id of what a trial made.

        Raises:
            LookupError: it made nothing.
        """


Write = Callable[[Own], Call]


@dataclass(frozen=True, slots=True)
class Trial:
    """One write, and the reads that tell what came of it.

    Its answer has its ``name``, the answers of ``reads`` have theirs. ``kind`` is the sort of object that it makes, or
    else changes. ``may_make`` marks a change that makes an object instead where the platform sees it so.
    """

    name: str
    kind: str
    write: Write
    makes: bool = False
    may_make: bool = False
    reads: Mapping[str, Write] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """An object with a name of ours; ``stays`` says why it may not be deleted, "" if it may."""

    id: str
    name: str
    stays: str = ""


@dataclass(frozen=True, slots=True)
class Scratch:
    """What a provider tries, how its objects are found again, and how they are deleted.

    Attributes:
        trials: gives the writes in order, for an account; what can't be seen again there is left out.
        kinds: the sorts of objects, in the order in which they are deleted.
        find: a client, a kind and how our names begin -> the objects of that kind with such a name.
        delete: kind and id -> the call.
        refused: whether an answer to a create says that nothing was made.
    """

    trials: Callable[[Any], tuple[Trial, ...]]
    kinds: tuple[str, ...]
    find: Callable[[Any, str, str], Iterable[Found]]
    delete: Callable[[str, str], Call]
    refused: Callable[[Answer], bool]
