"""What an audience wants of everybody in its source, in words that all platforms share. Pure values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

CONSENT = "consent:"  # before the name of a consent: the attribute that its column fills
TAGS = "tags"  # the attribute that a column of tags fills; in a cell they have commas between

# How an attribute's value is compared with the live one. "text": as it stands. "value": numbers and truth values as
# such. "flag": as yes or no. "unread": the live one can't be read. "consent": whether they consent. "tags": they
# are added to the live ones.
How: TypeAlias = Literal["text", "value", "flag", "unread", "consent", "tags"]


@dataclass(frozen=True, slots=True)
class Attribute:
    """One of the values that the source has of people."""

    name: str
    how: How = "text"


@dataclass(frozen=True, slots=True)
class Target:
    """A list or group that people are put on or in: its entry's name, and its id; None while it does not exist."""

    name: str
    id: str | None


@dataclass(frozen=True, slots=True)
class Traits:
    """What a platform can tell and do.

    Attributes:
        id_type: the type of people's ids in SQL.
        whole: the people who are live are all of the account; else those of the audience's targets.
        dated: it tells since when somebody is where they are; else what this audience did is all that is known.
        bars: it can keep people out of a target; else who is unwanted is only never put there.
    """

    id_type: str = "BIGINT"
    whole: bool = True
    dated: bool = True
    bars: bool = False


@dataclass(frozen=True, slots=True)
class Goal:
    """What an audience wants.

    Attributes:
        attributes: those that the source has, without the address, in the order of its cells.
        targets: the lists or groups that everybody is to be on or in.
        tags: those that everybody is to have, beside those of their own row.
        consents: the wanted value of each consent that is declared; None: a column says it.
        titles: all consents that the platform knows.
        sync: whom the audience had put somewhere and the source no longer has is taken out.
        importable: an import can bring all of the attributes.
    """

    attributes: tuple[Attribute, ...]
    targets: tuple[Target, ...] = ()
    tags: tuple[str, ...] = ()
    consents: Mapping[str, bool | None] = field(default_factory=dict)
    titles: tuple[str, ...] = ()
    sync: bool = False
    importable: bool = True

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the attributes that people have at the platform."""
        return tuple(each.name for each in self.attributes if each.how not in ("consent", "tags"))

    @property
    def known_targets(self) -> tuple[str, ...]:
        """The ids of the targets that exist."""
        return tuple(target.id for target in self.targets if target.id is not None)

    def numbers(self, how: How) -> list[int]:
        """Where the cells have attributes that are compared in some way, counted from 1."""
        return [number for number, each in enumerate(self.attributes, 1) if each.how == how]
