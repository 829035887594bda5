"""The review page of a plan: on stdout, or with all its pages in a folder."""

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import click

from reconcile.cli.options import options
from reconcile.cli.output import local_zone, progress
from reconcile.errors import InvalidInput, ReconcileError
from reconcile.model.address import Address
from reconcile.model.resource import Resource
from reconcile.planner.plan import Plan

if TYPE_CHECKING:
    from reconcile.cli.workspace import Project
    from reconcile.model.registry import Registry
    from reconcile.review.letters import Context
    from reconcile.review.neutral import Picture

_OWN = ((".git",), (".reconcile",))  # folders whose files are nobody's pictures
_LARGEST = 2_000_000  # bytes of a picture that is put into the page


class View:
    """How a plan is shown, as the options of ``plan`` and ``show`` say; ``folder`` is where pages are written."""

    def __init__(self, here: "Project | None" = None, folder: Path | None = None, images: str = "box") -> None:
        """``here`` is the project, where there is one; ``images`` is box or embed."""
        self.here = here
        self.folder = folder
        self.images = images
        self.resources: Mapping[Address, Resource] = {}

    @property
    def sandboxes(self) -> frozenset[str]:
        """The aliases of accounts that are emulated, where the project says so."""
        providers = self.here.settings.providers if self.here is not None else {}
        return frozenset(alias for alias, settings in providers.items() if settings.is_sandbox)

    def html(self, plan: Plan) -> str:
        """The page that stdout gets."""
        from reconcile.review.page import render

        return render(plan, self._context(plan), picture=self._picture())

    def write(self, plan: Plan) -> None:
        """Write the pages into the folder, if one was named.

        Raises:
            InvalidInput: it can't be written.
        """
        if self.folder is None:
            return
        from reconcile.cli.output import write_private
        from reconcile.review.page import pages

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for name, content in pages(plan, self._context(plan), picture=self._picture()):
                write_private(self.folder / name, options().redacted(content).encode(errors="replace"))
        except OSError as error:
            raise InvalidInput(f"The page can't be written to {self.folder}: {error.strerror}.") from None
        progress(f"The page is {self.folder / 'index.html'}")

    def _context(self, plan: Plan) -> "Context":
        import time

        from reconcile.cli.git import commit_of
        from reconcile.planner.planfile import plan_digest
        from reconcile.review.letters import Context

        settings = self.here.settings if self.here is not None else None
        return Context(
            now=time.time(),
            zone=local_zone(),
            bodies={address: resource.attributes for address, resource in self.resources.items()},
            due=self._due(plan),
            written=written_times(self.resources, self.here) if self.here is not None else {},
            freeze=settings.policy.freeze if settings is not None else 3600.0,
            samples=settings.samples if settings is not None else (),
            sandboxes=self.sandboxes,
            commit=commit_of(settings.root) if settings is not None else None,
            digest=plan_digest(plan),
            registry=self._registry(plan),
        )

    def _registry(self, plan: Plan) -> "Registry":
        """The kinds: the project's, else those of the platforms that the plan names."""
        from reconcile.model.registry import Registry
        from reconcile.providers import provider_type

        if self.here is not None:
            return self.here.registry
        found = {}
        for alias, account in plan.accounts.items():
            with suppress(InvalidInput):  # a provider of a package that is not installed
                found[alias] = provider_type(account.type)
        return Registry(found)

    def _due(self, plan: Plan) -> dict[Address, float]:
        """When managed campaigns go out, by what is on record of them."""
        from reconcile.model.instant import as_seconds

        due: dict[Address, float] = {}
        for address, step in plan.steps.items() if self.here is not None else ():
            if step.applied is None or self.here is None:
                continue
            instant = self.here.registry.kind(address).due(step.applied.attributes)
            if instant is not None:
                due[address] = as_seconds(instant)
        return due

    def _picture(self) -> "Picture":
        root = self.here.settings.root if self.here is not None else None
        return picture_of(root, self.images, folders_of(self.resources))


def written_times(resources: Mapping[Address, Resource], here: "Project") -> dict[Address, str]:
    """When mails go out, as their manifests write it: with the offset that somebody has chosen."""
    from reconcile.cli.written import written_by

    written = written_by(here.settings.root)
    found: dict[Address, str] = {}
    for address, resource in resources.items():
        parts = here.registry.kind(address).mail
        if parts is not None and parts.due and (told := written(resource, parts.due)) is not None:
            found[address] = told
    return found


def folders_of(resources: Mapping[Address, Resource]) -> set[Path]:
    """The folders that the files of entries stand in."""
    return {Path(file).parent for resource in resources.values() for file in resource.files.values()}


def picture_of(root: Path | None, images: str, bodies: Collection[Path] = ()) -> "Picture":
    """Files of the project at ``root``, where ``images`` is embed; what is behind an address is never fetched.

    ``bodies`` are the folders of the mails' files, which a picture's path may start from, too.
    """
    from reconcile.review.neutral import embedded
    from reconcile.review.page import boxed

    if images != "embed" or root is None:
        return boxed
    inside = root.resolve()
    starts = dict.fromkeys([inside, *sorted(inside / folder for folder in bodies)])

    def picture(source: str) -> str | None:
        name = unquote(re.split(r"[?#]", source)[0]).lstrip("/")
        return next((found for start in starts if (found := shown(start / name)) is not None), None)

    def shown(path: Path) -> str | None:
        try:
            path = path.resolve()
            kept = path.relative_to(inside).parts[:1]  # ValueError: it is elsewhere
            if kept in _OWN or not path.is_file() or path.stat().st_size > _LARGEST:
                return None
            return embedded(path.read_bytes())
        except (OSError, ValueError):
            return None

    return picture


def project_or_none() -> "Project | None":
    """The project, where there is one: a saved plan can be shown without."""
    from reconcile.cli.workspace import project

    try:
        return project()
    except ReconcileError:
        return None


page_options = (
    click.option("--full", is_flag=True, help="Cut nothing, however long it is."),
    click.option(
        "--page", "page", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Write the page to DIR."
    ),
    click.option(
        "--images",
        type=click.Choice(["box", "embed"]),
        default="box",
        show_default=True,
        help="On the page, pictures as boxes, or files of the project as they are.",
    ),
)
