"""GitHub's REST API, as far as a plan's comment, an issue and a snapshot need it."""

import base64
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from reconcile.ci.forge import Note
from reconcile.ci.http import Api
from reconcile.errors import ApiError

_BOT = "github-actions[bot]"


class GitHub:
    """A repository on GitHub; see ``Forge``. ``account`` is the login behind the token, where it can't say so."""

    def __init__(self, url: str, repository: str, token: str, account: str | None = None) -> None:
        headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        self._api = Api(url, headers, name="GitHub")
        self._repository = repository
        self._account = account
        self._at = f"/repos/{quote(repository)}"

    def me(self) -> str:
        """The id behind the token; a job's own token may not ask, and is the one of Actions."""
        if self._account is None:
            try:
                return str(self._api.read("/user")["id"])
            except ApiError as error:
                if getattr(error, "status", None) != 403:
                    raise
        found = self._api.read(f"/users/{quote(self._account or _BOT, safe='')}")
        if found is None:
            raise ApiError(f"GitHub knows no account {self._account or _BOT}.", hint="Correct RECONCILE_CI_ACCOUNT.")
        return str(found["id"])

    def head_of(self, branch: str) -> str | None:
        """See ``Forge``."""
        found = self._api.read(f"{self._at}/git/ref/heads/{quote(branch)}")
        return None if found is None else str(found["object"]["sha"])

    def head_of_change(self, number: int) -> str | None:
        """See ``Forge``."""
        found = self._api.read(f"{self._at}/pulls/{number}")
        return None if found is None else str(found["head"]["sha"])

    def changes_of(self, commit: str) -> list[int]:
        """See ``Forge``."""
        rows = self._api.read(f"{self._at}/commits/{commit}/pulls") or []
        return [row["number"] for row in rows if row.get("merged_at")]

    def comments(self, number: int) -> Iterator[Note]:
        """See ``Forge``."""
        return map(_note, self._api.pages(f"{self._at}/issues/{number}/comments"))

    def add_comment(self, number: int, body: str) -> None:
        """See ``Forge``."""
        self._api.write("POST", f"{self._at}/issues/{number}/comments", {"body": body})

    def edit_comment(self, number: int, id_: str, body: str) -> None:
        """See ``Forge``."""
        self._api.write("PATCH", f"{self._at}/issues/comments/{id_}", {"body": body})

    def issues(self) -> Iterator[Note]:
        """See ``Forge``; GitHub lists pull requests among them."""
        rows = self._api.pages(f"{self._at}/issues", state="open", direction="asc")
        return (_note(row, "number") for row in rows if "pull_request" not in row)

    def open_issue(self, title: str, body: str) -> None:
        """See ``Forge``."""
        self._api.write("POST", f"{self._at}/issues", {"title": title, "body": body})

    def edit_issue(self, id_: str, body: str) -> None:
        """See ``Forge``."""
        self._api.write("PATCH", f"{self._at}/issues/{id_}", {"body": body})

    def close_issue(self, id_: str, body: str) -> None:
        """See ``Forge``."""
        self._api.write("PATCH", f"{self._at}/issues/{id_}", {"body": body, "state": "closed"})

    def file(self, path: str, ref: str) -> bytes | None:
        """See ``Forge``."""
        raw = {"Accept": "application/vnd.github.raw+json"}
        return self._api.read_bytes(f"{self._at}/contents/{quote(path)}", raw, ref=ref)

    def put_file(self, path: str, branch: str, content: bytes, message: str, base: str) -> None:
        """See ``Forge``."""
        if self.head_of(branch) is None:
            head = self.head_of(base)
            self._api.write("POST", f"{self._at}/git/refs", {"ref": f"refs/heads/{branch}", "sha": head})
        there = self._api.read(f"{self._at}/contents/{quote(path)}", ref=branch)
        body: dict[str, Any] = {"message": message, "branch": branch, "content": base64.b64encode(content).decode()}
        if there is not None:
            body["sha"] = there["sha"]
        self._api.write("PUT", f"{self._at}/contents/{quote(path)}", body)

    def change_from(self, branch: str, base: str) -> int | None:
        """See ``Forge``."""
        owner = self._repository.split("/")[0]
        rows = self._api.read(f"{self._at}/pulls", state="open", head=f"{owner}:{branch}", base=base) or []
        return rows[0]["number"] if rows else None

    def open_change(self, branch: str, base: str, title: str, body: str) -> None:
        """See ``Forge``."""
        self._api.write("POST", f"{self._at}/pulls", {"head": branch, "base": base, "title": title, "body": body})

    def close(self) -> None:
        """Close the connections."""
        self._api.close()


def _note(row: Any, id_: str = "id") -> Note:
    return Note(str(row[id_]), str((row.get("user") or {}).get("id")), row.get("body") or "")
