"""What is looked for in every mail before people see it; each module beside this one holds one ``CHECK``.

An installed package adds its own through the entry-point group ``reconcile.checks``: each entry point is a ``Check``.
"""

import importlib
import pkgutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from reconcile.errors import InvalidInput
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
        found.append(_installed(entry_point, {check.id for check in found}))
    return tuple(sorted(found, key=lambda check: (check.severity is not Severity.ERROR, check.id)))


def _installed(entry_point: EntryPoint, taken: Collection[str]) -> Check:
    """A check of an installed package.

    Raises:
        InvalidInput: it can't be loaded, is none, or has the id of another.
    """
    whose = f"The check {entry_point.name} ({entry_point.value}), an entry point of reconcile.checks,"
    try:
        check = entry_point.load()
    except Exception as error:  # it is somebody else's code
        raise InvalidInput(f"{whose} can't be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(check, Check):
        raise InvalidInput(f"{whose} is no Check.")
    if check.id in taken:
        raise InvalidInput(f"{whose} has the id {check.id}, which another check has.")

    def guarded(mail: Mail) -> Iterator[Found]:
        try:
            yield from check.look(mail)
        except Exception as error:  # it is somebody else's code
            raise InvalidInput(f"{whose} failed at {mail.address}: {type(error).__name__}: {error}") from error

    return replace(check, look=guarded)


def look(mail: Mail, severities: Mapping[str, Severity]) -> Iterator[tuple[Check, Severity, Found]]:
    """All that is found in a mail; ``severities`` are those that a project sets, by the checks' ids."""
    for check in checks():
        severity = severities.get(check.id, check.severity)
        if severity is not Severity.OFF:
            yield from ((check, severity, found) for found in check.look(mail))
