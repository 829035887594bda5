"""The files of an audience: its source, the rows of it that can't be used, and the keyed digests beside the state."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from reconcile.errors import Diagnostic, InvalidInput
from reconcile.model.bulk import Task
from reconcile.providers.audience import source
from reconcile.providers.audience.csv_reader import Declared
from reconcile.providers.audience.private import write_lines
from reconcile.providers.audience.source import Form, Loaded
from reconcile.providers.audience.workspace_db import WorkspaceDb


def load(work: WorkspaceDb, task: Task, form: Form, columns: Mapping[str, str], attribute: str = "source") -> Loaded:
    """Fill the form's table from the file that an attribute names, whatever rows there are that can't be used.

    Raises:
        InvalidInput: it is not inside the project, or can't be read.
    """
    written = Declared(**{name: task.attributes.get(name) for name in ("delimiter", "quote", "encoding")})
    if attribute != "source":
        # The file of those to exclude comes from elsewhere, and has its own way of parting columns.
        written = replace(written, delimiter=None)
    try:
        return source.load(
            work.db,
            task.place.root,
            task.attributes[attribute],
            columns,
            work.scratch,
            replace(form, declared=written),
        )
    except InvalidInput as error:
        error.diagnostics = tuple(
            replace(found, address=str(task.address), location=task.location) for found in error.diagnostics
        )
        raise


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
    if not task.place.skip_invalid or attribute != "source":
        line, reason = loaded.rejects[0]
        error = of_source(
            task,
            f"has {len(loaded.rejects):,} row(s) that can't be used, beside {loaded.rows:,} that can: "
            f"{_reasons(loaded)}. The first one is line {line:,}, which {reason}. "
            f"They are listed by line number in {file}.",
            attribute,
        )
        hint = "Correct them, or go on without them: --skip-invalid"
        if attribute != "source":
            hint = "Correct them: who stands there may have asked to be left out, so no row is ever skipped."
        elif any(" is not " in f" {reason}" for _, reason in loaded.rejects):
            hint += ". If the file is in another encoding, declare it, such as `encoding: cp1252`"
        error.diagnostics = tuple(replace(found, hint=hint) for found in error.diagnostics)
        raise error


def one_digest(loaded: Loaded, unwanted: Loaded) -> str:
    """One digest for both files of an audience."""
    if not unwanted.digest:
        return loaded.digest
    return hashlib.sha256(f"{loaded.digest} {unwanted.digest}".encode()).hexdigest()


def empty_source(task: Task, rows: int, left_out: int = 0) -> Diagnostic | None:
    """Why nothing is done where a source in the mode sync has nobody: it is a broken export far more often than not.

    ``left_out``: so many of its people are to be excluded.
    """
    if task.attributes.get("mode") != "sync" or rows > left_out:
        return None
    nobody = "has nobody" if not rows else f"has nobody who is not in {task.attributes['exclude']}, too"
    return Diagnostic(
        "source-empty",
        "the source has nobody",
        f"The source {task.attributes['source']} {nobody}, and in the mode sync all whom this entry had put there "
        "would be taken out.",
        address=str(task.address),
        location=task.location,
        hint="See to the export. If nobody is to be kept there any more, declare `mode: add`, or take the entry out.",
    )


def rejects_file(task: Task, attribute: str = "source") -> Path:
    """Where the rows that can't be used are listed."""
    which = "" if attribute == "source" else f".{attribute}"
    return task.place.folder / "rejects" / f"{task.address.provider}.{task.address.name}{which}.csv"


def _reasons(loaded: Loaded) -> str:
    counted = Counter(reason for _, reason in loaded.rejects).most_common(3)
    return ", ".join(f"{count:,} {reason}" for reason, count in counted)


def reading_notes(loaded: Loaded, path: str) -> Iterator[str]:
    """Sentences on how a file was read: how it is written, and what was dropped of it."""
    dropped = [
        f"{count:,} {noun if count == 1 else plural}"
        for count, noun, plural in (
            (loaded.empty, "empty row", "empty rows"),
            (loaded.repeats, "repeat", "repeats"),
        )
        if count
    ]
    sentence = f"{path} ({loaded.written}): {loaded.rows:,} {'person' if loaded.rows == 1 else 'people'}"
    yield f"{sentence}; dropped {' and '.join(dropped)}." if dropped else f"{sentence}."
    for name, count, one in loaded.oddities:
        yield f"{count:,} value(s) of {name} in it have an invisible character, such as {one}."
