"""The project's policy: what bounds a run, whatever the manifests say."""

from dataclasses import dataclass
from enum import StrEnum


class Sends(StrEnum):
    """Whether runs may send: only with ``--allow-send``, always, or never."""

    ASK = "ask"
    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Targets:
    """Whom campaigns and audiences may be for; None: anybody.

    ``lists`` and ``groups`` are the only entries of those kinds that they may be for, ``max_audience`` how many people
    there may be behind all that one of them goes to.
    """

    lists: tuple[str, ...] | None = None
    max_audience: int | None = None
    groups: tuple[str, ...] | None = None

    def entries(self, kind: str) -> tuple[str, ...] | None:
        """The only entries of a kind that anything may be for; None: any."""
        return {"list": self.lists, "group": self.groups}.get(kind)


@dataclass(frozen=True, slots=True)
class Policy:
    """The policy block of the project file; times in seconds.

    ``freeze``: a campaign that goes out within it is not written. Deletes above ``max_delete_count``, or above
    ``max_delete_percent`` of a kind with 10 or more managed resources, need ``--allow-delete N``; so do more than
    ``max_replace_count`` drafts that are made anew and were never scheduled. ``targets`` bounds whom anything may be
    for. ``reach_growth``: by how many percent the people behind what was approved may have grown.
    """

    freeze: float = 3600.0
    max_delete_percent: float = 30.0
    max_delete_count: int = 10
    max_replace_count: int = 50
    sends: Sends = Sends.ASK
    plan_expiry: float = 7 * 86400.0
    import_wait: float = 1800.0
    reach_growth: float = 20.0
    targets: Targets = Targets()
