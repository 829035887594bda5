"""Entities and attributes of GatorMail's schema as mappings: {entity: {displayName, attributes: {name: {...}}}}.

Names are compared without regard to case. A member that is
not there (a display name that nobody set) is not there in the mapping either.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Entities = Mapping[str, Any]
_OWN = ("displayName", "dataType")


def entities(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The entities of a schema as the API gives it, in its order."""
    return {
        entity["name"]: {
            **_own(entity),
            "attributes": {attribute["name"]: _own(attribute) for attribute in entity.get("attributes") or ()},
        }
        for entity in schema.get("entities") or ()
    }


def mappings(schema: Mapping[str, Any]) -> dict[str, dict[str, bool]]:
    """The published mappings: Entity.attribute -> contact field -> whether it is cleansed, that is, written back."""
    found: dict[str, dict[str, bool]] = {}
    for entity in schema.get("entities") or ():
        for attribute in entity.get("attributes") or ():
            rows = {row["contactAttribute"]: bool(row.get("dataCleanse")) for row in attribute.get("mappings") or ()}
            if rows:
                found[f"{entity['name']}.{attribute['name']}"] = dict(sorted(rows.items()))
    return dict(sorted(found.items()))


def folded(named: Mapping[str, Any]) -> dict[str, Any]:
    """The mapping with its names in one case."""
    return {name.casefold(): value for name, value in named.items()}


def doubles(named: Iterable[str]) -> Iterator[str]:
    """The names that are there twice but for their case."""
    counts = Counter(name.casefold() for name in named)
    return (name for name, count in counts.items() if count > 1)


def within(there: Entities, wanted: Entities) -> dict[str, Any]:
    """What is there of what is wanted: the same entities, attributes and members, spelled as wanted."""
    known = folded(there)
    return {
        name: {
            **{member: known[name.casefold()][member] for member in _OWN if member in entity and member in found},
            **({"attributes": _attributes(found, entity)} if "attributes" in entity else {}),
        }
        for name, entity in wanted.items()
        if (found := known.get(name.casefold())) is not None
    }


def without(there: Entities, wanted: Entities) -> dict[str, Any]:
    """What is there beside what is wanted: whole entities, and the other attributes of wanted ones."""
    known = folded(wanted)
    left: dict[str, Any] = {}
    for name, entity in there.items():
        asked = known.get(name.casefold())
        if asked is None:
            left[name] = entity
            continue
        named = folded(asked.get("attributes", {}))
        others = {key: value for key, value in entity["attributes"].items() if key.casefold() not in named}
        if others:
            left[name] = {"attributes": others}
    return left


def names(found: Entities) -> list[str]:
    """What there is, by name: the attributes, and entities without any."""
    return [
        text
        for name, entity in found.items()
        for text in ([f"{name}.{attribute}" for attribute in entity.get("attributes", {})] or [name])
    ]


def differs(there: Entities, wanted: Entities) -> bool:
    """Whether something that is there is wanted otherwise, so that no addition brings it about."""
    known = folded(there)
    for name, entity in wanted.items():
        found = known.get(name.casefold())
        if found is None:
            continue
        if _unlike(found, entity):
            return True
        present = folded(found.get("attributes", {}))
        for attribute, members in entity.get("attributes", {}).items():
            if attribute.casefold() in present and _unlike(present[attribute.casefold()], members):
                return True
    return False


def covers(there: Entities, wanted: Entities) -> bool:
    """Whether all that is wanted is there as it is wanted; more may be there, too."""
    known = folded(there)
    for name, entity in wanted.items():
        found = known.get(name.casefold())
        if found is None or _unlike(found, entity):
            return False
        present = folded(found.get("attributes", {}))
        for attribute, members in entity.get("attributes", {}).items():
            if attribute.casefold() not in present or _unlike(present[attribute.casefold()], members):
                return False
    return True


def over(there: Entities, wanted: Entities) -> dict[str, Any]:
    """All that is there, with what is wanted over it: in the order of what is there, spelled as wanted."""
    asked = folded(wanted)
    spelling = {name.casefold(): name for name in (*there, *wanted)}
    known = folded(there)
    return {
        spelling[name]: {
            **_own(known.get(name, {})),
            **_own(asked.get(name, {})),
            "attributes": _joined(known.get(name, {}).get("attributes", {}), asked.get(name, {}).get("attributes", {})),
        }
        for name in dict.fromkeys([*known, *asked])
    }


def spelled(there: Mapping[str, Any], declared: Mapping[str, Any]) -> dict[str, Any]:
    """The live mappings of the declared attributes, contact fields spelled as declared where only case differs."""
    known = folded(there)
    return {
        name: _spelled(known[name.casefold()], value) for name, value in declared.items() if name.casefold() in known
    }


def _spelled(live: Any, declared: Any) -> Any:
    spelling = {field.casefold(): field for field in ([declared] if isinstance(declared, str) else declared)}
    if isinstance(live, str):
        return spelling.get(live.casefold(), live)
    return tuple(sorted(spelling.get(field.casefold(), field) for field in live))


def _attributes(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    present = folded(there.get("attributes", {}))
    return {
        name: {member: present[name.casefold()][member] for member in members if member in present[name.casefold()]}
        for name, members in wanted["attributes"].items()
        if name.casefold() in present
    }


def _joined(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    known, asked = folded(there), folded(wanted)
    spelling = {name.casefold(): name for name in (*there, *wanted)}
    return {spelling[name]: {**known.get(name, {}), **asked.get(name, {})} for name in dict.fromkeys([*known, *asked])}


def _unlike(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return any(member in wanted and there.get(member) != wanted[member] for member in _OWN)


def _own(found: Mapping[str, Any]) -> dict[str, Any]:
    return {member: found[member] for member in _OWN if found.get(member) is not None}
