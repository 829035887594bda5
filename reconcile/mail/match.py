"""Which block of a mail became which of another: the same words, like words, the same place, or moved."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from reconcile.mail.source import Block

_ALIKE = 0.5  # the share of words from which on two blocks are versions of one another
_MOVED_ALIKE, _TELLING = 0.6, 4  # the same where they stand elsewhere, and how many words tell it
_PAIRS = 40_000  # at most so many pairs of blocks, or of words, are compared one by one


@dataclass(slots=True)
class Match:
    """Pairs of blocks by index; those that only one side has; which pairs stand elsewhere now."""

    pairs: list[tuple[int, int]] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)
    added: list[int] = field(default_factory=list)
    moved: set[tuple[int, int]] = field(default_factory=set)

    def take(self, pairs: Sequence[tuple[int, int]]) -> None:
        """What was removed and added became one another."""
        gone, new = {i for i, _ in pairs}, {j for _, j in pairs}
        self.removed = [i for i in self.removed if i not in gone]
        self.added = [j for j in self.added if j not in new]
        self.pairs += pairs


def match_blocks(a: Sequence[Block], b: Sequence[Block]) -> Match:
    """Pair the blocks of two mails."""
    found = Match()
    keys = [block.key for block in a], [block.key for block in b]
    stretches = []
    for tag, a_low, a_high, b_low, b_high in opcodes(*keys):
        if tag == "equal":
            found.pairs += zip(range(a_low, a_high), range(b_low, b_high), strict=True)
        else:
            found.removed += range(a_low, a_high)
            found.added += range(b_low, b_high)
            stretches.append((range(a_low, a_high), range(b_low, b_high)))
    for left, right in stretches:
        found.take(_alike(a, b, left, right, _ALIKE))
    _find_moves(keys, found)
    # What was edited on its way, too; a few words are alike by chance.
    far = (
        [i for i in found.removed if len(a[i].words) >= _TELLING],
        [j for j in found.added if len(b[j].words) >= _TELLING],
    )
    found.take(pairs := _alike(a, b, *far, _MOVED_ALIKE))
    found.moved |= {*pairs}
    for left, right in stretches:
        found.take(_by_position(a, b, left, right, found))
    found.moved |= _crossing([pair for pair in found.pairs if pair not in found.moved])
    return found


def opcodes(a: Sequence[Hashable], b: Sequence[Hashable]) -> list[tuple[str, int, int, int, int]]:
    """As difflib has them; what recurs very often is no anchor where there would be too many of it."""
    if a == b:
        return [("equal", 0, len(a), 0, len(b))] if a else []
    counts = Counter(a)
    work = sum(counts[each] for each in b if each in counts)
    return list(SequenceMatcher(None, a, b, autojunk=work > _PAIRS * 50).get_opcodes())


def _alike(
    a: Sequence[Block], b: Sequence[Block], left: Sequence[int], right: Sequence[int], least: float
) -> list[tuple[int, int]]:
    """Pairs of two stretches that are versions of one another, the likest first."""
    if not left or not right or len(left) * len(right) > _PAIRS:
        return []
    scores = [(_likeness(a[i], b[j]), -abs((i - left[0]) - (j - right[0])), i, j) for i in left for j in right]
    free_left, free_right, pairs = {*left}, {*right}, []
    for score, _, i, j in sorted(scores, key=lambda score: (-score[0], -score[1], score[2])):
        if score >= least and i in free_left and j in free_right:
            pairs.append((i, j))
            free_left.discard(i)
            free_right.discard(j)
    return pairs


def _by_position(
    a: Sequence[Block], b: Sequence[Block], left: range, right: range, found: Match
) -> list[tuple[int, int]]:
    """Pairs of what is left of a stretch, where both sides have as much of it."""
    rest = [i for i in found.removed if i in left], [j for j in found.added if j in right]
    if len(rest[0]) != len(rest[1]):
        return []
    return [(i, j) for i, j in zip(*rest, strict=True) if a[i].tag == b[j].tag and a[i].hidden == b[j].hidden]


def _crossing(pairs: list[tuple[int, int]]) -> set[tuple[int, int]]:
    """The fewest pairs without which all others stand in one order on both sides."""
    ends: list[int] = []  # the least end of a run of each length,
    at: list[int] = []  # the pair that it ends with,
    before: list[int] = []  # and for each pair, the one before it
    ordered = sorted(pairs)
    for number, (_, j) in enumerate(ordered):
        length = bisect_left(ends, j)
        before.append(at[length - 1] if length else -1)
        ends[length : length + 1] = [j]
        at[length : length + 1] = [number]
    kept, number = set(), at[-1] if at else -1
    while number >= 0:
        kept.add(number)
        number = before[number]
    return {pair for number, pair in enumerate(ordered) if number not in kept}


def _likeness(a: Block, b: Block) -> float:
    """The share of words and pictures that two blocks have in common."""
    if a.hidden != b.hidden:
        return 0.0
    left, right = Counter(word.text for word in a.words), Counter(word.text for word in b.words)
    return 2 * (left & right).total() / max(left.total() + right.total(), 1)


def _find_moves(keys: tuple[list[str], list[str]], found: Match) -> None:
    where: dict[str, list[int]] = {}
    for j in found.added:
        where.setdefault(keys[1][j], []).append(j)
    for i in list(found.removed):
        if candidates := where.get(keys[0][i]):
            j = candidates.pop(0)
            found.take([(i, j)])
            found.moved.add((i, j))
