"""The policy of a project: what its file allows."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from reconcile.cli.project_file import ProjectFile, members_of
from reconcile.errors import InvalidInput
from reconcile.manifests.nodes import MappingNode
from reconcile.manifests.project import ProjectSpec, types_named
from reconcile.model.policy import Policy, RenderedSends, Sends, Targets
from reconcile.model.registry import target_plurals
from reconcile.providers import built_in, provider_named

# What no policy may go below, in seconds.
LEAST: Final = {"freeze": 1800.0}


def parse_duration(text: str) -> float:
    """The seconds that ``90s``, ``60m``, ``24h`` or ``2d`` mean."""
    return int(text[:-1]) * {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}[text[-1]]


def policy_of(file: ProjectFile, project: ProjectSpec, effective: MappingNode) -> Policy:
    """What the project file allows; the usual rules where it says nothing."""
    declared = project.policy.model_dump(exclude_unset=True) if project.policy is not None else {}
    names: dict[str, tuple[str, Callable[[Any], Any]]] = {
        "freeze": ("freeze", parse_duration),
        "maxDeletePercent": ("max_delete_percent", float),
        "maxDeleteCount": ("max_delete_count", int),
        "maxReplaceCount": ("max_replace_count", int),
        "sends": ("sends", Sends),
        "renderedSends": ("rendered_sends", RenderedSends),
        "planExpiry": ("plan_expiry", parse_duration),
        "importWait": ("import_wait", parse_duration),
        "reachGrowth": ("reach_growth", float),
        "targets": ("targets", _targets),
    }
    values: dict[str, Any] = {names[name][0]: names[name][1](value) for name, value in declared.items()}
    policy = Policy(**values)
    if any(getattr(policy, name) < least for name, least in LEAST.items()):
        section = effective.members["policy"]
        place = file.document.at(section.members["freeze"].mark) if isinstance(section, MappingNode) else None
        detail = (
            "`freeze` is less than 30m. The platform begins to send up to 20 minutes early, and nothing may be "
            "written then. Raise it."
        )
        file.find("freeze-too-short", "a freeze that is too short", detail, place)
    return policy


def targets_of(base: MappingNode) -> tuple[str, ...]:
    """The kinds that campaigns may go to, of our own platforms and of those that the project names.

    Without `policy.targets` nobody asks, and no platform's kinds are imported for it.
    """
    layers = [base, *members_of(base.members.get("environments")).values()]
    if not any("targets" in members_of(members_of(layer).get("policy")) for layer in layers):
        return ()
    platforms = dict(built_in())
    for name in types_named(base):
        with suppress(InvalidInput):  # an unknown or unusable type is a finding of its own
            platforms[name] = provider_named(name)
    return target_plurals(platform.kinds for platform in platforms.values())


def _targets(declared: Mapping[str, Any]) -> Targets:
    entries = {name: tuple(names) for name, names in declared.items() if name != "maxAudience"}
    return Targets(entries, declared.get("maxAudience"))
