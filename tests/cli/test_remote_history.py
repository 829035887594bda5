"""The history of a project whose state is elsewhere: a fresh clone, as CI is, sees it."""

import json
import shutil
from collections.abc import Iterator

import pytest

from tests.cli.conftest import PROJECT, Project
from tests.state.servers import StateServer


@pytest.fixture
def server() -> Iterator[StateServer]:
    with StateServer() as found:
        yield found


def test_a_fresh_clone_sees_what_was_applied(project: Project, server: StateServer) -> None:
    project.write("reconcile.yaml", f"{PROJECT}state: {server.url}/shop\n")
    assert "No history yet" in project.run("history").out
    assert project.run("apply", "--auto-approve").code == 0
    shutil.rmtree(project.root / ".reconcile")
    found = project.run("history", "--format", "json")
    assert found.code == 0, found.err
    (line,) = json.loads(found.out)
    assert (line["command"], line["outcome"], line["broken"]) == ("apply", 0, None)
    assert line["writes"]
