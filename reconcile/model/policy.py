"""The project's policy: what bounds a run, whatever the manifests say."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Sends(StrEnum):
    """Whether runs may send: only with ``--allow-send``, always, or never."""

    ASK = "ask"
    ALLOW = "allow"
    DENY = "deny"


class RenderedSends(StrEnum):
    """Mail that the platform makes from a template: scheduled with its first apply, or by an approval of its own."""

    ALLOW = "allow"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class Targets:
    """Whom campaigns and audiences may be for; without any: anybody.

    ``entries`` are the only entries that they may be for, by the plural of their kind; ``max_audience`` is how many
    people there may be behind all that one of them goes to.
    """

    entries: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    max_audience: int | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """The policy block of the project file; times in seconds.

    ``freeze``: a campaign that goes out within it is not written. Deletes above ``max_delete_count``, or above
    ``max_delete_percent`` of a kind with 10 or more managed resources, need ``--allow-delete N``; so do more than
    ``max_replace_count`` drafts that are made anew and were never scheduled. ``targets`` bounds whom anything may be
    for. ``rendered_sends``: whether what a template was made into is looked at before it is scheduled.
    ``reach_growth``: by how many percent the people behind what was approved may have grown.
    """

    freeze: float = 3600.0
    max_delete_percent: float = 30.0
    max_delete_count: int = 10
    max_replace_count: int = 50
    sends: Sends = Sends.ASK
    rendered_sends: RenderedSends = RenderedSends.ALLOW
    plan_expiry: float = 7 * 86400.0
    import_wait: float = 1800.0
    reach_growth: float = 20.0
    targets: Targets = field(default_factory=Targets)
