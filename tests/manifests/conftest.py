"""Fixtures of the manifests' tests."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.manifests.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.write("emails/hello.html", "<p>Hello</p>\n")
    (tmp_path / "manifests").mkdir()
    return made


@pytest.fixture
def attributes(project: Project) -> Callable[[str], Mapping[str, Any]]:
    """The attributes of the only entry of a manifest."""

    def only(text: str) -> Mapping[str, Any]:
        (resource,) = project.load(text).resources.values()
        return resource.attributes

    return only
