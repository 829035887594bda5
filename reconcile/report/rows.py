"""Changed attributes -> rows: values side by side, what changed in long texts and mails, what is new in short."""

import re
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from urllib.parse import urlsplit

from reconcile.mail.change import Change, Detail, Kind
from reconcile.mail.changes import changes as changes_of
from reconcile.mail.source import Source
from reconcile.mail.source_reader import read
from reconcile.model.address import Address
from reconcile.model.attributes import Digest, Value, same
from reconcile.model.kind import Action
from reconcile.model.likeness import differ_unseen, spelled
from reconcile.planner.plan import AttributeChange, Cause, Step
from reconcile.report.text import counted, key_name, one_line, quoted, shown
from reconcile.report.values import Mail, Row, Told
from reconcile.report.words import compare

_PLACES, _ALL_PLACES = 10, 100
_LONG = 120  # characters of a text from which on it is compared word by word
_HTML = re.compile(
    r"<(?:!doctype html|html|head|body|table|tbody|tr|td|div|p|h[1-6]|a|img|span|br|center|mjml)\b", re.I
)

_UNSEEN = 8  # differences that nobody sees, shown of a mail
_AROUND = 400  # characters around a stretch by which it is known for the same,
_REMEMBERED = 256  # and how many of them are
_SEEN: dict[tuple[str, str, str, str], tuple[Change, ...]] = {}


def is_html(text: object) -> bool:
    """Whether a value is a mail's HTML."""
    return isinstance(text, str) and bool(_HTML.search(text, 0, 20_000))


def rows_of(
    changes: Iterable[AttributeChange],
    step: Step,
    known: Collection[Address] = (),
    *,
    verbose: bool = False,
    in_short: bool = False,
) -> tuple[Row, ...]:
    """Changes of a step's attributes as they are shown; ``known`` are the addresses whose ids are.

    ``in_short``: a new mail is told by its size alone, as nobody reads hundreds, and each would be taken apart.
    """
    rows = (row for change in changes for row in _rows(change, step, known, verbose=verbose, in_short=in_short))
    return tuple(rows)


def rows_of_rendered(step: Step) -> Iterator[Row]:
    """What the platform made of a mail that is scheduled after a look at it; whole in JSON and on the page."""
    for name, text in step.rendered.items():
        facts = tuple(facts_of(read(text))) if is_html(text) else ()
        told = "" if facts else _brief(text, ())
        yield Row(one_line(name), None, told or None, (f"as the platform made it, {kilobytes(text)}",), facts=facts)


def cause_told(cause: Cause) -> str:
    """A cause in words."""
    return f"{Cause.MANIFEST} and {Cause.OUTSIDE}" if cause is Cause.BOTH else cause.value


def _rows(
    change: AttributeChange, step: Step, known: Collection[Address], *, verbose: bool, in_short: bool
) -> Iterator[Row]:
    if in_short and step.action is Action.CREATE and is_html(change.after):
        yield Row(one_line(change.name), marks=(f"new mail, {kilobytes(change.after)}",))
        return
    settled = step.action in (Action.CREATE, Action.DELETE, Action.ADOPT)
    marks = ["forces replacement"] if change.replaces and not settled else []
    if change.cause is Cause.BOTH and not settled:
        marks.append("conflict: changed in the manifest and, differently, outside")
    elif change.cause != step.cause and not settled:
        marks.append(cause_told(change.cause))
    if not change.readable and not settled:
        marks.append("before as last applied" if change.before is not None else "before unknown")
    whole = one_line(change.name)
    if step.action is Action.CREATE and isinstance(change.after, Mapping) and not verbose:
        # What is new is looked at in the mail itself; here it would be a page of texts.
        yield Row(whole, None, _extent(change.after), tuple(marks))
        return
    members = [(f"{whole}.{one_line(part.path)}", part.before, part.after) for part in change.members]
    for name, before, after in members or _members(whole, change.before, change.after):
        yield _row(name, before, after, tuple(marks), step.action, known, _ALL_PLACES if verbose else _PLACES)


