"""What git says of the project's folder; without git, or outside of a repository, nothing."""

import subprocess
from functools import cache
from pathlib import Path

from reconcile.model.checkout import Checkout, Relation

_LONGEST = 20.0  # seconds


def checkout_of(root: Path) -> Checkout | None:
    """Where the project's folder stands; None without git, without a repository, and before its first commit."""
    head = commit_of(root)
    if head is None:
        return None
    clean = not _git(root, "status", "--porcelain", "--", ".", ":(exclude).reconcile")
    relation = cache(lambda commit: _relation(root, head, commit, clean=clean))
    shallow = _git(root, "rev-parse", "--is-shallow-repository") == "true"
    return Checkout(head if clean else f"{head}+", relation, shallow)


def commit_of(root: Path) -> str | None:
    """The git commit that the project's folder is at."""
    return _git(root, "rev-parse", "--verify", "--quiet", "HEAD") or None


def changed_files(root: Path) -> frozenset[str]:
    """The files below the project's folder that differ from its commit, or are new."""
    names: set[str] = set()
    for asked in (("diff", "--name-only", "--relative", "HEAD"), ("ls-files", "--others", "--exclude-standard")):
        names.update((_git(root, "-c", "core.quotePath=false", *asked) or "").splitlines())
    return frozenset(names)


def prefix_of(root: Path) -> str | None:
    """Where a folder is in its repository: empty at the top, else a path that ends with a slash."""
    return _git(root, "rev-parse", "--show-prefix")


def author_of(root: Path, file: str, line: int) -> str | None:
    """The commit that a line of a file is from; None where it is not committed, or git does not tell."""
    path = Path(file) if Path(file).exists() else root / file
    told = _git(root, "blame", "--porcelain", "-L", f"{line},{line}", "--", str(path.resolve()))
    commit = told.split(" ", 1)[0] if told else ""
    return commit if commit.strip("0") else None


def _relation(root: Path, head: str, commit: str, *, clean: bool) -> Relation:
    base = commit.removesuffix("+")
    if base == head:
        # What was applied beside the commit is not in it.
        return Relation.BEHIND if commit.endswith("+") and clean else Relation.HAS
    if _git(root, "merge-base", "--is-ancestor", base, head) is not None:  # the usual case, so asked first
        return Relation.HAS
    if _git(root, "merge-base", "--is-ancestor", head, base) is not None:
        return Relation.BEHIND
    known = _git(root, "cat-file", "-e", f"{base}^{{commit}}") is not None
    return Relation.APART if known else Relation.UNKNOWN


def _git(root: Path, *arguments: str) -> str | None:
    """What git answers; None where it says no, or can't be asked."""
    command = ["git", "-C", str(root), *arguments]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_LONGEST, check=False)  # noqa: S603  # no shell
    except (OSError, subprocess.SubprocessError, UnicodeError):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
