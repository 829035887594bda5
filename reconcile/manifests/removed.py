"""``removed:`` in a manifest: objects that are to go, said where the change is reviewed.

```yaml
removed:
  - mail.list.club
  - {address: mail.list.old, keep: true}   # only the state forgets it
```
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from reconcile.errors import Diagnostic, Location
from reconcile.manifests.nodes import Document, ListNode, MappingNode, Node, ScalarNode
from reconcile.manifests.wording import given
from reconcile.model.address import Address, parse_address
from reconcile.model.registry import Registry

REMOVED: Final = "removed"


@dataclass(frozen=True, slots=True)
class Removed:
    """That an object is to go, and where it is said; ``keep``: it stays in the account."""

    keep: bool
    location: Location


def read_removed(
    document: Document, node: Node, registry: Registry, findings: list[Diagnostic]
) -> dict[Address, Removed]:
    """What a manifest says is removed."""
    if isinstance(node, ScalarNode) and node.value is None:
        return {}
    if not isinstance(node, ListNode):
        findings.append(_wrong(document, node, "`removed` takes a list of addresses"))
        return {}
    found: dict[Address, Removed] = {}
    for item in node.items:
        address, keep = _item(document, item, findings)
        if address is None:
            continue
        if (finding := _unknown(document, item, address, registry)) is not None:
            findings.append(finding)
        else:
            found[parse_address(address)] = Removed(keep, document.at(item.mark))
    return found


def still_declared(removed: Mapping[Address, Removed], declared: Mapping[Address, Location]) -> Iterator[Diagnostic]:
    """Findings about entries that are declared and said to be removed."""
    for address in sorted(removed.keys() & declared.keys()):
        yield Diagnostic(
            "removed-and-declared",
            "an entry is declared, and said to be removed",
            f"{address} stands under `removed`, and is declared, too.",
            address=str(address),
            location=removed[address].location,
            hint="Take out the one that is not meant.",
            others=(declared[address],),
        )


def _item(document: Document, item: Node, findings: list[Diagnostic]) -> tuple[str | None, bool]:
    if isinstance(item, ScalarNode) and isinstance(item.value, str):
        return item.value, False
    if isinstance(item, MappingNode) and item.members.keys() <= {"address", "keep"}:
        members = {name: node.value for name, node in item.members.items() if isinstance(node, ScalarNode)}
        address, keep = members.get("address"), members.get("keep", False)
        if isinstance(address, str) and isinstance(keep, bool) and members.keys() == item.members.keys():
            return address, keep
    findings.append(_wrong(document, item, "Under `removed` stand addresses, or {address: ADDRESS, keep: true}"))
    return None, False


def _unknown(document: Document, item: Node, text: str, registry: Registry) -> Diagnostic | None:
    try:
        address = parse_address(text)
    except ValueError:
        known = False
    else:
        known = address.provider in registry.providers and address.kind in registry.providers[address.provider].kinds
    if known:
        return None
    return Diagnostic(
        "unknown-address",
        "no address of this project",
        f'"{text}" is no address of this project: an address is a provider\'s alias, a kind and a name.',
        location=document.at(item.mark),
        hint="reconcile state list shows those that are managed.",
    )


def _wrong(document: Document, node: Node, takes: str) -> Diagnostic:
    detail = f"{takes}; here stands {given(node)}."
    return Diagnostic("wrong-type", "a value of the wrong type", detail, location=document.at(node.mark))
