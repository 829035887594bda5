"""The cheapest set of calls for people who differ: which imports, and who is left to single calls. Pure.

A single call costs 1. An import costs as much as IMPORT_COST of them, since it is carried out later, without a job id,
and has to be waited for with reads: so up to three calls are made singly. Sets of lists are bit masks over the
audience's lists.

What a call does for one person (System API page, functions 7, 20, 26, 27; each of them may be made once):

- create-recipient: a new person with attributes, tags and lists.
- update-recipient: attributes and tags of an existing one. Never lists: that would end other subscriptions.
- subscribe-recipient: any lists.
- import-recipients-async: for all its rows new persons, attributes, and one set of lists; no tags. Nobody is put into
  an import with a list that he need not join, nor who has opted out of anything.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

IMPORT_COST = 3
IMPORT_ROWS = 100_000  # rows of one import; the web interface takes 25 MB
_EXACT = 8  # so many possible imports are tried in all combinations (three lists), more are added one by one


@dataclass(frozen=True, slots=True, order=True)
class Need:
    """What people of one sort lack. ``lists`` are those to join; ``importable`` says whether imports may have them."""

    new: bool = False
    attributes: bool = False
    tags: bool = False
    lists: int = 0
    importable: bool = True


@dataclass(frozen=True, slots=True)
class Treatment:
    """What is done for people of one sort: into which imports they go, and which single calls each one takes."""

    imports: tuple[int, ...] = ()
    create: bool = False
    update: bool = False
    subscribe: int = 0

    @property
    def singles(self) -> int:
        """The single calls for one person."""
        return self.create + self.update + bool(self.subscribe)


def cheapest(groups: Mapping[Need, int]) -> dict[Need, Treatment]:
    """For each sort of people, of which there are so many, the treatment; all together they cost least.

    Among equally cheap ways the one with fewer imports is taken. With more than three lists in play the imports are
    chosen one after the other, each the one that saves most.
    """
    masks = sorted(_useful(groups))
    families = _families(masks) if len(masks) <= _EXACT else _grown(groups, masks)
    return min((_treatments(groups, family) for family in families), key=lambda made: _rank(groups, made))


def cost(groups: Mapping[Need, int], treatments: Mapping[Need, Treatment]) -> int:
    """What the treatments cost, in single calls."""
    singles = sum(count * treatments[need].singles for need, count in groups.items())
    return singles + IMPORT_COST * sum(parts for _, parts in imports(groups, treatments))


def imports(groups: Mapping[Need, int], treatments: Mapping[Need, Treatment]) -> Iterator[tuple[int, int]]:
    """Each import's lists, and into how many calls its rows are cut."""
    for mask in sorted({mask for made in treatments.values() for mask in made.imports}):
        rows = sum(count for need, count in groups.items() if mask in treatments[need].imports)
        yield mask, -(-rows // IMPORT_ROWS)


def _useful(groups: Iterable[Need]) -> set[int]:
    """The sets of lists that an import might have: every subset of what somebody has to join."""
    found: set[int] = set()
    for need in groups:
        if need.importable:
            found |= set(_subsets(need.lists))
    return found


def _subsets(mask: int) -> Iterator[int]:
    part = mask
    while True:
        yield part
        if part == 0:
            return
        part = (part - 1) & mask


def _families(masks: Sequence[int]) -> Iterator[tuple[int, ...]]:
    for size in range(len(masks) + 1):
        yield from combinations(masks, size)


def _grown(groups: Mapping[Need, int], masks: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Families that grow by the import that saves most, from none at all."""
    family: tuple[int, ...] = ()
    yield family
    best = cost(groups, _treatments(groups, family))
    while True:
        tried = {mask: cost(groups, _treatments(groups, (*family, mask))) for mask in masks if mask not in family}
        mask = min(tried, key=lambda mask: tried[mask], default=None)
        if mask is None or tried[mask] >= best:
            return
        family, best = (*family, mask), tried[mask]
        yield family


def _treatments(groups: Mapping[Need, int], family: Sequence[int]) -> dict[Need, Treatment]:
    return {need: _treatment(need, family) for need in groups}


def _treatment(need: Need, family: Sequence[int]) -> Treatment:
    """The fewest single calls, given that these imports are made; and then in the fewest of them."""
    usable = [mask for mask in family if need.importable and mask & ~need.lists == 0]
    sizes = range(len(usable) + 1) if len(usable) <= _EXACT else (0, 1, 2, len(usable))
    chosen = (_with(need, part) for size in sizes for part in combinations(usable, size))
    return min(chosen, key=lambda made: (made.singles, len(made.imports)))


def _with(need: Need, imported: tuple[int, ...]) -> Treatment:
    joined = 0
    for mask in imported:
        joined |= mask
    left = need.lists & ~joined
    if need.new and not imported:
        return Treatment(create=True)
    if need.new:
        return Treatment(imported, update=need.tags, subscribe=left)
    return Treatment(imported, update=need.tags or (need.attributes and not imported), subscribe=left)


def _rank(groups: Mapping[Need, int], treatments: Mapping[Need, Treatment]) -> tuple[int, int]:
    return cost(groups, treatments), sum(parts for _, parts in imports(groups, treatments))