def _members(name: str, before: Value, after: Value) -> Iterator[tuple[str, Value, Value]]:
    """The members of mappings that differ, by dotted names, for a change that doesn't list them; else the value."""
    sides = [side for side in (before, after) if side is not None]
    if not sides or not all(isinstance(side, Mapping) and side for side in sides):
        yield name, before, after
        return
    before, after = before or {}, after or {}
    for key in dict.fromkeys([*before, *after]):
        if not same(before.get(key), after.get(key)):
            yield from _members(f"{name}.{key_name(key)}", before.get(key), after.get(key))


def _row(
    name: str,
    before: Value,
    after: Value,
    marks: tuple[str, ...],
    action: Action,
    known: Collection[Address],
    places: int,
) -> Row:
    if action is Action.CREATE or (action is Action.ADOPT and before is None):
        if is_html(after):
            return Row(name, marks=(f"new mail, {kilobytes(after)}", *marks), facts=tuple(facts_of(read(after))))
        return Row(name, None, _brief(after, known), marks)
    if action is Action.DELETE:
        return Row(name, _brief(before, known), None, marks)
    texts = isinstance(before, str) and isinstance(after, str)
    if texts and is_html(before) and is_html(after):
        return Row(name, marks=(_sizes(before, after), *marks), mail=_mail(before, after))
    if texts and len(before) <= _LONG and differ_unseen(before, after):
        before, after = spelled(before), spelled(after)
        marks = ("they look the same, so what can't be seen is spelled out", *marks)
    if texts and (max(len(before), len(after)) > _LONG or "\n" in before + after):
        return Row(name, marks=(_sizes(before, after), *marks), comparison=compare(before, after, limit=places))
    if isinstance(before, str | Digest) and isinstance(after, str | Digest) and not texts:
        facts = tuple(facts_of(read(after))) if is_html(after) else ()
        return Row(name, marks=(f"content changed {_before_and_after(before, after)}", *marks), facts=facts)
    if isinstance(before, tuple) and isinstance(after, tuple) and len(before) + len(after) > 8:
        return _elements(name, before, after, marks, known)
    sides = _brief(before, known), _brief(after, known)
    if sides[0] != sides[1]:
        return Row(name, *sides, marks)
    if before == after:  # only what it refers to has changed
        return Row(name, None, sides[1], marks)
    whole = [shown(side, known, limit=sys.maxsize) for side in (before, after)]
    return Row(name, marks=marks, comparison=compare(*whole, limit=places))


def _extent(value: Mapping[str, Value]) -> str:
    """How much a mapping holds: "36 texts, 5 images"."""
    parts = [f"{len(part):,} {one_line(key)}" for key, part in value.items() if isinstance(part, Mapping)]
    return ", ".join(parts) if len(parts) == len(value) else counted(len(value), "member")


def _brief(value: Value, known: Collection[Address]) -> str:
    if isinstance(value, str) and (len(value) > _LONG or "\n" in value):
        start = quoted(" ".join(value[:200].split())[:40])
        return f"{counted(len(value), 'character')}, {counted(value.count(chr(10)) + 1, 'line')}: {start}…"
    return shown(value, known)


def _sizes(before: str, after: str) -> str:
    if is_html(after):
        return (
            kilobytes(after) if kilobytes(before) == kilobytes(after) else f"{kilobytes(before)} -> {kilobytes(after)}"
        )
    if len(before) == len(after):
        return counted(len(after), "character")
    return f"{len(before):,} -> {counted(len(after), 'character')}"


def _before_and_after(before: Value, after: Value) -> str:
    sides = [
        shown(side)[1:-1] if isinstance(side, Digest) else counted(len(side), "character") for side in (before, after)
    ]
    return f"({sides[0]} before, {sides[1]} after)"


