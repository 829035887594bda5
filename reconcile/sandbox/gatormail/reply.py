"""Answers that are errors: a status, ``message``, and on 400 what is wrong with which member.

The envelope is the reference's proposal (section "Status codes and error envelope"); no public source describes one.
"""

from collections.abc import Mapping, Sequence

_REFUSALS = {
    401: "Authorization has been denied for this request.",
    403: "The token is not for this request.",
    429: "Too many requests.",
    503: "The service is not available.",
    507: "The service can't store anything.",
}
_OAUTH = {
    401: "invalid_client",
    403: "access_denied",
    429: "temporarily_unavailable",
    503: "temporarily_unavailable",
    507: "server_error",
}


class ApiError(Exception):
    """A call that fails with a status."""

    def __init__(self, status: int, message: str, model_state: Mapping[str, Sequence[str]] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.model_state = {field: list(texts) for field, texts in (model_state or {}).items()}

    @property
    def sentence(self) -> str:
        """The message and what is wrong with which member, for a person."""
        details = "".join(f" {field}: {', '.join(texts)}." for field, texts in self.model_state.items())
        return f"{self.message}.{details}" if details and not self.message.endswith(".") else self.message + details


class OAuthError(Exception):
    """A token that is refused; members as of OAuth 2.0."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status


def refused(status: int, message: str | None = None) -> ApiError:
    """A call that is refused with 401, 403, 429, 503 or 507 in place of its answer."""
    return ApiError(status, message or _REFUSALS[status])


def sign_on_refused(status: int, message: str | None = None) -> OAuthError:
    """The same at the sign-on; error codes as of OAuth 2.0, where it has one."""
    return OAuthError(_OAUTH[status], message or _REFUSALS[status], status)


def invalid(field: str, text: str) -> ApiError:
    """A value that is wrong."""
    return ApiError(400, "The request is invalid", {field: [text]})


def not_found(what: str, key: object) -> ApiError:
    """An object that is not there."""
    return ApiError(404, f"There is no {what} {key}.")


def conflict(message: str) -> ApiError:
    """A state or a name that forbids the call."""
    return ApiError(409, message)


def switched_off(what: str) -> ApiError:
    """A route whose capability this instance does not have."""
    return ApiError(405, f"This instance does not offer to {what}.")
