"""Which block of a mail became which of another: the same words, like words, the same place, or moved."""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from reconcile.mail.source import Block

_ALIKE = 0.5  # the share of words from which on two blocks are versions of one another
_PAIRS = 40_000  # at most so many pairs of blocks, or of words, are compared one by one


@dataclass(slots=True)
class Match:
    """Pairs of blocks by index; those that only one side has; which pairs stand elsewhere now."""

    pairs: list[tuple[int, int]] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)
    added: list[int] = field(default_factory=list)
    moved: set[tuple[int, int]] = field(default_factory=set)


def match_blocks(a: Sequence[Block], b: Sequence[Block]) -> Match:
    """Pair the blocks of two mails."""
    found = Match()
    keys = [block.key for block in a], [block.key for block in b]
    for tag, a_low, a_high, b_low, b_high in opcodes(*keys):
        if tag == "equal":
            found.pairs += zip(range(a_low, a_high), range(b_low, b_high), strict=True)
        else:
            found.removed += range(a_low, a_high)
            found.added += range(b_low, b_high)
            _pair(a, b, range(a_low, a_high), range(b_low, b_high), found)
    _find_moves(keys, found)
    return found


def opcodes(a: Sequence[Hashable], b: Sequence[Hashable]) -> list[tuple[str, int, int, int, int]]:
    """As difflib has them; what recurs very often is no anchor where there would be too many of it."""
    if a == b:
        return [("equal", 0, len(a), 0, len(b))] if a else []
    counts = Counter(a)
    work = sum(counts[each] for each in b if each in counts)
    return list(SequenceMatcher(None, a, b, autojunk=work > _PAIRS * 50).get_opcodes())


def _pair(a: Sequence[Block], b: Sequence[Block], left: range, right: range, found: Match) -> None:
    """Pair what is left in a changed stretch: by likeness, then by tag and position."""
    pairs: list[tuple[int, int]] = []
    if len(left) * len(right) <= _PAIRS:
        scores = [
            (_likeness(a[i], b[j]), -abs((i - left.start) - (j - right.start)), i, j) for i in left for j in right
        ]
        scores = [score for score in scores if score[0] >= _ALIKE]
        free_left, free_right = set(left), set(right)
        for _, _, i, j in sorted(scores, key=lambda score: (-score[0], -score[1], score[2])):
            if i in free_left and j in free_right:
                pairs.append((i, j))
                free_left.discard(i)
                free_right.discard(j)
    else:
        free_left, free_right = set(left), set(right)
    rest = sorted(free_left), sorted(free_right)
    if len(rest[0]) == len(rest[1]):
        pairs += [(i, j) for i, j in zip(*rest, strict=True) if a[i].tag == b[j].tag and a[i].hidden == b[j].hidden]
    for i, j in pairs:
        found.removed.remove(i)
        found.added.remove(j)
    found.pairs += pairs


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
            found.removed.remove(i)
            found.added.remove(j)
            found.pairs.append((i, j))
            found.moved.add((i, j))
