"""Lists that come by pages, read to their end, whatever the platform makes of the size that it was asked for.

A page that is not full is no end: a platform may cap pages in silence. So reading goes on to an empty page; and where
the first page is short, by pages of that size, so that the next one begins where it ended. A list that can't be read to
its end is an error: half a list would show people as gone who are there.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from reconcile.providers.shapes import Misfit

LARGEST: Final = 10_000  # pages
_RESTARTS: Final = 3

Read = Callable[[int, int], Sequence[Mapping[str, Any]]]  # page, size


class Incomplete(Misfit):
    """A list could not be read to its end."""

    code = "incomplete-list"


def rows(
    read: Read, *, first: int, size: int, operation: str, remedy: str, settled: bool = False
) -> Iterator[dict[str, Any]]:
    """The rows of a list, each once: rows may move while they are read.

    ``settled``: what comes while the list is read is not missed either. A row that comes onto a page that was read
    already moves all those behind it; so the last page is read once more at the end, and if rows have moved, all of
    them are.

    Raises:
        Incomplete: the pages have no end, are not told apart, or move all the time.
    """
    seen: set[Any] = set()
    asked = 0
    largest = size

    def stands(last: list[Any], page: int, size: int) -> bool:
        """Whether the last page still is as it was, and the one after it empty."""
        again = read(page - 1, largest if page - 1 == first else size)
        return [row["id"] for row in again] == last and (len(last) < size or not read(page, size))

    for _ in range(_RESTARTS + 1):
        before: list[Any] = []
        passed: set[Any] = set()
        page, cut, moved = first, False, False
        while not cut:
            if asked == LARGEST:
                raise Incomplete(f"{operation}: the list has no end after {LARGEST:,} pages.", hint=remedy)
            found = read(page, size)
            asked += 1
            ids = [row["id"] for row in found]
            for row in found:
                if row["id"] not in seen:
                    seen.add(row["id"])
                    yield dict(row)
            if not found:
                if not settled or not before or stands(before, page, size):
                    return
                moved = True
                break
            if settled and not passed.isdisjoint(ids):
                moved = True
                break
            passed.update(ids)
            if before and ids == before:
                raise Incomplete(f"{operation}: the platform gives the same page whichever is asked for.", hint=remedy)
            # A short page in the middle: what it left out may not be on the next one.
            cut = bool(before) and len(before) < size
            if page == first or cut:
                size = min(size, len(before) or len(found))
            before, page = ids, page + 1
    if moved:
        raise Incomplete(f"{operation}: the rows move while they are read, again and again.", hint="Run again later.")
    raise Incomplete(f"{operation}: the platform gives fewer rows than asked for, again and again.", hint=remedy)
