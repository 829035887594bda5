"""Try writes on drafts of our own, and take these away again: only what is journalled, reads as ours and went nowhere.

The journal has a line before each create, and one for each object that it made, durable before anything follows. So
``clean`` finds what a killed run left: by the name that only that run's objects have.
"""

import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from reconcile.disk import failing, make_folder, sync_folder
from reconcile.errors import ApiError, InvalidInput, Unauthorised, WrongAccount
from reconcile.model.account import Account
from reconcile.model.assumption import Answer
from reconcile.model.call import Call
from reconcile.model.scratch import Found, Scratch, Trial

_BEGIN = "reconcile-"  # with eight digits and an end it is 20 characters, which no platform cuts
_LATE = 86_400.0  # seconds for which what was not seen is looked for again

# Makes a write that has passed the gate, once; the look is asked right before it leaves.
Attempt = Callable[[Call, Callable[[], None]], Answer]


@dataclass(slots=True)
class Journal:
    """What one scratch made or was about to make, in a file of its own."""

    path: Path
    account: Account
    began: float
    begin: str  # of every name
    ids: dict[str, dict[str, str]] = field(default_factory=dict)  # kind -> id -> trial
    open: dict[str, str] = field(default_factory=dict)  # trial -> kind, of creates whose object was not seen

    @staticmethod
    def new(folder: Path, alias: str, account: Account, now: float) -> "Journal":
        """Begin one; its file is there when this returns."""
        token = secrets.token_hex(4)
        journal = Journal(folder / f"{alias}-{token}.jsonl", account, now, f"{_BEGIN}{token}")
        with failing(journal.path, "written"):
            make_folder(folder)
        journal._write(
            {"scratch": 1, "host": account.host, "account": account.id, "began": now, "begin": journal.begin}
        )
        with failing(folder, "written"):
            sync_folder(folder)
        return journal

    @staticmethod
    def read(path: Path, provider: str) -> "Journal | None":
        """One that is there; a last line that was cut off counts for nothing, as its call never left.

        None: it ends before its first line, so that nothing was made.

        Raises:
            InvalidInput: it is none.
        """
        with failing(path, "read"):
            content = path.read_bytes()
            whole = content[: content.rfind(b"\n") + 1]
            if whole != content:
                os.truncate(path, len(whole))
        lines = whole.splitlines()
        if not lines:
            return None
        try:
            head, *rest = (orjson.loads(line) for line in lines)
            journal = Journal(path, Account(provider, head["host"], head["account"]), head["began"], head["begin"])
            for line in rest:
                journal._take(line)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise InvalidInput(
                f"{path} is no journal of a scratch.", hint="Look for names that begin with reconcile- yourself."
            ) from None
        if not str(journal.begin).startswith(_BEGIN) or len(journal.begin) < len(_BEGIN) + 8:
            raise InvalidInput(f"{path} is no journal of a scratch: it would find what is not ours.")
        return journal

    def making(self, trial: str, kind: str) -> None:
        """A call leaves that may make an object."""
        self._write({"making": trial, "kind": kind})

    def made(self, trial: str, kind: str, id_: str) -> None:
        """An object of ours was seen."""
        self._write({"made": trial, "kind": kind, "id": id_})

    def nothing(self, trial: str) -> None:
        """The platform refused: nothing was made."""
        self._write({"nothing": trial})

    def gone(self, kind: str, id_: str) -> None:
        """An object is not there any more."""
        self._write({"gone": id_, "kind": kind})

    def end(self) -> None:
        """Nothing is left, so the file isn't needed any more."""
        with failing(self.path, "deleted"):
            self.path.unlink(missing_ok=True)

    def _take(self, line: Mapping[str, Any]) -> None:
        if "making" in line:
            self.open[line["making"]] = line["kind"]
        elif "made" in line:
            self.open.pop(line["made"], None)
            self.ids.setdefault(line["kind"], {})[line["id"]] = line["made"]
        elif "nothing" in line:
            self.open.pop(line["nothing"], None)
        else:
            self.ids[line["kind"]].pop(line["gone"], None)

    def _write(self, line: Mapping[str, Any]) -> None:
        with failing(self.path, "written"):
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(descriptor, orjson.dumps(dict(line)) + b"\n")
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        if "scratch" not in line:
            self._take(line)


def journals(folder: Path, alias: str) -> list[Path]:
    """The journals of scratches that were not cleaned up."""
    return sorted(path for path in folder.glob(f"{alias}-*.jsonl") if len(path.stem) == len(alias) + 9)


@dataclass(frozen=True, slots=True)
class _Names:
    """See ``model.scratch.Own``."""

    begin: str
    ids: Callable[[str], str]

    def name(self, end: str) -> str:
        return f"{self.begin}-{end}"

    def id(self, trial: str) -> str:
        return self.ids(trial)


def shown(scratch: Scratch, client: Any) -> Iterator[Call]:
    """The writes as they would be made, with words where an id will be."""
    names = _Names(f"{_BEGIN}????????", lambda trial: f"id of {trial}")
    for trial in scratch.trials(client):
        yield trial.write(names)


