"""The files of an audience: its source, the rows of it that can't be used, and the keyed digests beside the state."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from reconcile.errors import InvalidInput
from reconcile.model.bulk import Task
from reconcile.providers.audience.bench import Bench
from reconcile.providers.audience.private import write_lines
from reconcile.providers.audience.source import Loaded

_TABLES = ("mark", "pending")
FORMATS = (".csv", ".csv.gz", ".parquet")


def source_file(task: Task, attribute: str = "source") -> Path:
    """The file that an attribute names, which is inside the project.

    Raises:
        InvalidInput: it is not, or there is none.
    """
    declared = PurePosixPath(task.attributes[attribute])
    file = task.place.root / declared
    root = task.place.root.resolve()
    inside = not declared.is_absolute() and ".." not in declared.parts and file.resolve().is_relative_to(root)
    if not inside or file.resolve().relative_to(root).parts[:1] in ((".reconcile",), (".git",)):
        raise of_source(
            task, "leads out of the project, and only files of the project are read. Copy it there.", attribute
        )
    if not file.is_file():
        raise of_source(task, "does not exist. Paths are relative to the project's folder.", attribute)
    return file


def of_source(task: Task, what: str, attribute: str = "source") -> InvalidInput:
    """The error that says what is the matter with a file."""
    error = InvalidInput(f"The source {task.attributes[attribute]} {what}", address=str(task.address))
    error.diagnostics = tuple(replace(found, location=task.location) for found in error.diagnostics)
    return error


def refuse_rejects(task: Task, loaded: Loaded, attribute: str = "source") -> None:
    """Put the rows that can't be used on file, and stop unless they are to be skipped.

    Raises:
        InvalidInput: there are some.
    """
    file = rejects_file(task, attribute)
    if not loaded.rejects:
        file.unlink(missing_ok=True)
        return
    write_lines(file, ("line,reason", *(f"{line},{reason}" for line, reason in loaded.rejects)))
    if not task.place.skip_invalid:
        error = of_source(
            task,
            f"has {len(loaded.rejects):,} row(s) that can't be used, beside {loaded.rows:,} that can: "
            f"{_reasons(loaded)}. They are listed by line number in {file}.",
            attribute,
        )
        hint = "Correct them, or go on without them: --skip-invalid"
        error.diagnostics = tuple(replace(found, hint=hint) for found in error.diagnostics)
        raise error


def rejects_file(task: Task, attribute: str = "source") -> Path:
    """Where the rows that can't be used are listed."""
    which = "" if attribute == "source" else f".{attribute}"
    return task.place.folder / "rejects" / f"{task.address.provider}.{task.address.name}{which}.csv"


def _reasons(loaded: Loaded) -> str:
    counted = Counter(reason for _, reason in loaded.rejects).most_common(3)
    return ", ".join(f"{count:,} {reason}" for reason, count in counted)


def marks_file(task: Task, table: str) -> Path:
    """Where the keyed digests of an audience are: ``mark`` for what was done, ``pending`` for what was begun."""
    return task.place.beside / "audiences" / f"{task.address.provider}.{task.address.name}.{table}"


def load_marks(bench: Bench, task: Task) -> None:
    """What this audience did before, and began."""
    for table in _TABLES:
        bench.load_marks(table, marks_file(task, table))


def save_marks(bench: Bench, task: Task) -> None:
    """Put the keyed digests on disk."""
    for table in _TABLES:
        bench.save_marks(table, marks_file(task, table))


def left_alone(reasons: Mapping[str, int]) -> str | None:
    """A sentence on who is left alone and why; None if nobody is."""
    left = [f"{count:,} {reason}" for reason, count in reasons.items() if count]
    return f"Left alone: {', '.join(left)}." if left else None
