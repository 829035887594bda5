"""Calls to a forge's REST API: JSON in and out, pages followed, errors as ours."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from reconcile.errors import ApiError, InvalidInput, Unreachable
from reconcile.network import Network, is_loopback
from reconcile.report.text import one_line

PAGE: Final = 100
_TRIES: Final = 3
_PAGES: Final = 100  # more comments than that are no conversation


class Api:
    """The API at a URL, with the headers that sign in; ``sleep`` is what passes between attempts to read."""

    def __init__(
        self, url: str, headers: Mapping[str, str], *, name: str, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
            raise InvalidInput(f"The job says that the API of {name} is at {url}, and a token goes to https:// only.")
        self._url = url.rstrip("/")
        self._name = name
        self._sleep = sleep
        self._client = httpx.Client(transport=Network(), headers=headers, timeout=30.0)

    def read(self, path: str, **query: Any) -> Any:
        """What there is at a path; None if there is nothing."""
        answer = self._get(path, query)
        return None if answer is None else answer.json()

    def read_bytes(self, path: str, headers: Mapping[str, str] | None = None, **query: Any) -> bytes | None:
        """A file as it is; None if there is none."""
        answer = self._get(path, query, headers)
        return None if answer is None else answer.content

    def pages(self, path: str, **query: Any) -> Iterator[Any]:
        """The rows of a list, page by page."""
        for page in range(1, _PAGES + 1):
            rows = self.read(path, per_page=PAGE, page=page, **query) or []
            yield from rows
            if len(rows) < PAGE:
                return

    def write(self, verb: str, path: str, body: Mapping[str, Any]) -> Any:
        """One write, made once: whoever can't tell what came of it runs the job again."""
        try:
            answer = self._client.request(verb, self._url + path, json=dict(body))
        except httpx.HTTPError as error:
            raise Unreachable(f"{self._name} can't be reached: {type(error).__name__}.") from None
        if not answer.is_success:
            raise self._refused(verb, path, answer)
        return answer.json() if answer.content else None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _get(self, path: str, query: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Any:
        for attempt in range(1, _TRIES + 1):
            last = attempt == _TRIES
            try:
                answer = self._client.get(self._url + path, params=dict(query), headers=headers)
            except httpx.HTTPError as error:
                if last:
                    raise Unreachable(f"{self._name} can't be reached: {type(error).__name__}.") from None
            else:
                if answer.status_code == httpx.codes.NOT_FOUND:
                    return None
                if answer.is_success:
                    return answer
                if last or answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                    raise self._refused("GET", path, answer)
            self._sleep(float(attempt))
        raise AssertionError("the last attempt ends")

    def _refused(self, verb: str, path: str, answer: httpx.Response) -> ApiError:
        said = ""
        try:
            told = answer.json()
            said = str(told.get("message") or told.get("error") or "") if isinstance(told, dict) else ""
        except ValueError:
            pass
        hint = None
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND):
            hint = "See what the job's token may do: docs/ci.md lists what each command needs."
        if answer.is_redirect:
            said = "it leads elsewhere, which is not followed"
        error = ApiError(
            f"{self._name} answered {answer.status_code} to {verb} {path}{': ' if said else ''}{one_line(said)[:200]}.",
            hint=hint,
        )
        error.status = answer.status_code  # type: ignore[attr-defined]
        return error
