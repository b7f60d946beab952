"""Refusals: what every route may answer beside what it says of itself, by rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from chatapp.errors import ChatappError
from chatapp.web.access import (
    SAFE_METHODS,
    answers_always,
    needs_no_sign_in,
    says_that_a_token_is_missing,
)
from chatapp.web.openapi.example import REQUEST_ID
from chatapp.web.openapi.operation import Operation


@dataclass(frozen=True, slots=True)
class Refusal:
    """One status: the name of its component, when it is answered, its codes, the first of them with a sentence."""

    name: str
    when: str
    codes: tuple[str, ...]
    sentence: str
    headers: tuple[str, ...] = ()


REFUSALS = {
    400: Refusal(
        "BadRequest",
        "The body is not well-formed JSON in UTF-8, or the request cannot be understood for another reason.",
        ("MALFORMED_JSON", "BAD_REQUEST"),
        "The body is not well-formed JSON in UTF-8.",
    ),
    401: Refusal(
        "Unauthorized",
        "Nobody is signed in, or the token, password or session is worthless.",
        ("UNAUTHORIZED",),
        "Unauthorized",
    ),
    403: Refusal(
        "Forbidden",
        "A change by cookie came without the right `X-CSRFToken`, or it is not allowed for another reason.",
        ("CSRF_FAILED", "FORBIDDEN"),
        "This form has expired. Reload the page and try again.",
    ),
    404: Refusal("NotFound", "Missing, or somebody else's.", ("NOT_FOUND",), "Not found."),
    405: Refusal(
        "MethodNotAllowed",
        "The route does not take this method; the header `Allow` names those it takes.",
        ("METHOD_NOT_ALLOWED",),
        "This method is not allowed here.",
    ),
    408: Refusal(
        "RequestTimeout",
        "The body took too long to arrive.",
        ("REQUEST_TIMEOUT",),
        "The request's body took too long to arrive.",
    ),
    409: Refusal(
        "Conflict",
        "The request is sound, but what it wants does not fit what is there now.",
        ("CONFLICT",),
        "The request does not fit what is there now.",
    ),
    413: Refusal("TooLarge", "The body is over its limit.", ("TOO_LARGE",), "The request is too large."),
    415: Refusal(
        "UnsupportedMediaType",
        "The body is not sent as `application/json`.",
        ("UNSUPPORTED_MEDIA_TYPE",),
        "Send the body as application/json.",
    ),
    422: Refusal(
        "Invalid",
        "Well-formed, and wrong; `errors` names each field.",
        ("VALIDATION_ERROR",),
        "Write a message first.",
    ),
    429: Refusal(
        "TooManyRequests",
        "Too many of these in a short time, or too many streams open at once; `Retry-After` says when to come back. "
        "Nothing was saved.",
        ("RATE_LIMITED", "TOO_MANY_STREAMS"),
        "Too many messages in a short time. Please try again in a moment.",
        ("Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"),
    ),
    500: Refusal(
        "InternalError",
        "A bug of chatapp's; its log has a line with this `request_id`.",
        ("INTERNAL_ERROR",),
        "Something went wrong on the server.",
    ),
    503: Refusal(
        "Unavailable",
        "Something that is needed is down or busy, or the process is about to end; `Retry-After` says when to come "
        "back. Nothing was saved.",
        ("UNAVAILABLE", "DATABASE_UNAVAILABLE", "DATA_UNAVAILABLE", "DRAINING"),
        "The database cannot be reached right now. Please try again in a moment.",
        ("Retry-After",),
    ),
}


def refusals(view: Callable[..., Any], method: str, operation: Operation, *, names: bool) -> list[int]:
    """The statuses with which this view may refuse. `names` says that its path names something."""
    if answers_always(view):
        return []
    return sorted({*_by_access(view), *_by_request(method, operation, names=names), 429, 500, 503})


def _by_access(view: Callable[..., Any]) -> Iterator[int]:
    if not needs_no_sign_in(view):
        yield 401
    if says_that_a_token_is_missing(view):
        yield 422


def _by_request(method: str, operation: Operation, *, names: bool) -> Iterator[int]:
    if method not in SAFE_METHODS:
        yield from (400, 403, 408, 413)
    if names:
        yield 404
    if operation.takes:
        yield from (415, 422)
    if any(each.may_be_refused for each in operation.asks):
        yield 422
    yield from (each.status for each in operation.errors)


def refused(status: int, own: tuple[type[ChatappError], ...] = ()) -> dict[str, Any]:
    """The answer of that status, with the codes of `own` errors of that status beside those that it has anyway; in the
    place of CONFLICT, which says no more than that there is one of its own."""
    refusal = REFUSALS[status]
    codes = [*(each.code for each in own), *(code for code in refusal.codes if not own or code != "CONFLICT")]
    told: dict[str, Any] = {"code": codes[0], "message": refusal.sentence, "request_id": REQUEST_ID}
    if status == 422:
        told = {**told, "errors": [{"field": "message", "message": refusal.sentence}]}
    shape = "Invalid" if status == 422 else "Refused"
    schema = {
        "allOf": [
            {"$ref": f"#/components/schemas/{shape}"},
            {"properties": {"code": {"enum": list(dict.fromkeys(codes))}}},
        ]
    }
    return {
        "description": " ".join([refusal.when, *(f"`{each.code}`: {each.__doc__}" for each in own)]),
        "headers": headers("X-Request-Id", *refusal.headers),
        "content": {"application/json": {"schema": schema, "example": told}},
    }


def headers(*names: str) -> dict[str, Any]:
    """References to the headers of these names."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
