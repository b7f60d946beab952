"""The errors that reach people, in one tree. Each layer adds its own leaves; `TurnRunning` under Conflict is one.

    ChatappError
    ├── ConfigurationError      the start stops, with one line that names the variable
    ├── MalformedRequest        400
    ├── Unauthorized            401
    ├── Forbidden               403
    ├── NotFound                404
    ├── Conflict                409
    ├── RequestTimeout          408
    ├── TooLarge                413
    ├── UnsupportedMediaType    415
    ├── ValidationFailed        422, with the fields at fault
    ├── TooManyRequests         429, with the limit and the seconds to wait
    ├── Unavailable             503, with the seconds to wait
    └── UpstreamFailure         a generation ended badly; reaches readers as `failure`

`message` is always one sentence that a person can be shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class ChatappError(Exception):
    """Base of the tree: a code for programs, a sentence for people, a status for HTTP."""

    code: ClassVar[str] = "INTERNAL_ERROR"
    status: ClassVar[int] = 500

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.error_code = code or self.code


class ConfigurationError(ChatappError):
    """A setting is missing or wrong; `message` names the variable."""

    code = "CONFIGURATION_ERROR"


class MalformedRequest(ChatappError):
    """The body is not what its content type says."""

    code = "MALFORMED_JSON"
    status = 400


class Unauthorized(ChatappError):
    """Nobody is signed in, or what was presented is worthless."""

    code = "UNAUTHORIZED"
    status = 401

    def __init__(self, message: str = "Unauthorized", *, code: str | None = None) -> None:
        super().__init__(message, code=code)


class Forbidden(ChatappError):
    """Signed in, and still not allowed (a missing CSRF token, for one)."""

    code = "FORBIDDEN"
    status = 403


class NotFound(ChatappError):
    """Missing, or somebody else's: the answer is the same and repeats nothing that was asked for."""

    code = "NOT_FOUND"
    status = 404

    def __init__(self, message: str = "Not found.", *, code: str | None = None) -> None:
        super().__init__(message, code=code)


class RequestTimeout(ChatappError):
    """The request's body dribbled in for too long."""

    code = "REQUEST_TIMEOUT"
    status = 408


class Conflict(ChatappError):
    """The request is sound, but what it wants does not fit what is there now."""

    code = "CONFLICT"
    status = 409


class TooLarge(ChatappError):
    """The body is over its limit."""

    code = "TOO_LARGE"
    status = 413


class UnsupportedMediaType(ChatappError):
    """The body is not JSON where JSON is asked for."""

    code = "UNSUPPORTED_MEDIA_TYPE"
    status = 415


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field of a request and what is wrong with it."""

    field: str
    message: str


class ValidationFailed(ChatappError):
    """Well-formed, but wrong; `errors` names each field."""

    code = "VALIDATION_ERROR"
    status = 422

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(errors[0].message if errors else "The request is not valid.")
        self.errors = tuple(errors)


class TooManyRequests(ChatappError):
    """A limit is reached: `limit` is how many it allows; one more is let in again in `retry_after_s` seconds."""

    code = "RATE_LIMITED"
    status = 429

    def __init__(self, message: str, *, limit: int, retry_after_s: int, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.limit = limit
        self.retry_after_s = retry_after_s


class Unavailable(ChatappError):
    """A dependency is down, or this server is full or draining; try again in `retry_after_s` seconds."""

    code = "UNAVAILABLE"
    status = 503

    def __init__(self, message: str, *, retry_after_s: int = 5, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after_s = retry_after_s


class UpstreamFailure(ChatappError):
    """A generation ended badly. `retryable` says whether the same message may work later."""

    code = "SERVER_ERROR"

    def __init__(self, code: str, message: str, *, retryable: bool, retries: int = 0) -> None:
        super().__init__(message, code=code)
        self.retryable = retryable
        self.retries = retries
