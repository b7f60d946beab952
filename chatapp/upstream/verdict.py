"""What an exception of the openai client means for the reader: one row of the table in `failures`."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import httpx2
import openai

from chatapp.errors import UpstreamFailure
from chatapp.upstream.failures import (
    MODEL_NOT_FOUND,
    RATE_LIMIT,
    SERVER_ERROR,
    UPSTREAM_AUTH,
    UPSTREAM_FORBIDDEN,
    UPSTREAM_REJECTED,
    FailureKind,
)
from chatapp.upstream.reason import safe_reason

_BY_STATUS: dict[int, FailureKind] = {
    # The client retries these two by itself, so they may pass.
    HTTPStatus.REQUEST_TIMEOUT: SERVER_ERROR,
    HTTPStatus.CONFLICT: SERVER_ERROR,
    HTTPStatus.TOO_MANY_REQUESTS: RATE_LIMIT,
    HTTPStatus.UNAUTHORIZED: UPSTREAM_AUTH,
    HTTPStatus.FORBIDDEN: UPSTREAM_FORBIDDEN,
    HTTPStatus.NOT_FOUND: MODEL_NOT_FOUND,
}


def failure_of(
    error: openai.OpenAIError | httpx2.HTTPError, *, name: str, key: str, retries: int = 0
) -> UpstreamFailure:
    """The failure that `error` means. `name` is what was asked for, `key` is masked wherever it turns up.

    The exception itself is not chained: it holds the request with its headers.
    """
    if isinstance(error, openai.APIStatusError):
        kind = _kind(error.status_code)
        reason = safe_reason(reason_of(error), key) if kind is UPSTREAM_REJECTED else ""
        return kind.failure(
            name=name, message=reason or None, retries=retries, detail=f"status {error.status_code}"
        )
    cause = error.__cause__ or error
    # No connection came free: this process is asking for more streams at once than it may hold.
    kind = RATE_LIMIT if isinstance(cause, httpx2.PoolTimeout) else SERVER_ERROR
    return kind.failure(retries=retries, detail=type(cause).__name__)


def _kind(status: int) -> FailureKind:
    return _BY_STATUS.get(status, UPSTREAM_REJECTED if 400 <= status < 500 else SERVER_ERROR)


def reason_of(error: openai.APIStatusError) -> str:
    """What upstream said, as it said it; empty if it gave no reason in a shape that is known.

    The client hands over what is under `error` where there is such a key. FastAPI's servers say `detail`.
    """
    body = error.body
    if not isinstance(body, Mapping):
        return ""
    for field in ("message", "detail", "error"):
        if isinstance(found := body.get(field), str):
            return found
    return ""
