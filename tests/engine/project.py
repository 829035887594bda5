"""Manifests in a folder, applied to an account where a colleague edits."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconcile.engine.drift import drift
from reconcile.engine.pull import Pull, pull
from reconcile.engine.run import Rights
from reconcile.manifests.interpolate import Scope
from reconcile.manifests.load import Defaults, Manifests, load
from reconcile.manifests.nodes import MappingNode
from reconcile.manifests.parse import parse_yaml
from reconcile.manifests.pulling import Drafts
from reconcile.model.address import Address
from reconcile.planner.plan import Right
from tests.outside import Colleague, colleague, id_of
from tests.world import REGISTRY, World, address

ALL = Rights(frozenset(Right), deletes=100)
VARIABLES = {"suffix": " (test)", "club": "club"}


@dataclass
class Project:
    """Manifests in a folder, and the account that they are applied to."""

    root: Path
    defaults: str = ""
    world: World = field(default_factory=lambda: World(may_send=True))

    @property
    def person(self) -> Colleague:
        return colleague(self.world)

    def write(self, **files: str) -> None:
        for name, text in files.items():
            self.put(f"manifests/{name}.yaml", text)

    def put(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())

    def text(self, name: str = "manifests/all.yaml") -> str:
        return (self.root / name).read_bytes().decode()

    def load(self) -> Manifests:
        return load(self.root, REGISTRY, scope=Scope(VARIABLES), defaults=self._defaults())

    def _defaults(self) -> Defaults | None:
        if not self.defaults:
            return None
        document = parse_yaml(self.defaults.encode(), "reconcile.yaml", [])
        assert document.root is not None
        node = document.root.members["defaults"]
        assert isinstance(node, MappingNode)
        return Defaults(document, node)

    def apply(self) -> None:
        code, events, _ = self.world.apply(self.load().resources, ALL)
        assert code == 0, events
        assert not self.world.plan(self.load().resources).has_changes

    def edit(self, kind: str, name: str, /, **members: Any) -> None:
        self.person.edit(kind, id_of(self.world, address(kind, name)), **members)

    def pull(self, *targets: Address, detach: bool = False) -> Pull:
        drafts = Drafts(self.root, Scope(VARIABLES))
        with self.world.store.lock("pull") as locked:
            return pull(self.world.workspace, locked, self.load(), drafts, self.load, targets=targets, detach=detach)

    def is_in_sync(self) -> bool:
        planned = self.world.plan(self.load().resources).has_changes
        return not planned and not drift(self.world.workspace, self.world.store.read(), self.load().resources).entries
