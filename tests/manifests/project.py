"""A project on disk, and what the loader says about it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from reconcile.errors import Diagnostic, InvalidInput
from reconcile.manifests import Manifests, load
from reconcile.manifests.interpolate import Scope
from reconcile.model.registry import Registry
from reconcile.providers import built_in, provider_type

REGISTRY = Registry({name: provider_type(name) for name in built_in()})


@dataclass
class Project:
    """A folder with manifests."""

    root: Path
    variables: dict[str, Any] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)

    def write(self, path: str, content: str | bytes) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)

    def load(self, text: str | None = None, **files: str) -> Manifests:
        if text is not None:
            self.write("manifests/a.yaml", text)
        for name, content in files.items():
            self.write(f"manifests/{name}.yaml", content)
        return load(self.root, REGISTRY, scope=Scope(self.variables, self.environ))

    def refused(self, text: str | None = None, **files: str) -> tuple[Diagnostic, ...]:
        with pytest.raises(InvalidInput) as caught:
            self.load(text, **files)
        return caught.value.diagnostics

    def told(self, text: str | None = None, **files: str) -> list[tuple[str, str]]:
        """The codes of the findings, with line and column."""
        return [(one.code, where(one)) for one in self.refused(text, **files)]


def where(finding: Diagnostic) -> str:
    place = finding.location
    return "" if place is None else f"{place.line}:{place.column}"
