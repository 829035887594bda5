"""Files that only their owner may read: marks of people, lists of rejected rows, and what is worked with meanwhile."""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A temporary folder for people's data; what killed processes have left of theirs goes, too."""
    ours = f"reconcile-{os.getuid()}-"
    for left in Path(tempfile.gettempdir()).glob(f"{ours}*-*"):
        number = left.name.removeprefix(ours).partition("-")[0]
        if number.isdecimal() and not _runs(int(number)) and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{ours}{os.getpid()}-") as folder:  # for its owner only
        yield Path(folder)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Replace a file, readable by its owner only; whatever happens, it is the former one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, temporary = tempfile.mkstemp(prefix=f"{path.name}.tmp-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{line}\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise
