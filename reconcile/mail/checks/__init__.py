"""What is looked for in every mail before people see it; each module beside this one holds one ``CHECK``.

An installed package adds its own through the entry-point group ``reconcile.checks``: each entry point is a ``Check``.
"""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import entry_points

from reconcile.mail.checks.check import Check, Found, Mail, PlatformTag, Severity, Text, position

__all__ = ["Check", "Found", "Mail", "PlatformTag", "Severity", "Text", "checks", "look", "position"]


@cache
def checks() -> tuple[Check, ...]:
    """All checks, errors first, by their ids."""
    found = []
    for module in pkgutil.iter_modules(__path__):
        check = getattr(importlib.import_module(f"{__name__}.{module.name}"), "CHECK", None)
        if isinstance(check, Check):
            found.append(check)
    for entry_point in entry_points(group="reconcile.checks"):
        check = entry_point.load()
        if not isinstance(check, Check):
            raise TypeError(f"the entry point {entry_point.name} of reconcile.checks is no Check")
        found.append(check)
    return tuple(sorted(found, key=lambda check: (check.severity is not Severity.ERROR, check.id)))


def look(mail: Mail, severities: Mapping[str, Severity]) -> Iterator[tuple[Check, Severity, Found]]:
    """All that is found in a mail; ``severities`` are those that a project sets, by the checks' ids."""
    for check in checks():
        severity = severities.get(check.id, check.severity)
        if severity is not Severity.OFF:
            yield from ((check, severity, found) for found in check.look(mail))
