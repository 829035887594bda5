"""The state on a server that speaks Terraform's HTTP protocol, such as GitLab: GET, POST ?ID=, LOCK and UNLOCK.

There is one document, so each entry writes the whole state, with the next serial. The lock is the server's: it stays
until its id unlocks it, and a POST without its id is refused there. The protocol has no conditional write, so lineage
and serial are read again before each POST. DELETE, which would destroy a state without a trace, is never sent to one.
"""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

import httpx
import orjson

from reconcile.errors import LockHeld, StateError
from reconcile.model.collector import collector_paused
from reconcile.network import Network, told_time
from reconcile.state.codec import Codec
from reconcile.state.journal import Entry, Recording, recorded, replay
from reconcile.state.lockinfo import lock_held, lock_lost, new_owner, not_the_lock
from reconcile.state.state import State
from reconcile.state.statefile import REBUILD
from reconcile.state.store import LockedState, LockInfo, StateStore

USERNAME_VARIABLE: Final = "RECONCILE_HTTP_USERNAME"
PASSWORD_VARIABLE: Final = "RECONCILE_HTTP_PASSWORD"  # noqa: S105  # a variable's name

_ADVICE = (
    "Wait until that run has ended, or let this one wait for it with --lock-timeout S (seconds). This server's locks"
    " outlive a run that was killed: if it is certainly dead, free the lock with `reconcile state unlock {}`."
)
_GITLAB: Final = "/terraform/state/"
_HELD: Final = (409, 412, 423)
_TIMEOUT: Final = 30.0
_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0


