"""Two people with a clone each, one state and one account, and a colleague in the web interface; shared by tests."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconcile.sandbox import Sandbox
from tests.cli.conftest import Project, Result
from tests.outside import Colleague
from tests.repository import git

PROJECT = """\
version: 1
state: file:../state/state.json
providers:
  squalomail: {type: squalomail, url: "sandbox:../account.sqlite", account: "4711"}
"""


class Clone(Project):
    """A clone of the team's repository."""

    def git(self, *arguments: str) -> str:
        return git(self.root, *arguments)

    def commit(self, message: str = "Change") -> str:
        """Commit all that is there; gives the commit."""
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD")

    def apply(self, *arguments: str) -> Result:
        return self.run("apply", "--auto-approve", *arguments)

    def bound(self) -> dict[str, str]:
        """The ids of the state, by address."""
        found: dict[str, str] = json.loads(self.run("state", "list", "--format", "json").out)
        return found


@dataclass
class Team:
    """A folder with the clones, the state and the account."""

    folder: Path

    def begin(self, manifests: str, name: str = "ours") -> Clone:
        """The first clone, its manifests committed and applied."""
        clone = Clone(self.folder / name)
        clone.write("reconcile.yaml", PROJECT)
        clone.write(".gitignore", ".reconcile/\n")
        clone.write("manifests/all.yaml", manifests)
        clone.git("init", "-q", "-b", "main")
        clone.commit("Begin")
        assert clone.apply("--allow-send").code == 0
        return clone

    def clone(self, of: Clone, name: str = "theirs", *options: str) -> Clone:
        """Another clone, as of now."""
        made = Clone(self.folder / name)
        of.git("clone", "-q", *options, f"file://{of.root}", str(made.root))
        return made

    def edit(self, kind: str, id_: str, /, **members: Any) -> None:
        """What the colleague changes in the web interface."""
        with Sandbox(self.folder / "account.sqlite", account="4711") as sandbox:
            Colleague(sandbox).edit(kind, id_, **members)

    def delete(self, kind: str, id_: str) -> None:
        """What the colleague deletes there."""
        with Sandbox(self.folder / "account.sqlite", account="4711") as sandbox:
            Colleague(sandbox).delete(kind, id_)

    def make(self, kind: str, /, **members: Any) -> str:
        """What the colleague makes there; its id."""
        with Sandbox(self.folder / "account.sqlite", account="4711") as sandbox:
            return Colleague(sandbox).make(kind, **members)

    def live(self, clone: Clone, operation: str = "get-lists") -> str:
        """What the account answers to a read."""
        return clone.run("api", "squalomail", operation).out
