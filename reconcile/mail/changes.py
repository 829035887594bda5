"""What people would notice between two versions of a mail: one list, for text, Markdown, page and JSON alike.

Words, links, pictures, alternative texts, look, moves, preheader and merge tags come first, in the order of the mail;
what nobody sees comes last, as one item. White space, quotes and the case of tags are no change at all.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

from reconcile.mail.beside import Unseen, apart, cut, draft_of_outlook, drafts_beside, head_looks
from reconcile.mail.change import Change, Changes, Detail, Kind, Part, Piece
from reconcile.mail.look import break_details, form_details, formed, look_details, unstyled
from reconcile.mail.marks import Draft, Marker
from reconcile.mail.match import Match, match_blocks, opcodes
from reconcile.mail.source import Block, Source, Tag, Word, merge_tags_of, picture_name, picture_source
from reconcile.mail.source_reader import BLOCKS, HEADINGS, SHAPING, read
from reconcile.mail.style import css_rules

_CONTEXT = 8  # words shown on each side of a change
_OPTIONAL = frozenset(["html", "head", "body", "tbody", "colgroup"])


@lru_cache(maxsize=256)
def changes(before: str, after: str) -> Changes:
    """What differs between two versions of a mail."""
    if before == after:
        return Changes()
    return _Comparer(read(before), read(after)).compare()


# What differs in it.


class _Comparer:
    def __init__(self, before: Source, after: Source) -> None:
        self._a, self._b = before, after
        self._drafts: list[Draft] = []
        self._told: set[tuple[int, int]] = set()  # tags that were compared already, by where they begin
        self._unseen = Unseen()
        self._styled = "\n".join([*before.sheets, *after.sheets]).lower()

    def compare(self) -> Changes:
        a, b = self._a.blocks, self._b.blocks
        match = match_blocks(a, b)
        for i, j in sorted(match.pairs, key=lambda pair: pair[1]):
            self._paired(a[i], b[j], j, moved=(i, j) in match.moved)
        self._join_moves()
        for group in _grouped(b, match.added):
            words = [word for j in group for word in b[j].words]
            draft = Draft((group[0], 0), [Kind.ADDED], b[group[0]].heading, after=[b[j] for j in group], new=words)
            draft.pieces = (Piece(Part.ADDED, cut(_told(words))),)
            self._drafts.append(draft)
        before_to_after = sorted(pair for pair in match.pairs if pair not in match.moved)
        for group in _grouped(a, match.removed):
            place = max((j for i, j in before_to_after if i < group[0]), default=-1)
            words = [word for i in group for word in a[i].words]
            draft = Draft((place + 0.5, group[0]), [Kind.REMOVED], a[group[0]].heading, gone=words)
            draft.before = [a[i] for i in group]
            draft.pieces = (Piece(Part.REMOVED, cut(_told(words))),)
            self._drafts.append(draft)
        self._bare(match)
        self._sheets()
        if outlook := draft_of_outlook(self._a, self._b, len(b) + 2, changes):
            self._drafts.append(outlook)
        self._drafts += drafts_beside(self._a, self._b, match)
        self._unseen.bare(self._a, self._b)
        self._unseen.head(self._a, self._b)
        return self._finished(match)

    def _paired(self, a: Block, b: Block, place: int, *, moved: bool) -> None:
        draft = Draft((place, 1), [Kind.MOVED] if moved else [], b.heading, before=[a], after=[b])
        if a.key != b.key:
            self._words(a, b, draft)
        elif formed(a) != formed(b):
            draft.kinds.append(Kind.LOOK)
            draft.details += form_details(a, b)
        if breaks := list(break_details(a, b)):
            _note(draft, Kind.LOOK)
            draft.details += breaks
        self._pictures(a, b, draft)
        self._links(a, b, draft)
        around = ([], []) if moved else (list(a.around), list(b.around))
        self._tags([*around[0], *a.inside], [*around[1], *b.inside], draft)
        if draft.kinds:
            if not draft.pieces:
                draft.pieces = (Piece(Part.SAME, cut(_told(b.words))),)
            self._drafts.append(draft)

    def _words(self, a: Block, b: Block, draft: Draft) -> None:
        left, right = a.words, b.words
        matcher = opcodes([_word_key(word) for word in left], [_word_key(word) for word in right])
        runs = [(tag, left[i:i_end], right[j:j_end]) for tag, i, i_end, j, j_end in matcher]
        for tag, gone, new in runs:
            if tag != "equal":
                draft.gone += gone
                draft.new += new
        draft.pieces = tuple(_context(runs))
        changed = [word for word in (*draft.gone, *draft.new) if word.picture is None]
        if b.hidden and a.hidden and changed:
            draft.kinds.append(Kind.PREHEADER if _is_preheader(self._b, b) else Kind.WORDS)
        elif changed:
            plain = [_without_tags(word.text) for word in changed]
            tags = [[tag for word in side for tag in merge_tags_of(word.text)] for side in (draft.gone, draft.new)]
            if _without_tags(_told(draft.gone)) != _without_tags(_told(draft.new)) and any(plain):
                draft.kinds.append(Kind.WORDS)
            if tags[0] != tags[1]:
                draft.kinds.append(Kind.MERGE_TAG)
            if Kind.WORDS not in draft.kinds and Kind.MERGE_TAG not in draft.kinds:
                draft.kinds.append(Kind.WORDS)

    def _pictures(self, a: Block, b: Block, draft: Draft) -> None:
        left = [word.picture for word in a.words if word.picture]
        right = [word.picture for word in b.words if word.picture]
        sources = [picture_source(tag) for tag in left], [picture_source(tag) for tag in right]
        for tag, i, i_end, j, j_end in opcodes(*sources):
            if tag != "equal" and i_end - i != j_end - j:
                _note(draft, Kind.PICTURE)
                gone = [Detail(Kind.PICTURE, "picture", picture_name(each), None) for each in left[i:i_end]]
                new = [Detail(Kind.PICTURE, "picture", None, picture_name(each)) for each in right[j:j_end]]
                draft.details += [*gone, *new]
                continue
            for old, new_tag in zip(left[i:i_end], right[j:j_end], strict=True):
                if tag != "equal":
                    _note(draft, Kind.PICTURE)
                    names = picture_name(old), picture_name(new_tag)
                    shown = names if names[0] != names[1] else (picture_source(old), picture_source(new_tag))
                    draft.details.append(Detail(Kind.PICTURE, "picture", *shown))
                alts = [
                    " ".join(each.attributes["alt"].split()) if "alt" in each.attributes else None
                    for each in (old, new_tag)
                ]
                if alts[0] != alts[1]:
                    _note(draft, Kind.ALT)
                    draft.details.append(Detail(Kind.ALT, "alternative text", *alts))
                self._tags([old], [new_tag], draft)

    def _links(self, a: Block, b: Block, draft: Draft) -> None:
        left, right = _linked(a), _linked(b)
        for tag, i, i_end, j, j_end in opcodes([href for href, _ in left], [href for href, _ in right]):
            if tag == "equal":
                continue
            _note(draft, Kind.LINK)
            both = min(i_end - i, j_end - j)
            for (old, _), (new, words) in zip(left[i : i + both], right[j : j + both], strict=True):
                draft.details.append(Detail(Kind.LINK, f"link of “{words}”" if len(right) > 1 else "link", old, new))
            draft.details += [
                Detail(Kind.LINK, f"link of “{words}”", old, None) for old, words in left[i + both : i_end]
            ]
            draft.details += [
                Detail(Kind.LINK, f"link of “{words}”", None, new) for new, words in right[j + both : j_end]
            ]

    def _tags(self, left: list[Tag], right: list[Tag], draft: Draft) -> None:
        """Compare the tags around and inside two blocks, each pair of tags once."""
        names = [tag.name for tag in left], [tag.name for tag in right]
        if names[0] == names[1]:
            for old, new in zip(left, right, strict=True):
                self._pair_of_tags(old, new, draft)
            return
        whole = [[(tag.name, *tag.attributes.items()) for tag in side] for side in (left, right)]
        for tag, i, i_end, j, j_end in opcodes(*whole):
            if tag == "equal":
                for old, new in zip(left[i:i_end], right[j:j_end], strict=True):
                    self._pair_of_tags(old, new, draft)
            else:
                self._named_tags(left[i:i_end], right[j:j_end], draft)

    def _named_tags(self, left: list[Tag], right: list[Tag], draft: Draft) -> None:
        """Compare tags that are not the same, by their names."""
        for tag, i, i_end, j, j_end in opcodes([tag.name for tag in left], [tag.name for tag in right]):
            both = min(i_end - i, j_end - j) if tag in ("equal", "replace") else 0
            for old, new in zip(left[i : i + both], right[j : j + both], strict=True):
                self._pair_of_tags(old, new, draft)
            self._lone_tags(left[i + both : i_end], Part.REMOVED, draft)
            self._lone_tags(right[j + both : j_end], Part.ADDED, draft)

    def _pair_of_tags(self, old: Tag, new: Tag, draft: Draft) -> None:
        if (old.start, new.start) in self._told:
            return
        self._told.add((old.start, new.start))
        if old.name == new.name and old.attributes == new.attributes:
            return
        details = list(look_details(old, new, self._styled))
        if old.name != new.name and {old.name, new.name} & (HEADINGS | {"ul", "ol", "li", "center"}):
            details.insert(0, Detail(Kind.LOOK, "tag", old.name, new.name))
        elif old.name != new.name:
            self._unseen.tag(old.name, new.name)
        if details:
            _note(draft, Kind.LOOK)
            draft.details += details
        self._unseen.attributes(new.name, *(unstyled(tag, self._styled) for tag in (old, new)))

    def _lone_tags(self, tags: Iterable[Tag], part: Part, draft: Draft) -> None:
        for tag in tags:
            key = (tag.start, -1) if part is Part.REMOVED else (-1, tag.start)
            if key in self._told or tag.name in _OPTIONAL:
                continue
            self._told.add(key)
            look = tag.look
            if tag.name in SHAPING and not look:
                continue  # how it shapes its words is told of them
            if look and tag.name != "a":
                _note(draft, Kind.LOOK)
                told = "; ".join(f"{name}: {value}" for name, value in look.items())
                sides = (told, None) if part is Part.REMOVED else (None, told)
                draft.details.append(Detail(Kind.LOOK, tag.name, *sides))
            elif tag.name != "a":
                self._unseen.tag(*((tag.name, None) if part is Part.REMOVED else (None, tag.name)))

    def _bare(self, match: Match) -> None:
        """Boxes without words, such as spacers and lines."""
        left, right = _boxes(self._a), _boxes(self._b)
        gone, new = Counter(map(_box, left)), Counter(map(_box, right))
        gone, new = gone - new, new - gone
        for i in match.removed:  # a box that lost its words is told of as that
            new -= Counter(_box(tag) for tag in self._a.blocks[i].around)
        for j in match.added:
            gone -= Counter(_box(tag) for tag in self._b.blocks[j].around)
        draft = Draft((len(self._b.blocks), 0), [Kind.LOOK], "boxes without words")
        pairs = list(zip(gone.elements(), new.elements(), strict=False))
        for old, now in pairs:
            draft.details.append(Detail(Kind.LOOK, f"empty {now[0]}", _boxed(old), _boxed(now)))
        draft.details += [
            Detail(Kind.LOOK, f"empty {old[0]}", _boxed(old), None) for old in list(gone.elements())[len(pairs) :]
        ]
        draft.details += [
            Detail(Kind.LOOK, f"empty {now[0]}", None, _boxed(now)) for now in list(new.elements())[len(pairs) :]
        ]
        draft.before = [tag for tag in left if _box(tag) in gone]
        draft.after = [tag for tag in right if _box(tag) in new]
        if draft.details:
            self._drafts.append(draft)

    def _sheets(self) -> None:
        left, right = (css_rules("\n".join(source.sheets)) + head_looks(source) for source in (self._a, self._b))
        self._list("style rules", left, right, "rule", len(self._b.blocks) + 1)

    def _list(self, heading: str, left: list[str], right: list[str], name: str, place: int) -> None:
        draft = Draft((place, 0), [Kind.LOOK], heading)
        for tag, i, i_end, j, j_end in opcodes(left, right):
            both = min(i_end - i, j_end - j) if tag == "replace" else 0
            if tag != "equal":
                pairs = zip(left[i : i + both], right[j : j + both], strict=True)
                draft.details += [Detail(Kind.LOOK, name, *apart(old, new)) for old, new in pairs]
                draft.details += [Detail(Kind.LOOK, name, old, None) for old in left[i + both : i_end]]
                draft.details += [Detail(Kind.LOOK, name, None, new) for new in right[j + both : j_end]]
        if draft.details:
            self._drafts.append(draft)

    def _join_moves(self) -> None:
        """What moved together is one change: neighbours on both sides that differ in nothing else."""
        joined: list[Draft] = []
        for draft in self._drafts:
            last = joined[-1] if joined else None
            if (
                last is not None
                and draft.kinds == last.kinds == [Kind.MOVED]
                and _next(self._a.blocks, last.before[-1], draft.before[0])
                and _next(self._b.blocks, last.after[-1], draft.after[0])
            ):
                last.before += draft.before
                last.after += draft.after
                text = f"{last.pieces[0].text} {draft.pieces[0].text}"
                last.pieces = (Piece(Part.SAME, cut(text)),)
            else:
                joined.append(draft)
        self._drafts = joined

    def _finished(self, match: Match) -> Changes:
        drafts = sorted(self._drafts, key=lambda draft: draft.place)
        items = [
            Change(number, tuple(dict.fromkeys(draft.kinds)), draft.heading, draft.pieces, tuple(draft.details))
            for number, draft in enumerate(drafts, 1)
        ]
        if details := self._unseen.details:
            items.append(Change(len(items) + 1, (Kind.MARKUP,), "", (), details))
        marked = Marker(self._a, self._b)
        for draft, item in zip(drafts, items, strict=False):
            marked.mark(draft, item)
        marked.anchors([(self._a.blocks[i], self._b.blocks[j]) for i, j in match.pairs if (i, j) not in match.moved])
        return Changes(tuple(items), tuple(marked.before), tuple(marked.after))


# How it is told.


def _told(words: Sequence[Word]) -> str:
    """The words as people read them, pictures by name."""
    text = ""
    for word in words:
        text += ("" if word.glued or not text else " ") + (f"[picture {word.text}]" if word.picture else word.text)
    return text


def _word_key(word: Word) -> str:
    text = f"\ufffc{picture_source(word.picture)}" if word.picture else word.text
    return f"\u2060{text}" if word.glued else text


def _context(runs: Sequence[tuple[str, list[Word], list[Word]]]) -> Iterator[Piece]:
    """The changed words with some that stayed around them."""
    for index, (tag, gone, new) in enumerate(runs):
        if tag != "equal":
            if gone:
                yield Piece(Part.REMOVED, cut(_told(gone)))
            if new:
                yield Piece(Part.ADDED, cut(_told(new)))
            continue
        first, last = index == 0, index == len(runs) - 1
        room = _CONTEXT if first or last else 2 * _CONTEXT
        if len(new) <= room:
            yield Piece(Part.SAME, _told(new))
        elif first:
            yield Piece(Part.SAME, f"… {_told(new[-room:])}")
        elif last:
            yield Piece(Part.SAME, f"{_told(new[:room])} …")
        else:
            yield Piece(Part.SAME, f"{_told(new[:_CONTEXT])} … {_told(new[-_CONTEXT:])}")


def _without_tags(text: str) -> str:
    for tag in merge_tags_of(text):
        text = text.replace(tag, "")
    return "".join(character for character in text if character.isalnum())


def _is_preheader(source: Source, block: Block) -> bool:
    for each in source.blocks:
        if not each.hidden:
            return False
        if each is block:
            return True
    return False


def _note(draft: Draft, kind: Kind) -> None:
    if kind not in draft.kinds:
        draft.kinds.append(kind)


def _grouped(blocks: Sequence[Block], indices: Sequence[int]) -> Iterator[list[int]]:
    """Neighbours in one row of a table are one group."""
    group: list[int] = []
    for index in sorted(indices):
        if group and not (
            index == group[-1] + 1 and blocks[index].row is not None and blocks[index].row == blocks[group[-1]].row
        ):
            yield group
            group = []
        group.append(index)
    if group:
        yield group


def _next(blocks: Sequence[Block], first: Block | Tag, second: Block | Tag) -> bool:
    for one, two in pairwise(blocks):
        if one is first:
            return two is second
    return False


def _linked(block: Block) -> list[tuple[str, str]]:
    """Each link in a block once: where it leads, and its words."""
    found: dict[int, tuple[str, list[Word]]] = {}
    for word in block.words:
        if word.link is not None and "href" in word.link.attributes:
            found.setdefault(word.link.start, (word.link.attributes["href"].strip(), []))[1].append(word)
    return [(href, _told(words)) for href, words in found.values()]


def _boxes(source: Source) -> list[Tag]:
    """Tags without words that take room or show a line."""
    skipped = {"html", "head", "body", "meta", "link", "base", "title", "style", "script", "br"}
    return [tag for tag in source.bare if tag.name not in skipped and (tag.name in BLOCKS or tag.look) and _box(tag)[1]]


def _box(tag: Tag) -> tuple[str, tuple[tuple[str, str], ...]]:
    look = tuple(sorted(tag.look.items()))
    return tag.name, look or ((("line", ""),) if tag.name == "hr" else ())


def _boxed(box: tuple[str, tuple[tuple[str, str], ...]]) -> str:
    return "; ".join(f"{name}: {value}" for name, value in box[1])
