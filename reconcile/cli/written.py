"""Times as manifests write them: with the offset that somebody has chosen."""

import re
from collections.abc import Callable
from pathlib import Path

from reconcile.model.resource import Resource

_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(?::\d{2})?(?:[Zz]|[+-]\d{2}:\d{2})")


def written_by(root: Path) -> Callable[[Resource, str], str | None]:
    """How the manifests of the project at ``root`` write a time of an entry; None where they don't, as in a default."""
    from reconcile.model.instant import utc

    lines: dict[str, list[str]] = {}

    def written(resource: Resource, name: str) -> str | None:
        at, place = resource.attributes.get(name), resource.locations.get(name)
        if not isinstance(at, str) or place is None:
            return None
        if place.file not in lines:
            try:
                lines[place.file] = (root / place.file).read_text(encoding="utf-8").split("\n")
            except (OSError, ValueError):
                lines[place.file] = []
        line = "".join(lines[place.file][place.line - 1 : place.line])
        return next((each for each in _INSTANT.findall(line) if utc(each) == at), None)

    return written
