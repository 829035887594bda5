"""What is asked once for a project: whether it may take what it might share with another program."""

from typing import Any

import click
import orjson

from reconcile.cli.options import options
from reconcile.cli.workspace import Project
from reconcile.errors import InvalidInput, Refused
from reconcile.state.disk import write_whole


class Answers:
    """What was answered for one account of a project, kept in its environment's folder below ``.reconcile``."""

    def __init__(self, here: Project, alias: str) -> None:
        self._path = here.settings.folder / f"{alias}.answers.json"

    def get(self, name: str) -> Any:
        """What is noted under a name; None if nothing is.

        Raises:
            InvalidInput: the file can't be used.
        """
        return self._all().get(name)

    def put(self, name: str, value: Any) -> None:
        """Note something; None takes it out.

        Raises:
            InvalidInput: the file can't be used.
        """
        found = {**self._all(), name: value}
        kept = {key: each for key, each in found.items() if each is not None}
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(self._path, orjson.dumps(kept, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        except OSError as error:
            raise InvalidInput(f"{self._path} can't be written: {error.strerror}.") from None

    def _all(self) -> dict[str, Any]:
        try:
            found = orjson.loads(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise InvalidInput(f"{self._path} can't be read: {error.strerror}.") from None
        except orjson.JSONDecodeError:
            found = None
        if not isinstance(found, dict):
            raise InvalidInput(f"{self._path} is damaged.", hint="Delete it; what it holds will be asked again.")
        return found


def agree(answers: Answers, name: str, question: str, *, given: bool) -> None:
    """Ask a question the first time; ``given`` is the flag that answers it with yes, for this run.

    Raises:
        Refused: the answer is no, or nobody is there to ask.
    """
    if given or answers.get(name) is True:
        return
    if not options().may_ask():
        raise Refused(
            f"{question} Nobody can be asked, so nothing was done.",
            hint="Give --auto-approve if it is so, or run it once at a terminal, where the answer is remembered.",
        )
    if not click.confirm(f"{question} Go on?", err=True):
        raise Refused("You said no, so nothing was done.")
    answers.put(name, True)
