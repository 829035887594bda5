"""Postino on this machine, written from its documentation: objects in one SQLite table, two to a page.

An account's key is its alias. Unknown members are refused, members that are left out of a PUT are emptied.
"""

import json
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx

from reconcile.model.settings import ProviderSettings

_MEMBERS = {
    "lists": {"name": "", "note": None, "hidden": False},
    "templates": {"name": "", "subject": None, "html": None},
}
_PAGE = 2


def emulate(settings: Sequence[ProviderSettings], path: Path | str, clock: Callable[[], float]) -> httpx.BaseTransport:
    """The accounts on one file; ``clock`` is not needed, as nothing here comes due."""
    return _Emulator(path, {each.alias: each.account or "1" for each in settings})


class _Emulator(httpx.BaseTransport):
    def __init__(self, path: Path | str, accounts: dict[str, str]) -> None:
        if isinstance(path, Path):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._accounts = accounts
        self._lock = threading.Lock()
        self._data = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._data.execute(
            "CREATE TABLE IF NOT EXISTS object "
            "(id INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT, kind TEXT, members TEXT)"
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request, from any thread."""
        account = self._accounts.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if account is None:
            return httpx.Response(401, json={"message": "Unknown key."})
        kind, _, id_ = request.url.path.strip("/").removeprefix("postino").strip("/").partition("/")
        if kind == "account":
            return httpx.Response(200, json={"id": account})
        if kind not in _MEMBERS:
            return httpx.Response(404, json={"message": "No such thing."})
        with self._lock:
            return self._answer(request, account, kind, id_)

    def close(self) -> None:
        """Close the file."""
        self._data.close()

    def _answer(self, request: httpx.Request, account: str, kind: str, id_: str) -> httpx.Response:
        if request.method == "GET":
            return self._page(account, kind, int(request.url.params.get("cursor", 0)))
        if (
            id_
            and not self._data.execute(
                "SELECT 1 FROM object WHERE id = ? AND account = ? AND kind = ?", (id_, account, kind)
            ).fetchone()
        ):
            return httpx.Response(404, json={"message": f"There is no such object in {kind}."})
        if request.method == "DELETE":
            self._data.execute("DELETE FROM object WHERE id = ?", (id_,))
            return httpx.Response(204)
        sent = json.loads(request.read())
        if not sent.get("name") or sent.keys() - _MEMBERS[kind].keys():
            return httpx.Response(422, json={"message": f"It takes a name, and {', '.join(_MEMBERS[kind])}."})
        members = json.dumps({**_MEMBERS[kind], **sent})
        if id_:
            self._data.execute("UPDATE object SET members = ? WHERE id = ?", (members, id_))
            return httpx.Response(200, json={"id": id_})
        row = self._data.execute("INSERT INTO object VALUES (NULL, ?, ?, ?)", (account, kind, members))
        return httpx.Response(201, json={"id": str(row.lastrowid)})

    def _page(self, account: str, kind: str, cursor: int) -> httpx.Response:
        found = self._data.execute(
            "SELECT id, members FROM object WHERE account = ? AND kind = ? AND id > ? ORDER BY id LIMIT ?",
            (account, kind, cursor, _PAGE + 1),
        ).fetchall()
        rows = [{"id": str(id_), **json.loads(members), "people": 0} for id_, members in found[:_PAGE]]
        return httpx.Response(200, json={"rows": rows, "next": rows[-1]["id"] if len(found) > _PAGE else None})
