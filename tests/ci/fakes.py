"""GitHub and GitLab on loopback, written from their documented REST APIs, over one bare git repository."""

import base64
import html
import json
import re
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from tests.repository import git

US, STRANGER = 41898282, 7
TOKEN, FORKS_TOKEN = "the~?>token-of/the+job", "a-token-that-only-reads"


def written(secret: str) -> tuple[str, ...]:
    """A secret as the fakes repeat it in refusals: plain, as in a URL, JSON and a page, in base64 and hex."""
    data = secret.encode()
    packed = (base64.b64encode(data), base64.urlsafe_b64encode(data))
    return (secret, quote(secret, safe=""), html.escape(secret), *(each.decode() for each in packed), data.hex())


@dataclass
class Change:
    """A pull or merge request."""

    number: int
    branch: str
    title: str = ""
    foreign: bool = False
    state: str = "open"
    head: str = ""


@dataclass
class Repository:
    """What both fakes tell about: a bare repository, changes, comments and issues."""

    bare: Path
    changes: dict[int, Change] = field(default_factory=dict)
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    issues: list[dict[str, Any]] = field(default_factory=list)
    merged: dict[str, int] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    down: bool = False
    _ids: Iterator[int] = field(default_factory=lambda: iter(range(1000, 10**6)))

    def head(self, branch: str) -> str:
        return git(self.bare, "rev-parse", "--verify", "-q", f"refs/heads/{branch}", check=False)

    def head_of(self, change: Change) -> str:
        return change.head if change.foreign else self.head(change.branch)

    def file(self, path: str, ref: str) -> bytes | None:
        answer = subprocess.run(["git", "-C", str(self.bare), "show", f"{ref}:{path}"], capture_output=True)
        return answer.stdout if answer.returncode == 0 else None

    def put(self, path: str, branch: str, content: bytes, message: str, start: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            clone = Path(folder) / "clone"
            git(self.bare, "clone", "-q", str(self.bare), str(clone))
            git(clone, "checkout", "-q", "-B", branch, f"origin/{branch if self.head(branch) else start}")
            (clone / path).parent.mkdir(parents=True, exist_ok=True)
            (clone / path).write_bytes(content)
            git(clone, "add", "-A")
            git(clone, "commit", "-q", "-m", message)
            git(clone, "push", "-q", "origin", branch)

    def propose(self, branch: str, *, foreign: bool = False, head: str = "", title: str = "") -> int:
        number = len(self.changes) + 1
        self.changes[number] = Change(number, branch, title, foreign, head=head)
        return number

    def say(self, number: int, body: str, who: int = STRANGER) -> dict[str, Any]:
        note = {"id": next(self._ids), "who": who, "body": body}
        self.comments.setdefault(number, []).append(note)
        return note

    def open(self, title: str, body: str, who: int = STRANGER) -> dict[str, Any]:
        issue = {"id": len(self.issues) + 1, "title": title, "body": body, "who": who, "state": "open"}
        self.issues.append(issue)
        return issue

    def ours(self, number: int) -> list[str]:
        return [note["body"] for note in self.comments.get(number, []) if note["who"] == US]

    def open_issues(self) -> list[str]:
        return [issue["body"] for issue in self.issues if issue["state"] == "open" and issue["who"] == US]


class Refusal(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, message: str = "") -> None:
        super().__init__(message)
        self.status, self.message = status, message


Route = tuple[str, str, Callable[..., Any]]


def github(repository: Repository) -> tuple[str, list[Route]]:
    """Its routes: verb, pattern of the path, handler of (match, query, body)."""
    at = "/repos/acme/mail"

    def note(row: dict[str, Any]) -> dict[str, Any]:
        return {"id": row["id"], "user": {"id": row["who"]}, "body": row["body"]}

    def issue(row: dict[str, Any]) -> dict[str, Any]:
        return {"number": row["id"], "user": {"id": row["who"]}, "body": row["body"], "state": row["state"]}

    def pull(change: Change) -> dict[str, Any]:
        merged = "2026-01-01T00:00:00Z" if change.state == "merged" else None
        return {"number": change.number, "head": {"sha": repository.head_of(change)}, "merged_at": merged}

    def contents(match: Any, query: dict[str, str], raw: bool) -> Any:
        found = repository.file(match[1], query["ref"])
        if found is None:
            raise Refusal(404, "Not Found")
        return found if raw else {"sha": "blob-" + match[1]}

    def put(match: Any, body: dict[str, Any]) -> Any:
        there = repository.file(match[1], body["branch"]) is not None
        if there and body.get("sha") != "blob-" + match[1]:
            raise Refusal(409, "the sha is missing")
        repository.put(match[1], body["branch"], base64.b64decode(body["content"]), body["message"], "main")
        return {}

    def ref(body: dict[str, Any]) -> Any:
        git(repository.bare, "update-ref", body["ref"], body["sha"])
        return {}

    def patch(match: Any, body: dict[str, Any]) -> Any:
        row = repository.issues[int(match[1]) - 1]
        row["body"] = body["body"]
        row["state"] = body.get("state", row["state"])
        return issue(row)

    def edit(match: Any, body: dict[str, Any]) -> Any:
        row = _comment(repository, int(match[1]))
        row["body"] = body["body"]
        return note(row)

    def head(match: Any) -> Any:
        found = repository.head(match[1])
        if not found:
            raise Refusal(404, "Not Found")
        return {"object": {"sha": found}}

    def user(_: Any) -> Any:
        raise Refusal(403, "Resource not accessible by integration")

    return "/api/v3", [
        ("GET", "/user", lambda m, q, b: user(m)),
        ("GET", r"/users/github-actions\[bot\]", lambda m, q, b: {"id": US}),
        ("GET", f"{at}/git/ref/heads/(.+)", lambda m, q, b: head(m)),
        ("POST", f"{at}/git/refs", lambda m, q, b: ref(b)),
        ("GET", rf"{at}/pulls/(\d+)", lambda m, q, b: pull(repository.changes[int(m[1])])),
        (
            "GET",
            f"{at}/pulls",
            lambda m, q, b: [
                pull(c) for c in repository.changes.values() if c.state == "open" and f"acme:{c.branch}" == q["head"]
            ],
        ),
        ("POST", f"{at}/pulls", lambda m, q, b: {"number": repository.propose(b["head"], title=b["title"])}),
        (
            "GET",
            f"{at}/commits/([0-9a-f]+)/pulls",
            lambda m, q, b: [pull(repository.changes[n]) for sha, n in repository.merged.items() if sha == m[1]],
        ),
        (
            "GET",
            rf"{at}/issues/(\d+)/comments",
            lambda m, q, b: _page([note(row) for row in repository.comments.get(int(m[1]), [])], q),
        ),
        ("POST", rf"{at}/issues/(\d+)/comments", lambda m, q, b: note(repository.say(int(m[1]), b["body"], US))),
        ("PATCH", rf"{at}/issues/comments/(\d+)", lambda m, q, b: edit(m, b)),
        (
            "GET",
            f"{at}/issues",
            lambda m, q, b: _page(
                [issue(row) for row in repository.issues if row["state"] == q["state"]]
                + [{"number": c.number, "pull_request": {}} for c in repository.changes.values()],
                q,
            ),
        ),
        ("POST", f"{at}/issues", lambda m, q, b: issue(repository.open(b["title"], b["body"], US))),
        ("PATCH", rf"{at}/issues/(\d+)", lambda m, q, b: patch(m, b)),
        ("GET", f"{at}/contents/(.+)", lambda m, q, b: contents(m, q, b == "raw")),
        ("PUT", f"{at}/contents/(.+)", lambda m, q, b: put(m, b)),
    ]


def gitlab(repository: Repository) -> tuple[str, list[Route]]:
    """Its routes, as ``github``."""
    at = "/projects/42"

    def note(row: dict[str, Any]) -> dict[str, Any]:
        return {"id": row["id"], "author": {"id": row["who"]}, "body": row["body"]}

    def issue(row: dict[str, Any]) -> dict[str, Any]:
        return {"iid": row["id"], "author": {"id": row["who"]}, "description": row["body"]}

    def request(change: Change) -> dict[str, Any]:
        state = "opened" if change.state == "open" else change.state
        return {"iid": change.number, "sha": repository.head_of(change), "state": state}

    def put(match: Any, body: dict[str, Any], *, new: bool) -> Any:
        start = body.get("start_branch", body["branch"])
        if new == (repository.file(unquote(match[1]), start) is not None):
            raise Refusal(400, "A file with this name already exists" if new else "A file with this name doesn't exist")
        content = base64.b64decode(body["content"])
        repository.put(unquote(match[1]), body["branch"], content, body["commit_message"], start)
        return {}

    def raw(match: Any, query: dict[str, str]) -> bytes:
        found = repository.file(unquote(match[1]), query["ref"])
        if found is None:
            raise Refusal(404, "404 File Not Found")
        return found

    def change_issue(match: Any, body: dict[str, Any]) -> Any:
        row = repository.issues[int(match[1]) - 1]
        row["body"] = body["description"]
        row["state"] = "closed" if body.get("state_event") == "close" else row["state"]
        return issue(row)

    def edit(match: Any, body: dict[str, Any]) -> Any:
        row = _comment(repository, int(match[1]))
        row["body"] = body["body"]
        return note(row)

    def head(match: Any) -> Any:
        found = repository.head(unquote(match[1]))
        if not found:
            raise Refusal(404, "404 Branch Not Found")
        return {"commit": {"id": found}}

    def system(number: int) -> list[dict[str, Any]]:
        return [{"id": 1, "author": {"id": US}, "body": "approved this merge request"}] if number == 1 else []

    return "/api/v4", [
        ("GET", "/user", lambda m, q, b: {"id": US}),
        ("GET", f"{at}/repository/branches/(.+)", lambda m, q, b: head(m)),
        ("GET", rf"{at}/merge_requests/(\d+)", lambda m, q, b: request(repository.changes[int(m[1])])),
        (
            "GET",
            f"{at}/merge_requests",
            lambda m, q, b: [
                request(c) for c in repository.changes.values() if c.state == "open" and c.branch == q["source_branch"]
            ],
        ),
        (
            "POST",
            f"{at}/merge_requests",
            lambda m, q, b: {"iid": repository.propose(b["source_branch"], title=b["title"])},
        ),
        (
            "GET",
            f"{at}/repository/commits/([0-9a-f]+)/merge_requests",
            lambda m, q, b: [request(repository.changes[n]) for sha, n in repository.merged.items() if sha == m[1]],
        ),
        (
            "GET",
            rf"{at}/merge_requests/(\d+)/notes",
            lambda m, q, b: _page(system(int(m[1])) + [note(row) for row in repository.comments.get(int(m[1]), [])], q),
        ),
        ("POST", rf"{at}/merge_requests/(\d+)/notes", lambda m, q, b: note(repository.say(int(m[1]), b["body"], US))),
        ("PUT", rf"{at}/merge_requests/\d+/notes/(\d+)", lambda m, q, b: edit(m, b)),
        (
            "GET",
            f"{at}/issues",
            lambda m, q, b: _page(
                [issue(row) for row in repository.issues if ("opened" if row["state"] == "open" else "") == q["state"]],
                q,
            ),
        ),
        ("POST", f"{at}/issues", lambda m, q, b: issue(repository.open(b["title"], b["description"], US))),
        ("PUT", rf"{at}/issues/(\d+)", lambda m, q, b: change_issue(m, b)),
        ("GET", f"{at}/repository/files/([^/]+)/raw", lambda m, q, b: raw(m, q)),
        ("POST", f"{at}/repository/files/([^/]+)", lambda m, q, b: put(m, b, new=True)),
        ("PUT", f"{at}/repository/files/([^/]+)", lambda m, q, b: put(m, b, new=False)),
    ]


def _comment(repository: Repository, id_: int) -> dict[str, Any]:
    return next(row for rows in repository.comments.values() for row in rows if row["id"] == id_)


def _page(rows: list[Any], query: dict[str, str]) -> list[Any]:
    size, page = int(query.get("per_page", 20)), int(query.get("page", 1))
    return rows[(page - 1) * size : page * size]


@contextmanager
def serving(name: str, repository: Repository) -> Iterator[str]:
    """A fake over HTTP; gives the URL of its API."""
    prefix, routes = {"github": github, "gitlab": gitlab}[name](repository)

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            parts = urlsplit(self.path)
            path = parts.path.removeprefix(prefix)
            token = self.headers.get("PRIVATE-TOKEN") or self.headers.get("Authorization", "").removeprefix("Bearer ")
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            try:
                self._reply(200, self._found(path, dict(_query(parts.query)), body, token))
            except Refusal as refusal:
                self._reply(refusal.status, {"message": refusal.message})

        def _found(self, path: str, query: dict[str, str], body: Any, token: str) -> Any:
            verb = self.command
            repository.calls.append((verb, path))
            if repository.down:
                raise Refusal(503, f"down, {' '.join(written(token))}")
            if token not in (TOKEN, FORKS_TOKEN, ""):
                raise Refusal(401, f"Bad credentials, {' '.join(written(token))}")
            if verb != "GET" and token != TOKEN:
                raise Refusal(403, f"Resource not accessible by integration, {' '.join(written(token))}")
            if "raw" in self.headers.get("Accept", ""):
                body = "raw"
            for known, pattern, handle in routes:
                # GitLab's ids of projects, branches and files come percent-encoded; GitHub's paths have slashes.
                given = path if name == "gitlab" else unquote(path)
                if known == verb and (match := re.fullmatch(pattern, given)):
                    return handle(match, query, body)
            raise Refusal(404, f"no such route: {verb} {path}")

        def _reply(self, status: int, content: Any) -> None:
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

        do_GET = do_POST = do_PUT = do_PATCH = _answer

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{prefix}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _query(text: str) -> Iterator[tuple[str, str]]:
    for name, values in parse_qs(text).items():
        yield name, values[-1]
