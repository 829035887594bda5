"""Answers: the envelope around nearly everything, and errors.

The page names neither codes nor statuses of errors; the numbers are the emulator's own, and clients must tell
only zero from non-zero.
"""

import json
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True, slots=True)
class Bare:
    """An answer without envelope, such as get-data's array."""

    value: Any


Answer = dict[str, Any] | Bare

_REFUSALS = {
    401: (1, "The API key is missing or wrong."),
    403: (9, "The API key is not for this function."),
    429: (8, "Too many requests."),
    503: (10, "The service is not available."),
    507: (11, "The service can't store anything."),
}


class ApiError(Exception):
    """A call that fails. ``status`` is told in the envelope, ``http`` is the status of the answer by default."""

    def __init__(self, code: int, status: int, message: str, *, http: int = 200) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.http = http
        self.message = message


def unauthorised() -> ApiError:
    """No key, or one that no account has."""
    code, message = _REFUSALS[401]
    return ApiError(code, 401, message, http=401)


def malformed(message: str) -> ApiError:
    """A body that is no JSON object, or a member of the wrong type."""
    return ApiError(2, 400, message, http=400)


def missing(name: str) -> ApiError:
    """A required parameter that was not sent."""
    return ApiError(3, 400, f"The parameter {name} is required.")


def invalid(message: str) -> ApiError:
    """A value out of range, or none of those allowed."""
    return ApiError(4, 400, message)


def not_found(what: str, key: object) -> ApiError:
    """An object that is not there."""
    return ApiError(5, 404, f"There is no {what} {key}.")


def conflict(message: str) -> ApiError:
    """A duplicate, or a state of the newsletter that does not allow the call."""
    return ApiError(6, 409, message)


def encode(answer: Answer) -> httpx.Response:
    """The answer of a successful call, members in ordinal order as the service writes them."""
    if isinstance(answer, Bare):
        return _json(200, answer.value)
    return _json(200, _envelope(0, None, 200, answer))


def refused(status: int, message: str | None = None) -> httpx.Response:
    """The answer of a call that is refused with 401, 403, 429, 503 or 507 in place of its function's."""
    code, usual = _REFUSALS[status]
    return _json(status, _envelope(code, message or usual, status, {}))


def encode_error(error: ApiError, policy: str) -> httpx.Response:
    """The answer of a failed call; the policy is the switch ``error_status``."""
    status = {"http": error.status, "always_200": 200}.get(policy, error.http)
    return _json(status, _envelope(error.code, error.message, error.status, {}))


def _envelope(code: int, message: str | None, status: int, payload: dict[str, Any]) -> dict[str, Any]:
    members = {"errorCode": code, "errorMessage": message, "httpStatusCode": status, **payload}
    return dict(sorted(members.items()))


def _json(status: int, value: Any) -> httpx.Response:
    content = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return httpx.Response(status, content=content, headers={"Content-Type": "application/json; charset=utf-8"})