def _elements(
    name: str, before: tuple[Value, ...], after: tuple[Value, ...], marks: tuple[str, ...], known: Collection[Address]
) -> Row:
    """A change of a long list: only what is gone and what is new."""
    gone = tuple(element for element in before if element not in after)
    new = tuple(element for element in after if element not in before)
    if not gone and not new:
        return Row(name, marks=("the same values in another order or number", *marks))
    parts = [f"{word} {shown(elements, known)}" for word, elements in (("less", gone), ("plus", new)) if elements]
    return Row(name, None, ", ".join(parts), (f"{len(before):,} -> {counted(len(after), 'value')}", *marks))


def _mail(before: str, after: str) -> Mail:
    """What people would notice. Mails that differ in the same stretch, such as a shared footer, are compared once."""
    key = _stretch(before, after)
    items = _SEEN.pop(key, None) or changes_of(before, after).items
    _SEEN[key] = items
    while len(_SEEN) > _REMEMBERED:
        del _SEEN[next(iter(_SEEN))]
    unseen = [detail for change in items if change.kinds[0] is Kind.MARKUP for detail in change.details]
    told = "; ".join(map(detail_told, unseen[:_UNSEEN]))
    if told:
        more = f"; and {len(unseen) - _UNSEEN:,} more" if len(unseen) > _UNSEEN else ""
        told = f"markup that nobody sees: {told}{more}"
    elif not items:
        told = "only white space and spelling of the markup, which nobody sees"
    return Mail(tuple(Told(change) for change in items if change.kinds[0] is not Kind.MARKUP), unseen=told)


def _stretch(before: str, after: str) -> tuple[str, str, str, str]:
    """The one stretch in which two texts differ, before and after, and what is around it."""
    start = _common(before, after)
    end = _common(before[start:][::-1], after[start:][::-1])
    lead, trail = before[max(0, start - _AROUND) : start], before[len(before) - end :][:_AROUND]
    return before[start : len(before) - end], after[start : len(after) - end], lead, trail


def _common(left: str, right: str) -> int:
    """How long two texts are the same from their start."""
    low, high = 0, min(len(left), len(right))
    while low < high:
        middle = (low + high + 1) // 2
        if left[:middle] == right[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def facts_of(mail: Source) -> Iterator[str]:
    """A mail in short: what an inbox shows beside the subject, its words, links and pictures."""
    yield f"inbox shows: {quoted(_cut(mail.inbox))}" if mail.inbox else "no words at all"
    first = next((block.text for block in mail.blocks if not block.hidden and block.text), "")
    yield f"words: {mail.words:,}" + (f", the first: {quoted(_cut(first))}" if first else "")
    hosts = Counter(_host(href) for _, href in mail.links)
    named = ", ".join(f"{one_line(host)} ({count:,})" for host, count in hosts.most_common(6))
    rest = len(hosts) - 6
    yield (
        f"links: {len(mail.links):,}" + (f" to {named}" if named else "") + (f" and {rest:,} more" if rest > 0 else "")
    )
    bare = sum(not picture.attributes.get("alt", "").strip() for picture in mail.pictures)
    yield f"pictures: {len(mail.pictures):,}" + (f", {bare:,} without alternative text" if bare else "")
    if mail.merge_tags:
        tags = list(mail.merge_tags)
        more = f" and {len(tags) - 8:,} more" if len(tags) > 8 else ""
        yield f"merge tags: {', '.join(map(one_line, tags[:8]))}{more}"


def _host(href: str) -> str:
    try:
        parts = urlsplit(href)
        return parts.hostname or parts.scheme or _cut(href, 30)
    except ValueError:
        return _cut(href, 30)


def _cut(text: str, limit: int = 90) -> str:
    return text if len(text) <= limit else f"{text[:limit].rstrip()}…"


def detail_told(detail: Detail) -> str:
    """``link: https://a.example/ -> https://b.example/``."""
    before, after = (None if side is None else one_line(side) for side in (detail.before, detail.after))
    name = one_line(detail.name)
    if before is None:
        return f"{name}: new: {after}"
    return f"{name}: gone: {before}" if after is None else f"{name}: {before} -> {after}"


def kilobytes(text: str) -> str:
    """How big a text is when it is sent."""
    return f"{len(text.encode(errors='replace')) / 1024:,.1f} KB"
