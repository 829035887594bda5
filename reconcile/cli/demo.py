"""``demo``: the whole story on a scratch copy of the quickstart example, non-interactive."""

import re
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from reconcile.cli.options import global_options, options
from reconcile.errors import InvalidInput, ReconcileError

_HERE = Path(__file__).resolve().parent
# In a checkout, and in an installed package.
_EXAMPLES = (_HERE.parent.parent / "examples" / "quickstart", _HERE.parent / "_examples" / "quickstart")


@click.command(epilog="Example: reconcile demo")
@click.option("--keep", is_flag=True, help="Keep the scratch project, and say where it is.")
@global_options
def demo(keep: bool) -> None:
    """Tell the whole story: plan, apply, outside edits put back or taken over, a changed mail; on scratch data."""
    source = next((path for path in _EXAMPLES if path.is_dir()), None)
    if source is None:
        raise InvalidInput("The quickstart example is not installed with this package.", hint="Run it in a checkout.")
    with _scratch(source, keep=keep) as folder:
        _story(_Story(folder, color=options().color))


@contextmanager
def _scratch(source: Path, *, keep: bool) -> Iterator[Path]:
    root = Path(tempfile.mkdtemp(prefix="reconcile-demo-"))
    folder = root / "quickstart"
    try:
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns(".reconcile"))
        yield folder
    finally:
        if keep:
            click.echo(f"\nThe scratch project is {folder}")
        else:
            shutil.rmtree(root, ignore_errors=True)


class _Story:
    """Runs commands as a user would, in this process, and checks that each ends as the story says."""

    def __init__(self, folder: Path, *, color: bool) -> None:
        self.folder = folder
        self._color = color

    def file(self, name: str) -> str:
        """A path beside the scratch project, quoted for a command line."""
        return shlex.quote(str(self.folder.parent / name))

    def say(self, text: str) -> None:
        """A sentence of the narrator's."""
        click.echo("\n" + click.style(f"# {text}", bold=True) if self._color else f"\n# {text}")

    def run(self, line: str, *, ends_with: int = 0) -> None:
        """A command line, after ``reconcile``.

        Raises:
            ReconcileError: it ended otherwise than the story says.
        """
        from reconcile.cli.main import run

        click.echo(f"$ reconcile {line.replace(f'{self.folder.parent}/', '')}")
        code = run(
            ["-C", str(self.folder), "--no-input", "-q", *([] if self._color else ["--no-color"]), *shlex.split(line)]
        )
        if code != 0:
            click.echo(f"(exit code {code})")
        if code != ends_with:
            raise ReconcileError(f"The demo expected exit code {ends_with} from {line}, and got {code}.")

    def digest(self, name: str) -> str:
        """The digest of a plan that was saved beside the scratch project."""
        from reconcile.cli.plan import read_plan
        from reconcile.planner.planfile import plan_digest

        return plan_digest(read_plan(self.folder.parent / name))

    def edit_manifest(self, file: str, before: str, after: str) -> None:
        """An edit in git."""
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        if before not in text:
            raise ReconcileError(f"The demo expected {before} in {file}.")
        path.write_text(text.replace(before, after, 1), encoding="utf-8")
        click.echo(f"(edited {file}: {before} -> {after})")

    def edit_outside(self, name: str, **values: str) -> None:
        """What a colleague does on the platform's web page: the sandbox's, served on a port of its own meanwhile."""
        import httpx

        from reconcile.cli.settings import load_settings
        from reconcile.sandbox import Sandbox
        from reconcile.sandbox.server import Server

        settings = load_settings(self.folder, environment=None, variables={}, environ={})
        (provider,) = settings.providers.values()
        account = str(provider.account)
        with Sandbox(settings.folder / "sandbox.sqlite", account=account) as sandbox, Server(sandbox, port=0) as server:
            page = httpx.get(f"{server.url}/web/{account}/lists", timeout=10).text
            found = re.search(rf'href="([^"]*/lists/(\d+))"[^>]*>\s*{re.escape(name)}', page)
            if found is None:
                raise ReconcileError(f"The demo expected the list {name} on the sandbox's web page.")
            answer = httpx.post(
                f"{server.url}/_sandbox/{provider.type}/{account}/lists/{found[2]}", json=values, timeout=10
            )
            answer.raise_for_status()
        click.echo(f"(a colleague edits the list {name} in the web interface: {values})")


def _story(story: _Story) -> None:
    story.say("Twelve entries in git, nothing in the account yet.")
    story.run("validate")
    story.run(f"plan -o {story.file('first.plan')}")
    story.run(f"apply {story.file('first.plan')} --approved {story.digest('first.plan')}")
    story.say("Planned again, there is nothing to do.")
    story.run("plan --detailed-exitcode")
    story.say(
        "Somebody changes a list by hand. The plan notices, and an unattended apply does not overwrite it unasked."
    )
    story.edit_outside("Vabila Slovenija", color="#0055aa", description="Edited by hand")
    story.run("drift", ends_with=2)
    story.run("apply --auto-approve", ends_with=3)
    story.say("Somebody looks at it, saves the plan, and has git's version put back.")
    story.run(f"plan --detailed-exitcode -o {story.file('put-back.plan')}", ends_with=2)
    story.run(f"apply {story.file('put-back.plan')} --approved {story.digest('put-back.plan')}")
    story.run("plan --detailed-exitcode")
    story.say("Another edit is worth keeping: it is written into the manifest, and nothing else there changes.")
    story.edit_outside("Letters abroad", color="#005533")
    story.run("pull")
    story.run("plan --detailed-exitcode")
    story.say("A mail changes in git: the reviewer sees which words.")
    story.edit_manifest("emails/harvest-letter.html", "Dear", "Hello,")
    story.run(f"plan -o {story.file('change.plan')}")
    story.run(f"apply {story.file('change.plan')} --approved {story.digest('change.plan')}")
    story.say("A text in a template's campaign changes: the platform can't change that, so the draft is made anew.")
    story.edit_manifest("manifests/campaigns/it.yaml", "Regali che si finiscono", "Regali da finire")
    story.run("apply --auto-approve")
    story.run("plan --detailed-exitcode")
    story.say("Who did what so far?")
    story.run("history")
    story.say("The state is lost. Nothing is made a second time.")
    story.run("state list")
    state = story.folder / ".reconcile" / "default"
    for path in state.glob("state.json*"):
        path.unlink()
    story.run("apply --auto-approve", ends_with=3)
    story.run("adopt")
    story.run("plan --detailed-exitcode")
    story.say("That was the story. Your own project begins with: reconcile init DIR")
