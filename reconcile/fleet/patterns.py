"""Patterns of fleet.yaml that match nothing: an approver of nobody, a limit that binds no account."""

from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase

from reconcile.errors import Diagnostic, Severity
from reconcile.fleet.settings import FLEET_FILE, Account, Fleet
from reconcile.manifests.load import PROJECT_FILE
from reconcile.manifests.nodes import ListNode, MappingNode, Node
from reconcile.manifests.parse import parse_yaml

_Has = Callable[[str], bool]


def unmatched(fleet: Fleet, accounts: Sequence[Account]) -> Iterator[Diagnostic]:
    """A warning for each pattern that matches none of the accounts, at its place."""
    for name, approver in fleet.approvers.items():
        theirs = [each for each in accounts if _any(each.name, approver.accounts)]
        what = f"accounts of {name}"
        yield from _told(fleet, ("approvers", name, "accounts"), "account", _names(accounts))
        yield from _told(
            fleet, ("approvers", name, "environments"), f"environment of the {what}", _environments(theirs)
        )
    for limit in fleet.limits:
        bound = [each for each in accounts if _any(each.name, limit.accounts)]
        yield from _told(fleet, ("limits", limit.name, "accounts"), "account", _names(accounts))
        yield from _told(
            fleet, ("limits", limit.name, "providers"), f"provider of the accounts under {limit.name}", _aliases(bound)
        )


def _told(fleet: Fleet, path: tuple[str, ...], what: str, has: _Has) -> Iterator[Diagnostic]:
    patterns = _at(fleet.document.root, path) if fleet.document is not None else None
    for node in patterns.items if isinstance(patterns, ListNode) else ():
        pattern = getattr(node, "value", None)
        if fleet.document is not None and isinstance(pattern, str) and not has(pattern):
            yield Diagnostic(
                "unmatched-pattern",
                "a pattern matches nothing",
                f'"{pattern}" matches no {what}, so it says nothing.',
                location=fleet.document.at(node.mark),
                hint=f"Correct or remove it in {FLEET_FILE}; * stands for any letters.",
                severity=Severity.WARNING,
            )


def _at(node: Node | None, path: tuple[str, ...]) -> Node | None:
    for name in path:
        node = node.members.get(name) if isinstance(node, MappingNode) else None
    return node


def _names(accounts: Sequence[Account]) -> _Has:
    return lambda pattern: any(fnmatchcase(each.name, pattern) for each in accounts)


def _environments(accounts: Sequence[Account]) -> _Has:
    # Without an account there is no environment to be wrong about: the accounts' own pattern is told.
    return lambda pattern: not accounts or any(fnmatchcase(each.environment, pattern) for each in accounts)


def _aliases(accounts: Sequence[Account]) -> _Has:
    """Projects are read one after the other until one has such a provider: mostly the first one does."""
    return lambda pattern: (
        not accounts or any(fnmatchcase(alias, pattern) for each in accounts for alias in _aliases_of(each))
    )


def _aliases_of(account: Account) -> Iterator[str]:
    try:
        root = parse_yaml((account.project / PROJECT_FILE).read_bytes(), PROJECT_FILE, []).root
    except OSError:
        return
    layers = [root, _at(root, ("environments", account.environment))]
    for layer in layers:
        providers = _at(layer, ("providers",))
        yield from providers.members if isinstance(providers, MappingNode) else ()


def _any(text: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns)
