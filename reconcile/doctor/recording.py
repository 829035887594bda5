"""A recording of calls as a HAR file that can be shown around: its shape is true, and it says nothing.

Every text that is not on the allow-list, such as a name of a member that we know, is a token of its kind and length:
"text-12", "address-17", "date-19". Numbers become nines of as many digits, names of members that nobody knows tokens.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from reconcile.disk import failing, make_folder

# Headers that tell something of the service and nothing of anybody; all others are left out.
_HEADERS = frozenset(
    {"content-type", "content-length", "content-encoding", "date", "age", "retry-after", "api-version"}
)
_KINDS = (
    ("address", re.compile(r"[^@\s]+@[^@\s]+")),
    ("url", re.compile(r"https?://\S+")),
    ("date", re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?")),
    ("guid", re.compile(r"[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")),
    ("digits", re.compile(r"\d+")),
    ("html", re.compile(r"\s*<.*", re.DOTALL)),
)


class Recording:
    """The calls of a run, each without what it says; ``known`` are the texts that may stand as they are."""

    def __init__(self, known: frozenset[str]) -> None:
        self._known = known
        self._entries: list[dict[str, Any]] = []

    def note(self, verb: str, url: str, request: bytes, status: int, headers: Mapping[str, str], answer: bytes) -> None:
        """Take up a call: its URL, the two bodies and the answer's headers."""
        self._entries.append(
            {
                "request": {"method": verb, "url": self._url(url), "postData": {"text": self._body(request)}},
                "response": {
                    "status": status,
                    "headers": [
                        {"name": name.lower(), "value": self._header(name.lower(), value)}
                        for name, value in headers.items()
                        if name.lower() in _HEADERS
                    ],
                    "content": {"text": self._body(answer), "size": len(answer)},
                },
            }
        )

    def write(self, file: Path) -> None:
        """Write the file, for its owner only."""
        log = {"version": "1.2", "creator": {"name": "reconcile doctor", "version": "1"}, "entries": self._entries}
        with failing(file, "written"):
            make_folder(file.resolve().parent)
            file.touch(mode=0o600)
            file.chmod(0o600)
            file.write_bytes(orjson.dumps({"log": log}, option=orjson.OPT_INDENT_2))

    def _url(self, url: str) -> str:
        """The path by its known parts; of a query the names."""
        _, _, rest = url.partition("://")
        path, _, query = rest.partition("?")
        _, _, path = path.partition("/")
        parts = [self._text(part) if part else "" for part in path.split("/")]
        names = [self._text(pair.partition("=")[0]) for pair in query.split("&") if pair]
        return "/" + "/".join(parts) + (f"?{'&'.join(f'{name}=' for name in names)}" if names else "")

    def _header(self, name: str, value: str) -> str:
        if name == "content-type":
            return value.partition(";")[0] if value.partition(";")[0] in ("application/json", "text/html") else "other"
        return value if re.fullmatch(r"\d{1,9}(\.\d)?", value) else self._token(value)

    def _body(self, content: bytes) -> str:
        if not content:
            return ""
        try:
            return orjson.dumps(self._value(orjson.loads(content))).decode()
        except (orjson.JSONDecodeError, RecursionError):
            return f"bytes-{len(content)}"

    def _value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self._text(name): self._value(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self._value(each) for each in value]
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value if value in (0, 1, -1) else int("9" * min(len(str(abs(int(value)))), 15))
        return value

    def _text(self, text: str) -> str:
        return text if text in self._known or not text else self._token(text)

    def _token(self, text: str) -> str:
        kind = next((kind for kind, form in _KINDS if form.fullmatch(text)), "text")
        return f"{kind}-{len(text)}"
