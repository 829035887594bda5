"""The address of a resource: provider alias, kind and name; the key of every mapping."""

import re
from dataclasses import dataclass

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """``shop.list.italia``: the provider's alias, the kind in the singular, the entry's name."""

    provider: str
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.provider}.{self.kind}.{self.name}"


def parse_address(text: str) -> Address:
    """The address written as ``provider.kind.name``.

    Raises:
        ValueError: the text has not three parts of letters, digits, ``-`` and ``_``.
    """
    parts = text.split(".")
    if len(parts) != 3 or not all(NAME.fullmatch(part) for part in parts):
        raise ValueError(f'"{text}" is no address: it takes provider.kind.name, such as shop.list.italia')
    return Address(*parts)
