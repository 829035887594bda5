"""What a mail says beside its words and pictures: in fields, hints, forms, films, maps, and for Outlook alone."""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from reconcile.mail.change import Changes, Detail, Kind, Part, Piece
from reconcile.mail.marks import Draft
from reconcile.mail.match import Match, opcodes
from reconcile.mail.source import Source, Tag, invisible
from reconcile.mail.source_reader import read
from reconcile.mail.style import LOOKS, names

# Attributes told of here or of the words and pictures themselves, so that they are no markup that nobody sees.
CONTENT = names(
    "href src srcset alt xlink:href action formaction poster title aria-label placeholder value label data-src"
)
_LINKING = ("formaction", "xlink:href")
_FIELDS = names("input option")
_SVG_PICTURES = names("image feimage")
_RUNS = names("script iframe object embed applet portal template")


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that a tag says beside the words."""

    kind: Kind
    name: str
    value: str
    tag: Tag

    @property
    def key(self) -> tuple[Kind, str, str]:
        """What makes it the same."""
        return self.kind, self.name, self.value


def drafts_beside(a: Source, b: Source, match: Match) -> Iterator[Draft]:
    """What differs in it. What is part of a block that is new or gone is told of with that."""
    left = _facts(a, match.removed)
    right = _facts(b, match.added)
    gone = Counter(fact.key for fact in left)
    new = Counter(fact.key for fact in right)
    gone, new = gone - new, new - gone
    if not gone and not new:
        return
    starts = [block.words[0].start for block in b.blocks if block.words]
    headings = [block.heading for block in b.blocks if block.words]
    for tag, i, i_end, j, j_end in opcodes([fact.key for fact in left], [fact.key for fact in right]):
        if tag == "equal":
            continue
        before, after = list(_counted(left[i:i_end], gone)), list(_counted(right[j:j_end], new))
        for old, now in _paired(before, after):
            (fact,) = [each for each in (now, old) if each is not None][:1]
            near = now or (right[min(j, len(right) - 1)] if right else None)
            where = bisect_right(starts, near.tag.start) if near is not None else 0
            heading = headings[max(0, where - 1)] if headings else ""
            draft = Draft((where, 2), [fact.kind], heading)
            sides = old.value if old else None, now.value if now else None
            draft.details.append(Detail(fact.kind, fact.name, *sides))
            draft.before, draft.after = [old.tag] if old else [], [now.tag] if now else []
            yield draft


def _counted(facts: Sequence[Fact], left: Counter[tuple[Kind, str, str]]) -> Iterator[Fact]:
    for fact in facts:
        if left[fact.key] > 0:
            left[fact.key] -= 1
            yield fact


def _paired(before: list[Fact], after: list[Fact]) -> Iterator[tuple[Fact | None, Fact | None]]:
    """What became what: the first of the same kind and name."""
    for old in before:
        now = next((each for each in after if (each.kind, each.name) == (old.kind, old.name)), None)
        if now is not None:
            after.remove(now)
        yield old, now
    yield from ((None, now) for now in after)


def _facts(source: Source, lone: Sequence[int]) -> list[Fact]:
    """All that it says beside its words, but for the blocks that are new or gone."""
    words = [word for block in source.blocks for word in block.words]
    linked = {word.link.start for word in words if word.link is not None}
    told = [word for index in lone for word in source.blocks[index].words]
    left_out = {tag.start for word in told for tag in (word.picture, word.link) if tag is not None}
    left_out |= {tag.start for index in lone for tag in source.blocks[index].inside}
    found = []
    for tag in source.tags:
        if tag.start not in left_out and (tag.attributes or tag.text):
            found += [Fact(*fact, tag) for fact in _said(tag, linked)]
    return found


def _said(tag: Tag, linked: set[int]) -> Iterator[tuple[Kind, str, str]]:
    name, given = tag.name, tag.attributes
    yield from _led(tag, linked)
    for key in ("srcset", "poster", "src"):
        # Of a picture its source is told with it.
        if key in given and name != "script" and not (name == "img" and (key == "src" or not given.get("src"))):
            yield Kind.PICTURE, f"{key} of {name}", ",".join(re.split(r"\s*,\s+", " ".join(given[key].split())))
    if name in _SVG_PICTURES and (source := given.get("href") or given.get("xlink:href")):
        yield Kind.PICTURE, f"picture of {name}", source.strip()
    for key in ("title", "aria-label", "placeholder", "label"):
        if key in given:
            yield Kind.WORDS, f"{key} of {name}", " ".join(given[key].split())
    if "value" in given and name in _FIELDS:
        yield Kind.WORDS, f"value of {name}", " ".join(given["value"].split())
    if "alt" in given and name != "img":
        yield Kind.ALT, f"alternative text of {name}", " ".join(given["alt"].split())
    if name == "textarea" and tag.text.strip():
        yield Kind.WORDS, "text of textarea", " ".join(tag.text.split())


def _led(tag: Tag, linked: set[int]) -> Iterator[tuple[Kind, str, str]]:
    name, given = tag.name, tag.attributes
    if "href" in given and name != "link" and name not in _SVG_PICTURES and tag.start not in linked:
        yield Kind.LINK, f"link of {name}", given["href"].strip()
    if name == "form" and "action" in given:
        yield Kind.LINK, "action of form", given["action"].strip()
    for key in _LINKING:
        if key in given and name not in _SVG_PICTURES:
            yield Kind.LINK, f"{'link' if key == 'xlink:href' else key} of {name}", given[key].strip()


# What Outlook alone shows.


def draft_of_outlook(a: Source, b: Source, place: int, compared: Callable[[str, str], Changes]) -> Draft | None:
    """What differs in the comments that Outlook reads: their words, links and pictures, else their code."""
    draft = Draft((place, 0), [], "what Outlook alone shows")
    for tag, i, i_end, j, j_end in opcodes(a.outlook, b.outlook):
        both = min(i_end - i, j_end - j) if tag == "replace" else 0
        if tag == "equal":
            continue
        for old, new in zip(range(i, i + both), range(j, j + both), strict=True):
            found = compared(_shown(a.comments[old]), _shown(b.comments[new]))
            for change in found.seen:
                draft.kinds += change.kinds
                draft.pieces += change.pieces
                draft.details += change.details
            if len(found.seen) < max(1, len(found.items)) or _condition(a.comments[old]) != _condition(b.comments[new]):
                draft.kinds.append(Kind.LOOK)
                draft.details.append(Detail(Kind.LOOK, "code", *apart(a.outlook[old], b.outlook[new])))
        for old in range(i + both, i_end):
            _lone(draft, a.comments[old], a.outlook[old], Part.REMOVED)
        for new in range(j + both, j_end):
            _lone(draft, b.comments[new], b.outlook[new], Part.ADDED)
    order = list(Kind)
    draft.kinds = sorted(dict.fromkeys(draft.kinds), key=order.index)
    return draft if draft.kinds else None


def _lone(draft: Draft, comment: str, code: str, part: Part) -> None:
    source = read(_shown(comment))
    words = " ".join(text for block in source.blocks if (text := block.text))
    if words:
        draft.kinds.append(Kind.WORDS)
        draft.pieces += (Piece(part, cut(words)),)
    for kind, name, values in (
        (Kind.LINK, "link", [href for _, href in source.links]),
        (Kind.LOOK, "code", [code]),
    ):
        for value in values:
            draft.kinds.append(kind)
            sides = (cut(value), None) if part is Part.REMOVED else (None, cut(value))
            draft.details.append(Detail(kind, name, *sides))


def _condition(comment: str) -> str:
    return comment.partition("]>")[0]


def _shown(comment: str) -> str:
    """What Outlook reads of such a comment."""
    shown = re.sub(r"<!\[endif\]\s*$", "", comment.partition("]>")[2], flags=re.IGNORECASE)
    return shown.replace("<!--", "")  # a comment within a comment would be looked at within this look


# What nobody sees.


class Unseen:
    """Markup that differs and that nobody sees: its tag and attribute, and what it was and is."""

    def __init__(self) -> None:
        self._found: Counter[tuple[str, str | None, str | None]] = Counter()

    def tag(self, old: str | None, new: str | None) -> None:
        """A tag that is another one, gone or new."""
        self._found["tag", old, new] += 1

    def attributes(self, name: str, old: dict[str, str], new: dict[str, str]) -> None:
        """The attributes of a tag."""
        for each in dict.fromkeys([*old, *new]):
            self.value(f"{name} {each}", old.get(each), new.get(each))

    def value(self, name: str, old: str | None, new: str | None) -> None:
        """Something by its name."""
        if old != new:
            self._found[name, old, new] += 1

    def bare(self, a: Source, b: Source) -> None:
        """Tags without words that may do something, and the attributes of the others."""
        sides = [[tag for tag in source.bare if tag.name not in _HEAD] for source in (a, b)]
        for tag, i, i_end, j, j_end in opcodes(*[[_whole(each) for each in side] for side in sides]):
            if tag == "equal":
                continue
            left, right = sides[0][i:i_end], sides[1][j:j_end]
            for op, k, k_end, m, m_end in opcodes([each.name for each in left], [each.name for each in right]):
                if op == "equal":
                    for old, new in zip(left[k:k_end], right[m:m_end], strict=True):
                        self.attributes(old.name, others(old), others(new))
                        if old.name in _RUNS:
                            self.value(f"{old.name} text", _short(old.text), _short(new.text))
                    continue
                for old in left[k:k_end]:
                    if old.name in _RUNS:
                        self.tag(_written(old), None)
                for new in right[m:m_end]:
                    if new.name in _RUNS:
                        self.tag(None, _written(new))

    def head(self, a: Source, b: Source) -> None:
        """What stands in the head."""
        left, right = (Counter(_written(tag) for tag in _metas(source) if not _looks(tag)) for source in (a, b))
        left, right = left - right, right - left
        gone, new = sorted(left.elements()), sorted(right.elements())
        for old in gone:
            now = next((each for each in new if _known_by(each) == _known_by(old)), None)
            if now is not None:
                new.remove(now)
            self.value("head", old, now)
        for each in new:
            self.value("head", None, each)
        self.value("title", a.title or None, b.title or None)
        self.value("characters that nobody sees", *(f"{invisible(source.text):,}" for source in (a, b)))

    @property
    def details(self) -> tuple[Detail, ...]:
        """Each of them once, with how often it is there."""
        return tuple(
            Detail(Kind.MARKUP, name + (f" ({count:,} times)" if count > 1 else ""), old, new)
            for (name, old, new), count in self._found.items()
        )


def head_looks(source: Source) -> list[str]:
    """What in the head of a mail gives it its look, beside its style sheets: what is linked, schemes, width."""
    return [_written(tag) for tag in _metas(source) if _looks(tag)]


def _metas(source: Source) -> Iterator[Tag]:
    return (tag for tag in source.tags if tag.name in _METAS)


def _looks(tag: Tag) -> bool:
    given = tag.attributes
    named = given.get("name", "").lower() in ("color-scheme", "supported-color-schemes", "viewport")
    return named or "stylesheet" in given.get("rel", "").lower()


_METAS = names("meta link")
_LISTS = names("ol ul li")
_HEAD = _METAS | names("html head body base title style tbody colgroup br")


def others(tag: Tag) -> dict[str, str]:
    """What is neither look nor content."""
    return {
        name: " ".join(value.split())
        for name, value in tag.attributes.items()
        if name not in LOOKS
        and not (name == "type" and tag.name in _LISTS)
        and (name not in CONTENT or tag.name in _RUNS)
    }


def _whole(tag: Tag) -> tuple[object, ...]:
    return tag.name, *sorted(others(tag).items()), tag.text if tag.name in _RUNS else ""


def _written(tag: Tag) -> str:
    attributes = "".join(f' {name}="{" ".join(value.split())}"' for name, value in sorted(tag.attributes.items()))
    return cut(f"<{tag.name}{attributes}>{_short(tag.text)}", 160)


def _known_by(written: str) -> str:
    return re.sub(r' (?:content|href)="[^"]*"', "", written)


def _short(text: str) -> str:
    return cut(" ".join(text.split()), 120)


def cut(text: str, limit: int = 400) -> str:
    """The start of a text, and how much more there is."""
    return text if len(text) <= limit else f"{text[:limit].rstrip()} … (and {len(text) - limit:,} more characters)"


def apart(old: str, new: str) -> tuple[str, str]:
    """Two long texts from where they begin to differ."""
    same = 0
    while same < min(len(old), len(new)) and old[same] == new[same]:
        same += 1
    start = max(0, same - 40) if max(len(old), len(new)) > 120 else 0
    lead = "…" if start else ""
    return lead + cut(old[start:], 160), lead + cut(new[start:], 160)
