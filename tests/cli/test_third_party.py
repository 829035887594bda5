"""Providers of other packages: found by their entry points, loaded only where a project names the type."""

from collections.abc import Iterator

import pytest

from reconcile import providers
from reconcile.model.provider import Provider
from tests.cli.conftest import PROJECT, Project


class Point:
    """An entry point; ``loaded`` says whether it was."""

    dist = None
    value = "acme:PROVIDER"

    def __init__(self, found: object) -> None:
        self.name = "acme"
        self.loaded = False
        self._found = found

    def load(self) -> object:
        self.loaded = True
        if isinstance(self._found, Exception):
            raise self._found
        return self._found


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Point]]:
    points: list[Point] = []
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: points)
    providers._installed.cache_clear()
    providers.provider_named.cache_clear()
    yield points
    monkeypatch.undo()
    providers._installed.cache_clear()
    providers.provider_named.cache_clear()


ACME = PROJECT.replace("type: squalomail", "type: acme")


def test_only_what_a_project_names_is_loaded(installed: list[Point], project: Project) -> None:
    installed.append(Point(ImportError("never")))
    assert project.run("validate").code == 0
    assert project.run("--help").code == 0
    assert not installed[0].loaded


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (ImportError("no module named acme_api"), ("can't be loaded", "no module named acme_api")),
        ("a text", ("is no provider named acme",)),
        (Provider("other", settings=None, open=None, operations={}, kinds=()), ("is no provider named acme",)),  # type: ignore[arg-type]
    ],
)
def test_a_package_that_can_not_be_used_is_a_finding(
    installed: list[Point], project: Project, found: object, words: tuple[str, ...]
) -> None:
    installed.append(Point(found))
    project.write("reconcile.yaml", ACME)
    result = project.run("validate")
    assert result.code == 1
    assert "error[unusable-provider] reconcile.yaml:3:3" in result.err
    assert all(word in result.err for word in words), result.err


def test_a_type_without_a_provider_is_an_error(project: Project) -> None:
    project.write("reconcile.yaml", ACME)
    result = project.run("plan")
    assert result.code == 1
    assert "error[unknown-provider-type]" in result.err
    assert "no platform that this tool knows" in result.err
