"""Lists in the text of a manifest: items added and removed, in either style."""

from reconcile.manifests.scalars import scalar_text
from reconcile.manifests.text_change import Change, Plain, Unwritable
from reconcile.manifests.yaml_positions import Span, line_end, line_start


def list_changes(text: str, span: Span, before: list[Plain], after: list[Plain]) -> list[Change]:
    """Take out items that are gone and add new ones at the end; what stays keeps its place."""
    kept = [index for index, item in enumerate(before) if item in after]
    added = after[len(kept) :]
    if not before or not kept or [before[index] for index in kept] != after[: len(kept)]:
        return _rewritten(text, span, after)
    if span.style == "[":
        return _flow_changes(text, span, kept, added)
    return _line_changes(text, span, kept, added)


def _rewritten(text: str, span: Span, after: list[Plain]) -> list[Change]:
    if span.style == "[":
        items = span.items
        inner = (items[0].begin, items[-1].end) if items and after else (span.start + 1, span.end - 1)
        return [(*inner, ", ".join(scalar_text(item, flow=True) for item in after))]
    lines = [change for index in range(len(span.items)) for change in _line_removed(text, span, index)]
    if not after:
        # The name of the list stands on a line before: there the empty list goes.
        colon = text.rindex(":", 0, span.start)
        return [(colon + 1, colon + 1, " []"), *lines]
    start = line_start(text, span.items[0].begin)
    indent = text[start : text.index("-", start)]
    new = "".join(f"{indent}- {scalar_text(item, flow=False)}\n" for item in after)
    return [(start, start, new), *lines]


def _flow_changes(text: str, span: Span, kept: list[int], added: list[Plain]) -> list[Change]:
    items, changes = span.items, []
    for index in range(len(items)):
        if index in kept:
            continue
        if index < kept[0]:
            changes.append((items[index].begin, items[index + 1].begin, ""))
        else:
            changes.append((items[index - 1].end, items[index].end, ""))
    quote = items[0].style if items[0].style in ("'", '"') else ""
    new = "".join(f", {scalar_text(item, flow=True, quote=quote)}" for item in added)
    last = items[kept[-1]].end
    return [(last, last, new), *changes] if new else changes


def _line_changes(text: str, span: Span, kept: list[int], added: list[Plain]) -> list[Change]:
    changes = [
        change for index in range(len(span.items)) if index not in kept for change in _line_removed(text, span, index)
    ]
    if not added:
        return changes
    last = span.items[kept[-1]]
    start = line_start(text, last.begin)
    lead = text[start : last.begin]
    if lead.strip() != "-":
        raise Unwritable("its list is not written with an item a line")
    quote = last.style if last.style in ("'", '"') else ""
    where = line_end(text, last.end)
    new = "".join(f"\n{lead}{scalar_text(item, flow=False, quote=quote)}" for item in added)
    return [(where, where, new), *changes]


def _line_removed(text: str, span: Span, index: int) -> list[Change]:
    """An item's line without the item; a comment beside it stays, on the line alone."""
    item = span.items[index]
    start, end = line_start(text, item.begin), line_end(text, item.end)
    lead, rest = text[start : item.begin], text[item.end : end].strip()
    if lead.strip() != "-":
        raise Unwritable("its list is not written with an item a line")
    if rest:
        return [(start + lead.index("-"), end, rest)]
    following = end + 1 + text.startswith("\r", end)
    return [(start, min(following, len(text)), "")]
