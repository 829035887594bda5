"""GitLab's REST API, as far as a plan's note, an issue and a snapshot need it."""

import base64
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from reconcile.ci.forge import Note
from reconcile.ci.http import Api


class GitLab:
    """A project on GitLab; see ``Forge``. Without a token it is read as anybody may."""

    def __init__(self, url: str, project: str, token: str | None) -> None:
        self._api = Api(url, {"PRIVATE-TOKEN": token} if token else {}, name="GitLab")
        self._at = f"/projects/{quote(project, safe='')}"

    def me(self) -> str:
        """See ``Forge``."""
        return str(self._api.read("/user")["id"])

    def head_of(self, branch: str) -> str | None:
        """See ``Forge``."""
        found = self._api.read(f"{self._at}/repository/branches/{quote(branch, safe='')}")
        return None if found is None else str(found["commit"]["id"])

    def head_of_change(self, number: int) -> str | None:
        """See ``Forge``."""
        found = self._api.read(f"{self._at}/merge_requests/{number}")
        return None if found is None else str(found["sha"])

    def changes_of(self, commit: str) -> list[int]:
        """See ``Forge``."""
        rows = self._api.read(f"{self._at}/repository/commits/{commit}/merge_requests") or []
        return [row["iid"] for row in rows if row.get("state") == "merged"]

    def comments(self, number: int) -> Iterator[Note]:
        """See ``Forge``."""
        rows = self._api.pages(f"{self._at}/merge_requests/{number}/notes", sort="asc", order_by="created_at")
        return (_note(row, "body") for row in rows)

    def add_comment(self, number: int, body: str) -> None:
        """See ``Forge``."""
        self._api.write("POST", f"{self._at}/merge_requests/{number}/notes", {"body": body})

    def edit_comment(self, number: int, id_: str, body: str) -> None:
        """See ``Forge``."""
        self._api.write("PUT", f"{self._at}/merge_requests/{number}/notes/{id_}", {"body": body})

    def issues(self) -> Iterator[Note]:
        """See ``Forge``."""
        rows = self._api.pages(f"{self._at}/issues", state="opened", sort="asc")
        return (_note(row, "description", "iid") for row in rows)

    def open_issue(self, title: str, body: str) -> None:
        """See ``Forge``."""
        self._api.write("POST", f"{self._at}/issues", {"title": title, "description": body})

    def edit_issue(self, id_: str, body: str) -> None:
        """See ``Forge``."""
        self._api.write("PUT", f"{self._at}/issues/{id_}", {"description": body})

    def close_issue(self, id_: str, body: str) -> None:
        """See ``Forge``."""
        self._api.write("PUT", f"{self._at}/issues/{id_}", {"description": body, "state_event": "close"})

    def file(self, path: str, ref: str) -> bytes | None:
        """See ``Forge``."""
        return self._api.read_bytes(f"{self._file(path)}/raw", ref=ref)

    def put_file(self, path: str, branch: str, content: bytes, message: str, base: str) -> None:
        """See ``Forge``."""
        body: dict[str, Any] = {
            "branch": branch,
            "content": base64.b64encode(content).decode(),
            "encoding": "base64",
            "commit_message": message,
        }
        if self.head_of(branch) is None:
            body["start_branch"] = base
            there = self.file(path, base) is not None
        else:
            there = self.file(path, branch) is not None
        self._api.write("PUT" if there else "POST", self._file(path), body)

    def change_from(self, branch: str, base: str) -> int | None:
        """See ``Forge``."""
        rows = self._api.read(f"{self._at}/merge_requests", state="opened", source_branch=branch, target_branch=base)
        return rows[0]["iid"] if rows else None

    def open_change(self, branch: str, base: str, title: str, body: str) -> None:
        """See ``Forge``."""
        offer = {"source_branch": branch, "target_branch": base, "title": title, "description": body}
        self._api.write("POST", f"{self._at}/merge_requests", {**offer, "remove_source_branch": True})

    def close(self) -> None:
        """Close the connections."""
        self._api.close()

    def _file(self, path: str) -> str:
        return f"{self._at}/repository/files/{quote(path, safe='')}"


def _note(row: Any, body: str, id_: str = "id") -> Note:
    return Note(str(row[id_]), str((row.get("author") or {}).get("id")), row.get(body) or "")