@dataclass(slots=True)
class Cleaned:
    """What cleaning up came to: what is gone, what stays and why, what may yet show."""

    gone: list[str] = field(default_factory=list)
    stays: list[str] = field(default_factory=list)
    unsure: str = ""

    @property
    def told(self) -> str:
        """In words."""
        parts = [f"{len(self.gone)} of our own deleted", *self.stays, *([self.unsure] if self.unsure else [])]
        return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class Bench:
    """Where trials are made: a provider's scratch, its client, the way through the gate, the journal, patience."""

    scratch: Scratch
    client: Any
    attempt: Attempt
    journal: Journal
    waits: tuple[float, ...] = (0.0,)
    pause: Callable[[float], None] = time.sleep

    def try_out(self, answers: dict[str, Answer]) -> None:
        """Make all writes and take the answers; what builds on something that was not made is left out.

        Raises:
            ApiError: our objects can't be read, so nothing further is tried. What else the gate raises.
        """
        for kind in self.scratch.kinds:
            list(self.scratch.find(self.client, kind, self.journal.begin))  # what can't be found can't be taken away
        names = _Names(self.journal.begin, self._id)
        for trial in self.scratch.trials(self.client):
            try:
                call = trial.write(names)
            except LookupError:
                continue
            self._make(trial, call, answers)
            made = [id_ for id_, by in self.journal.ids.get(trial.kind, {}).items() if by == trial.name]
            answers[f"{trial.name} made"] = Answer(None, made)
            for name, read in trial.reads.items():
                try:
                    answers[name] = self.client.look(read(names))
                except LookupError:
                    continue
                except Unauthorised:
                    raise
                except ApiError:
                    answers[name] = Answer(None)

    def clean(self, answers: dict[str, Answer]) -> "Cleaned":
        """Delete what is ours; what stays is told with the reason."""
        cleaned = Cleaned()
        for kind in self.scratch.kinds:
            for found in self._seen(kind, "?"):
                if not found.stays:
                    call = self.scratch.delete(kind, found.id)
                    answers[f"delete {kind}"] = self._write(call, partial(self._see, kind, found.id))
            left = self._left(kind)
            for id_ in list(self.journal.ids.get(kind, {})):
                if id_ not in left:
                    self.journal.gone(kind, id_)
                    cleaned.gone.append(f"{kind} {id_}")
            for found in left.values():
                why = found.stays or "the platform did not delete it"
                cleaned.stays.append(f'the {kind} "{found.name}" (id {found.id}) stays: {why}')
        if self.journal.open and time.time() - self.journal.began < _LATE:
            kinds = ", ".join(sorted(set(self.journal.open.values())))
            cleaned.unsure = (
                f"whether {len(self.journal.open)} more ({kinds}) were made is not known: none shows up to now"
            )
        if not cleaned.stays and not cleaned.unsure:
            self.journal.end()
        return cleaned

    def _left(self, kind: str) -> dict[str, Found]:
        """What is still there, once deletions had the time to show."""
        left: dict[str, Found] = {}
        for wait in self.waits:
            self.pause(wait)
            left = {found.id: found for found in self._found(kind)}
            if all(found.stays for found in left.values()):
                break
        return left

    def _make(self, trial: Trial, call: Call, answers: dict[str, Answer]) -> None:
        journal = self.journal
        if trial.makes or trial.may_make:
            journal.making(trial.name, trial.kind)
        about = [id_ for id_ in journal.ids.get(trial.kind, {}) if id_ in _texts(call)]

        def look() -> None:
            for id_ in about:
                self._see(trial.kind, id_)

        try:
            answer = self._write(call, look)
        except Unauthorised:
            journal.nothing(trial.name)  # nobody may make anything here
            raise
        answers[trial.name] = answer
        if trial.name not in journal.open:
            return
        expected = trial.makes and not self.scratch.refused(answer)
        for wait in self.waits if expected else (0.0,):
            self.pause(wait)
            self._seen(trial.kind, trial.name)
            if trial.name not in journal.open:
                return
        if not trial.makes or self.scratch.refused(answer):
            journal.nothing(trial.name)

    def _write(self, call: Call, look: Callable[[], None]) -> Answer:
        try:
            return self.attempt(call, look)
        except Unauthorised:
            raise
        except ApiError:
            return Answer(None)  # whether it was carried out is not known: whoever asks looks

    def _id(self, trial: str) -> str:
        for ids in self.journal.ids.values():
            for id_, by in ids.items():
                if by == trial:
                    return id_
        raise LookupError(trial)

    def _found(self, kind: str) -> list[Found]:
        begin = self.journal.begin.casefold()
        found = self.scratch.find(self.client, kind, self.journal.begin)
        return [each for each in found if each.name.casefold().startswith(begin)]

    def _seen(self, kind: str, trial: str) -> list[Found]:
        """Our objects of a kind; those that nobody has seen before are journalled as made by the trial."""
        found = self._found(kind)
        for each in found:
            if each.id not in self.journal.ids.get(kind, {}):
                waiting = [name for name, of in self.journal.open.items() if of == kind]
                self.journal.made(trial if trial in waiting else next(iter(waiting), trial), kind, each.id)
        return found

    def _see(self, kind: str, id_: str) -> None:
        """See right before a write that its object is still ours, and went nowhere.

        Raises:
            ApiError: it isn't.
        """
        for found in self._found(kind):
            if found.id == id_ and not found.stays:
                return
        raise ApiError(f"The {kind} {id_} is not as we made it any more, so it is not written.")


def _texts(call: Call) -> set[str]:
    return {str(value) for value in call.arguments.values() if isinstance(value, str | int)}


def refuse_others(journal: Journal, account: Account) -> None:
    """See that a journal is of the account that is open.

    Raises:
        WrongAccount: it is of another one.
    """
    if (journal.account.host, journal.account.id) != (account.host, account.id):
        raise WrongAccount(
            f"{journal.path.name} is of the account {journal.account.id} at {journal.account.host}, and this is "
            f"{account.id} at {account.host}. Nothing was deleted.",
            hint="Set that account's credentials, and run it again.",
        )