class HttpStore(StateStore):
    """A state behind a URL; the credentials are the URL's, else those of the environment."""

    def __init__(
        self,
        url: str,
        *,
        environ: Mapping[str, str] | None = None,
        codec: Codec | None = None,
        clock: Callable[[], float] = time.time,
        who: str | None = None,
    ) -> None:
        parts = urlsplit(url)
        netloc = parts.netloc.rpartition("@")[2]
        self.url = urlunsplit((parts.scheme, netloc, parts.path, parts.query, ""))
        self._lock_with, self._unlock_with = _locking(parts.scheme, netloc, parts.path, parts.query)
        self._credentials = _credentials(parts.username, parts.password, environ or {})
        self._codec = codec or Codec()
        self._clock = clock
        self._who = who

    @property
    def name(self) -> str:
        """The URL without its credentials."""
        return self.url.partition("?")[0]

    @property
    def segments(self) -> None:
        """There is one document, so what audiences remember is in it."""
        return None

    def read(self) -> State | None:
        """The state, without a lock, with all that a run in progress has recorded; None if there has never been one.

        Raises:
            StateError: empty, damaged, of a newer format, or it can't be read.
        """
        with self._client() as client:
            return self.get(client)

    @contextmanager
    def lock(self, why: str, timeout: float = 0.0) -> Iterator[LockedState]:
        """The state for writing, created at the first write if there is none; waits at most ``timeout`` seconds.

        Raises:
            LockHeld: somebody else has it; the message says who, when and why.
            StateError: as ``read``, or it can't be written.
        """
        with self._locked(why, timeout) as (client, owner):
            run = _Run(self, client, owner)
            with recorded(run.recording, run.finish) as state:
                yield state

    def replace(self, why: str, make: Callable[[State | None], State], timeout: float = 0.0) -> State:
        """Write a whole state in place of what there is, which ``make`` is given under the lock; what was written.

        Raises:
            LockHeld: somebody else has the lock.
            StateError: as ``read``, or it can't be written.
        """
        with self._locked(why, timeout) as (client, owner):
            former = self.get(client)
            made = make(former)
            serial = max(made.serial, former.serial if former else 0) + 1
            return self.post(client, owner, replace(made, serial=serial), former)

    def holder(self) -> LockInfo | None:
        """Who has the lock; the protocol only says so to somebody who asks for it."""
        owner = new_owner("a look at the lock", self._clock(), self._who)
        with self._client() as client:
            info = self._try_lock(client, owner)
            if info is owner:
                self._release(client, owner)
                return None
            return info

    def unlock(self, id_: str) -> LockInfo:
        """Take the lock with this id from its holder; who that was.

        Raises:
            StateError: nobody has it, or its id is another one.
        """
        info = self.holder()
        if info is None or info.id != id_:
            raise not_the_lock(self.name, id_, info)
        with self._client() as client:
            self._release(client, info)
        return info

    def set_aside(self, why: str, timeout: float = 0.0) -> tuple[str, ...]:
        """Always refused: the protocol can't rename.

        Raises:
            StateError: always.
        """
        raise StateError(
            f"The state {self.name} can't be set aside: the protocol has no way to rename it.",
            hint="Name another URL as the `state` of the project, and delete this one later with the server's own"
            " means.",
        )

    def get(self, client: httpx.Client) -> State | None:
        """The state as it is now."""
        answer = self._request(client, "GET", self.url)
        if answer.status_code in (204, 404):
            return None
        if answer.status_code != httpx.codes.OK:
            raise self._unusable("read", answer)
        with collector_paused():
            return self._codec.parse_state(answer.content, self.name, REBUILD)

    def time(self, client: httpx.Client) -> tuple[float, float] | None:
        """By how much the server's clock is ahead of ours, at least and at most, as an answer to a read tells."""
        began = self._clock()
        told = told_time(self._request(client, "GET", self.url).headers)
        # It has whole seconds, and may be of any moment since the request was made.
        return None if told is None else (told - self._clock(), told + 1 - began)

    def post(self, client: httpx.Client, owner: LockInfo, state: State, former: State | None) -> State:
        """Write the state if there still is the former one; both are compared by lineage and serial.

        Raises:
            LockHeld: the lock was lost.
            StateError: it can't be written, or something else wrote.
        """
        with collector_paused():
            data = self._codec.render_state(state)
        self._expect(client, former)
        try:
            self._post(client, owner, data)
        except _Unanswered:
            if not _same(self.get(client), state):
                self._post(client, owner, data)
        return state

    def _expect(self, client: httpx.Client, former: State | None) -> None:
        found = self.get(client)
        if not _same(found, former):
            raise StateError(
                f"The state {self.name} was changed by something else while this run had the lock: it has"
                f" {_version(found)}, and this run wrote {_version(former)}.",
                hint="See with `reconcile drift` what is live, and let nothing but reconcile write there.",
            )

    def lost(self, client: httpx.Client, owner: LockInfo, former: State | None) -> LockHeld | None:
        """The error that the lock is no longer ours; None if it is, or has been free all the time and is taken again.

        Raises:
            StateError: that can't be found out.
        """
        holder = self._try_lock(client, owner)
        if holder is not None and holder.id != owner.id:
            return lock_lost(self.name, holder)
        # Whoever had it meanwhile and wrote has left another version.
        return None if _same(self.get(client), former) else lock_lost(self.name, None)

    def _post(self, client: httpx.Client, owner: LockInfo, data: bytes) -> None:
        url = httpx.URL(self.url).copy_merge_params({"ID": owner.id})
        answer = self._request(client, "POST", url, data)
        if answer.status_code in _HELD:
            raise lock_lost(self.name, _holder(answer))
        if answer.is_server_error:
            raise _Unanswered(f"{self._said('written', answer)}, so it may or may not have been.")
        if not answer.is_success:
            raise self._unusable("written", answer)

    @contextmanager
    def _locked(self, why: str, timeout: float) -> Iterator[tuple[httpx.Client, LockInfo]]:
        owner = new_owner(why, self._clock(), self._who)
        with self._client() as client:
            self._acquire(client, owner, timeout)
            try:
                yield client, owner
            finally:
                # If this fails, the lock stays, and the next run says how to free it.
                with suppress(StateError):
                    self._release(client, owner)

    def _acquire(self, client: httpx.Client, owner: LockInfo, timeout: float) -> None:
        deadline = time.monotonic() + max(0.0, timeout)
        pause = _PAUSE
        while (info := self._try_lock(client, owner)) is not owner:
            left = deadline - time.monotonic()
            if left <= 0:
                raise lock_held(self.name, info, _ADVICE.format(info.id if info else "ID"))
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def _try_lock(self, client: httpx.Client, owner: LockInfo) -> LockInfo | None:
        """Ask for the lock once: the owner if it is ours, else who has it, None if the server doesn't say."""
        method, url = self._lock_with
        answer = self._request(client, method, url, _render_owner(owner))
        if answer.status_code in _HELD:
            return _holder(answer)
        if answer.status_code in (404, 405, 501):
            raise StateError(
                f"The server of {self.name} has no locks: it answered {answer.status_code} to {method}. Two runs at"
                " once could destroy each other's state there, so it is not used.",
                hint="Keep the state on a server with locks, such as GitLab, or in PostgreSQL or object storage.",
            )
        if not answer.is_success:
            raise self._unusable("locked", answer)
        return owner

    def _release(self, client: httpx.Client, owner: LockInfo) -> None:
        method, url = self._unlock_with
        answer = self._request(client, method, url, _render_owner(owner))
        if not answer.is_success:
            raise self._unusable("unlocked", answer)

    def _client(self) -> httpx.Client:
        return httpx.Client(
            auth=self._credentials,
            timeout=_TIMEOUT,
            headers={"User-Agent": "reconcile"},
            transport=Network(),
        )

    def _request(self, client: httpx.Client, method: str, url: str | httpx.URL, data: bytes = b"") -> httpx.Response:
        headers = {"Content-Type": "application/json"} if data else {}
        try:
            return client.request(method, url, content=data or None, headers=headers)
        except httpx.ConnectError as error:
            raise StateError(f"The server of {self.name} can't be reached: {error}.", hint=_SEE) from error
        except httpx.HTTPError as error:
            raise _Unanswered(
                f"The server of {self.name} did not answer {method}: {type(error).__name__}.", hint=_SEE
            ) from error

    def _unusable(self, done: str, answer: httpx.Response) -> StateError:
        hint = _SEE
        if answer.status_code in (401, 403):
            hint = f"Give the credentials in {USERNAME_VARIABLE} and {PASSWORD_VARIABLE}."
        return StateError(f"{self._said(done, answer)}.", hint=hint)

    def _said(self, done: str, answer: httpx.Response) -> str:
        return f"The state {self.name} can't be {done}: the server answered {answer.status_code}"


