"""The policy of a project: what its file allows."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from reconcile.cli.project_file import ProjectFile, members_of, text_of
from reconcile.errors import InvalidInput
from reconcile.manifests.nodes import MappingNode, Node
from reconcile.manifests.project import DURATION_PATTERN, ProjectSpec, types_named
from reconcile.model.policy import Policy, RenderedSends, Sends, Targets
from reconcile.model.registry import target_plurals
from reconcile.providers import built_in, provider_named

# What no policy may go below, in seconds.
LEAST: Final = {"freeze": 1800.0}


def parse_duration(text: str) -> float:
    """The seconds that ``90s``, ``60m``, ``24h`` or ``2d`` mean."""
    return int(text[:-1]) * {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}[text[-1]]


def policy_of(file: ProjectFile, project: ProjectSpec | None, effective: MappingNode) -> Policy:
    """What the project file allows; the usual rules where it says nothing, or where it is not sound."""
    if project is None:
        for name, node in members_of(effective.members.get("policy")).items():
            if re.fullmatch(DURATION_PATTERN, text_of(node)):
                _check_least(file, name, parse_duration(text_of(node)), node)
        return Policy()
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
    section = effective.members.get("policy")
    for name in LEAST:
        _check_least(file, name, getattr(policy, name), members_of(section).get(name))
    return policy


def _check_least(file: ProjectFile, name: str, value: float, node: Node | None) -> None:
    if value < LEAST.get(name, 0.0):
        detail = (
            "`freeze` is less than 30m. The platform begins to send up to 20 minutes early, and nothing may be "
            "written then. Raise it."
        )
        place = file.document.at(node.mark) if node is not None else None
        file.find("freeze-too-short", "a freeze that is too short", detail, place)


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
