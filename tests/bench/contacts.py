"""100,000 contacts in a group, 1 % changed: planning the audience, beside reading its pages through the client alone.

Both sides are given the same pages, as the bytes that a platform answers with.
"""

import json
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from reconcile.model.address import Address
from reconcile.model.bulk import Comparison, Place, Task
from reconcile.model.reference import Reference
from reconcile.providers.gatormail.client import GatorMail
from reconcile.providers.gatormail.contract import Contract
from reconcile.providers.gatormail.kinds.audience import GatorMailAudience
from reconcile.providers.transport import Transport
from reconcile.state.segments import FolderSegments

COUNT = 100_000
EXCLUDED = 1_000
PAGE = 100
GROUP = Address("gatormail", "group", "buyers")
MOST_TIMES = 3.0
MOST_BYTES = 2.0  # of memory for each byte of the contacts' answers


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = _write(folder, COUNT)
        _compare(folder, _Pages(folder, COUNT // 100))  # what is needed for anything at all is not measured
        read = min(_timed(lambda: _read(folder))[0] for _ in range(2))
        before = _memory()
        planned, (comparison, pages) = _timed(lambda: _compare(folder, _Pages(folder, COUNT)))
        grown = _memory() - before
        planned = min(planned, _timed(lambda: _compare(folder, _Pages(folder, COUNT)))[0])
        times, bytes_ = planned / read, grown / size
        print(f"{COUNT:,} contacts: reading their pages {read:.2f} s, planning {planned:.2f} s, pages {dict(pages)}")
        print(f"planning takes {times:.1f} times that (at most {MOST_TIMES:g})")
        print(f"memory grows by {bytes_:.1f} bytes for each of the answers' (at most {MOST_BYTES:g})")
        print(f"found {dict(comparison.counts)} in {len(comparison.calls)} calls")
        expected = {"included": COUNT // PAGE + 1, "excluded": EXCLUDED // PAGE + 1}
        wanted = {"joining buyers": EXCLUDED, "changed contacts": COUNT // 100}
        if pages != expected or comparison.counts != wanted or times > MOST_TIMES or bytes_ > MOST_BYTES:
            sys.exit("the audience's bounds are not kept")


def _write(folder: Path, count: int) -> int:
    """The source and the pages; how many bytes the pages of who is included have."""
    with (folder / "people.csv").open("w") as file:
        file.write("E-mail,Vorname,Name,Region\n")
        for number in range(count):
            name = "Changed" if number % 100 == 0 else f"Ada{number % 977}"
            file.write(f"person{number}@example.com,{name},Rossi{number % 1009},North\n")
        for number in range(2 * EXCLUDED):
            file.write(f"other{number}@example.com,Bea,Verdi,South\n")
    written = 0
    for kind, prefix, total in (("included", "person", count), ("excluded", "other", EXCLUDED)):
        for page in range(total // PAGE):
            rows = [_contact(prefix, number) for number in range(page * PAGE, (page + 1) * PAGE)]
            file_size = (folder / f"{kind}.{page + 1}").write_bytes(json.dumps(rows).encode())
            written += file_size if kind == "included" else 0
    return written


def _contact(prefix: str, number: int) -> dict[str, Any]:
    return {
        "id": number + (1 if prefix == "person" else 10**6),
        "emailLogin": f"{prefix}{number}@example.com",
        "firstName": f"Ada{number % 977}",
        "lastName": f"Rossi{number % 1009}",
        "title": None,
        "positionInCompany": "Buyer",
        "companyName": "Example Ltd",
        "fields": {"Region": "North", "CustomerNumber": str(number)},
    }


class _Pages:
    """A way to a platform that has nothing but pages of the group's contacts, the first ``count`` of them."""

    def __init__(self, folder: Path, count: int) -> None:
        self._folder = folder
        self._last = count // PAGE
        self.read: Counter[str] = Counter()

    def request(self, operation: Any, url: str, *, decode: Callable[[Any], Any], **options: Any) -> Any:
        if operation.key == "op.contact.fields":
            return decode([{"name": "Region"}])
        if operation.key == "op.campaign.list":
            return decode([])
        kind, page = operation.key.split(".")[2], int(url.rsplit("/", 2)[1])
        self.read[kind] += 1
        file = self._folder / f"{kind}.{page}"
        return decode(json.loads(file.read_bytes()) if page <= self._last and file.exists() else [])


def _client(pages: _Pages) -> GatorMail:
    return GatorMail("http://127.0.0.1/gatormail", "example", Contract(), cast(Transport, pages))


def _read(folder: Path) -> None:
    """All pages through the client, nothing kept."""
    client = _client(_Pages(folder, COUNT))
    for operation in ("gatormail_groupIncludedContactget", "gatormail_groupExcludedContactget"):
        for _ in client.pages(operation, groupId="4"):
            pass


def _compare(folder: Path, pages: _Pages) -> tuple[Comparison, Counter[str]]:
    columns = {"emailLogin": "E-mail", "firstName": "Vorname", "lastName": "Name", "Region": "Region"}
    attributes = {"source": "people.csv", "columns": columns, "group": Reference(GROUP)}
    place = Place(folder, folder / "private", folder, lambda: b"key", segments=FolderSegments(folder / "memory"))
    task = Task(Address("gatormail", "audience", "people"), attributes, {GROUP: "4"}, _client(pages), place)
    return GatorMailAudience().compare(task), pages.read


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