class _Unanswered(StateError):
    """The state can't be used."""


class _Run:
    """What one holder of the lock records: the whole state for each entry."""

    def __init__(self, store: HttpStore, client: httpx.Client, owner: LockInfo) -> None:
        self._store = store
        self._client = client
        self._owner = owner
        self._former = store.get(client)
        self._state = self._former or State(lineage=str(uuid.uuid4()))
        self._lost: LockHeld | None = None
        self.recording = Recording(
            self._state, self._keep, lambda at_server: self._confirm(at_server=at_server), lambda: store.time(client)
        )

    def finish(self) -> None:
        """All is written already."""
        self.recording.close()

    def _keep(self, entry: Entry) -> None:
        self._confirm()
        following = replay(self._state, [entry])
        following = replace(following, serial=self._state.serial + 1)
        try:
            self._store.post(self._client, self._owner, following, self._former)
        except LockHeld as error:
            self._lost = error
            raise
        self._state = self._former = following

    def _confirm(self, *, at_server: bool = False) -> None:
        # The protocol has no question for this but to ask for the lock once more; and each record asks anyhow.
        if self._lost is None and at_server:
            self._lost = self._store.lost(self._client, self._owner, self._former)
        if self._lost is not None:
            raise self._lost


_SEE: Final = "See that the URL of the state is right, and that the server runs and lets you in."


@cache
def _locking(scheme: str, netloc: str, path: str, query: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """Method and URL of taking the lock, and of giving it back; GitLab has its own."""
    if _GITLAB in path:
        url = urlunsplit((scheme, netloc, f"{path}/lock", query, ""))
        return ("POST", url), ("DELETE", url)
    url = urlunsplit((scheme, netloc, path, query, ""))
    return ("LOCK", url), ("UNLOCK", url)


def _credentials(username: str | None, password: str | None, environ: Mapping[str, str]) -> httpx.BasicAuth | None:
    name = unquote(username) if username else environ.get(USERNAME_VARIABLE, "")
    secret = unquote(password) if password else environ.get(PASSWORD_VARIABLE, "")
    return httpx.BasicAuth(name, secret) if name or secret else None


def _render_owner(owner: LockInfo) -> bytes:
    """The lock's owner as Terraform writes it; ``Info`` has what only we know."""
    return orjson.dumps(
        {
            "ID": owner.id,
            "Operation": owner.why,
            "Info": f"process {owner.pid}",
            "Who": f"{owner.who}@{owner.host}",
            "Version": "reconcile",
            "Created": datetime.fromtimestamp(owner.since, UTC).isoformat(),
            "Path": "",
        }
    )


def _holder(answer: httpx.Response) -> LockInfo | None:
    """Who an answer says to have the lock, whichever tool wrote that; None if it doesn't."""
    try:
        row = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(row, dict) or not isinstance(row.get("ID"), str):
        return None
    who, _, host = str(row.get("Who") or "somebody").rpartition("@")
    process = str(row.get("Info") or "").removeprefix("process ")
    return LockInfo(
        id=row["ID"],
        who=who or host,
        host=host if who else "an unknown host",
        pid=int(process) if process.isdigit() else 0,
        why=str(row.get("Operation") or "an unknown reason"),
        since=_seconds(row.get("Created")),
    )


def _seconds(created: object) -> float:
    try:
        return datetime.fromisoformat(str(created)).timestamp()
    except ValueError:
        return 0.0


def _same(one: State | None, other: State | None) -> bool:
    return _version(one) == _version(other)


def _version(state: State | None) -> str:
    return f"serial {state.serial} of lineage {state.lineage}" if state else "no state"
