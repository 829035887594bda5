"""One job: the commands that it runs in this process, and what is written for people and for the next job."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from reconcile.ci.context import TOKENS, Context, context_of
from reconcile.ci.forge import Forge, ours
from reconcile.cli.capture import apart, captured
from reconcile.cli.git import checkout_of, prefix_of
from reconcile.cli.main import run
from reconcile.cli.options import Options, new_options, options
from reconcile.cli.outlet import fit
from reconcile.cli.output import show_diagnostics
from reconcile.cli.settings import Settings, load_settings
from reconcile.errors import ApiError, InvalidInput, Refused
from reconcile.manifests.load import PROJECT_FILE
from reconcile.state.allowed import ALLOW_STATE


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command came to: its exit code, what it printed, and what it said."""

    code: int
    out: str
    err: str


class Job:
    """What the commands of ``ci`` share; ``given`` are the global options, ``folder`` is where results are written."""

    def __init__(self, context: Context, given: Options, folder: Path | None) -> None:
        self.context = context
        self.given = given
        self.environment = given.environment or "default"
        self.folder = folder or given.directory / ".reconcile" / "ci" / self.environment

    @cached_property
    def forge(self) -> Forge:
        """The forge's API."""
        return self.context.forge()

    @cached_property
    def prefix(self) -> str:
        """Where the project is in its repository: empty, or a path with a slash at its end."""
        found = prefix_of(self.given.directory)
        if found is None:
            raise InvalidInput(
                f"{self.given.directory} is in no git repository.", hint="Check the repository out first."
            )
        return found

    def is_superseded(self) -> bool:
        """Whether the job is about a commit that is not, or no longer, the newest one: another job is about that."""
        context = self.context
        head = (
            self.forge.head_of(context.branch) if context.change is None else self.forge.head_of_change(context.change)
        )
        if head is None:
            raise ApiError(
                f"{context.name} does not tell where {self.about} is, so nothing is done.",
                hint="See that the token may read the repository.",
            )
        return head != context.commit

    @property
    def about(self) -> str:
        """The branch or the change, in words."""
        number = self.context.change
        return f"the branch {self.context.branch}" if number is None else f"the change {number}"

    def need_protected(self) -> None:
        """See that this is the protected branch, checked out as it is.

        Raises:
            Refused: it is not.
        """
        context = self.context
        if context.change is not None:
            raise Refused(
                "This runs on the protected branch only: what a change says is advice until it is merged.",
                hint="Run it on push to the branch.",
            )
        if not context.protected:
            raise Refused(
                f"{context.name} does not protect the branch {context.branch}, so anybody's push would be an approval.",
                hint="Protect the branch, so that changes are reviewed before they are merged.",
            )
        found = checkout_of(self.given.directory)
        if found is None or found.commit != context.commit:
            there = found.commit if found is not None else "nothing"
            raise Refused(
                f"The job is about the commit {context.commit}, and checked out is {there} (+: with changes).",
                hint="Check out the job's commit, and change nothing before this runs.",
            )

    def need_bounds(self) -> None:
        """See that somebody said outside the repository where the state may be: credentials are there to be sent.

        Raises:
            InvalidInput: nobody did.
        """
        if ALLOW_STATE not in self.given.environ:
            raise InvalidInput(
                f"{ALLOW_STATE} is not set, so a change of `state` could send it, and what signs in to it, anywhere.",
                hint=f"Set it in the settings of the repository, such as {ALLOW_STATE}=s3://BUCKET/PREFIX/",
            )

    @contextmanager
    def rules(self) -> Iterator[Path]:
        """A folder with the project file as the protected branch has it."""
        with tempfile.TemporaryDirectory(prefix="reconcile-") as folder:
            found = self.forge.file(f"{self.prefix}{PROJECT_FILE}", self.context.branch)
            if found is not None:
                (Path(folder) / PROJECT_FILE).write_bytes(found)
            yield Path(folder)

    def settings(self, folder: Path) -> Settings | None:
        """What the project file of a folder says; None where there is none."""
        if not (folder / PROJECT_FILE).exists():
            return None
        return load_settings(folder, environment=None, variables={}, environ=self.environ)

    @property
    def environ(self) -> Mapping[str, str]:
        """What commands find in their environment: not the forge's tokens, which no project has any use for."""
        return {name: value for name, value in self.given.environ.items() if name not in TOKENS}

    def command(self, *arguments: str, rules: Path | None = None) -> Ran:
        """Run a command of ours; what it prints is fit to be shown."""
        chosen = new_options(self.environ)
        chosen.directory, chosen.environment = self.given.directory, self.given.environment
        chosen.variables, chosen.stop = dict(self.given.variables), self.given.stop
        chosen.lock_timeout, chosen.parallelism = self.given.lock_timeout, self.given.parallelism
        chosen.quiet, chosen.input, chosen.color, chosen.rules = True, False, False, rules
        chosen.secrets += [self.given.environ[name] for name in TOKENS if self.given.environ.get(name)]
        with apart(), captured() as (out, err):
            code = run([*arguments], chosen)
        return Ran(code, fit(out.getvalue(), chosen), fit(err.getvalue(), chosen))

    def write(self, name: str, text: str) -> Path:
        """A file among the results, which only its owner reads."""
        from reconcile.cli.output import write_private

        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(self.folder / name, text.encode(errors="replace"))
        return self.folder / name

    def summarise(self, text: str) -> None:
        """Add to what the forge shows of the job."""
        if self.context.summary is not None:
            with self.context.summary.open("a", encoding="utf-8") as file:
                file.write(text + "\n")

    def hand_on(self, values: Mapping[str, str]) -> None:
        """What the next job gets: as outputs of GitHub's step, and in a file for GitLab's dotenv."""
        if self.context.outputs is not None:
            with self.context.outputs.open("a", encoding="utf-8") as file:
                file.write("".join(f"{name}={value}\n" for name, value in values.items()))
        self.write("plan.env", "".join(f"RECONCILE_{name.upper()}={value}\n" for name, value in values.items()))

    def comment(self, number: int, body: str) -> None:
        """Keep one comment of ours on a change: what could not be written is a warning, and no reason to fail."""
        marker = f"<!-- reconcile:plan {self.environment} -->"
        text = f"{marker}\n{body}"
        with told_only():
            found = ours(self.forge.comments(number), marker, self.forge.me())
            if not found:
                self.forge.add_comment(number, text)
            elif found[0].body != text:
                self.forge.edit_comment(number, found[0].id, text)

    def tell_changes(self, body: str) -> None:
        """Say on the changes through which the job's commit came what became of them; never a reason to fail."""
        with told_only():
            for number in self.forge.changes_of(self.context.commit):
                self.comment(number, body)


@contextmanager
def told_only() -> Iterator[None]:
    """What a forge refuses is told: the work itself was done."""
    try:
        yield
    except ApiError as error:
        show_diagnostics(error.diagnostics)


@contextmanager
def job(folder: Path | None = None) -> Iterator[Job]:
    """The job that this process runs in; its forge is closed after."""
    given = options()
    made = Job(context_of(given.environ), given, folder)
    try:
        yield made
    finally:
        if "forge" in made.__dict__:
            made.forge.close()
