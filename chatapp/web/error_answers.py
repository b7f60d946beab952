"""Error answers: every failure as one sentence with a request id; JSON under /api, a page elsewhere."""

from __future__ import annotations

from typing import Annotated, Any

from flask import Flask, Response, jsonify, make_response, redirect, render_template, request, url_for
from flask.globals import request_ctx
from pydantic import Field
from typing_extensions import TypedDict
from werkzeug.exceptions import HTTPException

from chatapp.errors import ChatappError, TooManyRequests, Unauthorized, Unavailable, ValidationFailed
from chatapp.telemetry.log import logger
from chatapp.web.identity import browser_session
from chatapp.web.request_id import request_id

API_PREFIXES = ("/api/", "/generations/")
_HTTP = {
    400: ("BAD_REQUEST", "The request cannot be understood."),
    404: ("NOT_FOUND", "Not found."),
    405: ("METHOD_NOT_ALLOWED", "This method is not allowed here."),
    413: ("TOO_LARGE", "The request is too large."),
    500: ("INTERNAL_ERROR", "Something went wrong on the server."),
}


class Refused(TypedDict):
    """Why a request was refused: the one shape of every failure before a stream begins."""

    code: Annotated[str, Field(description="For programs; chapter 6 of the prose lists them.")]
    message: Annotated[str, Field(description="One sentence that can be shown.")]
    request_id: str


class FieldFault(TypedDict):
    """One field of a request, and what is wrong with it."""

    field: str
    message: str


class Invalid(Refused):
    """The same for what is well-formed, and wrong."""

    errors: Annotated[list[FieldFault], Field(min_length=1)]


def init_error_answers(app: Flask) -> None:
    app.register_error_handler(ChatappError, _answer)
    app.register_error_handler(HTTPException, _answer_http)
    # One line, with the request id in it, in the place of Flask's.
    app.log_exception = _log_exception  # type: ignore[method-assign,assignment]


def _log_exception(failure: Any) -> None:
    logger.error("Request failed", exc_info=failure, extra={"request_id": request_id()})


def _answer(error: ChatappError) -> Response:
    if isinstance(error, Unauthorized) and not is_api():
        wanted = request.full_path.rstrip("?") if request.method in ("GET", "HEAD") else None
        return make_response(redirect(url_for("pages.sign_in", next=wanted), 303))
    if isinstance(error, Unavailable):
        browser_session().set_aside()  # the page that says so must not need what is away
    fields: list[FieldFault] = [{"field": each.field, "message": each.message} for each in _fields(error)]
    response = _told(error.status, error.error_code, error.message, fields)
    response.headers.update(headers_of(error))
    return response


def headers_of(error: ChatappError) -> dict[str, str]:
    """When to come back, and what the limit is."""
    if isinstance(error, Unavailable):
        return {"Retry-After": str(error.retry_after_s)}
    if isinstance(error, TooManyRequests):
        wait = str(error.retry_after_s)
        told = {"RateLimit-Limit": str(error.limit), "RateLimit-Remaining": "0", "RateLimit-Reset": wait}
        return {"Retry-After": wait, **told}
    return {}


def _answer_http(error: HTTPException) -> Response:
    original = getattr(error, "original_exception", None)
    if isinstance(original, ChatappError):
        return _answer(original)  # raised where Flask handles nothing: while it opens or saves a session
    if error.code is not None and error.code < 400:
        return make_response(error.get_response())
    status = error.code or 500
    code, sentence = _HTTP.get(status, (error.name.upper().replace(" ", "_"), f"{error.name}."))
    response = _told(status, code, sentence, [])
    for name, value in error.get_headers():
        if name.lower() in ("allow", "retry-after"):
            response.headers[name] = value
    return response


def _fields(error: ChatappError) -> Any:
    return error.errors if isinstance(error, ValidationFailed) else ()


def is_api() -> bool:
    """Whether this request is one of the API's, which never gets HTML."""
    return f"{request.path}/".startswith(API_PREFIXES)  # the bare names too, which lead to nothing


def _told(status: int, code: str, message: str, fields: list[FieldFault]) -> Response:
    if not is_api() and request_ctx.url_adapter is not None:  # with a host that is none, no page can be made
        message = "This page or conversation does not exist." if status == 404 else message
        page = render_template("error.html", status=status, message=message, request_id=request_id())
        return make_response(page, status)
    body: Refused = {"code": code, "message": message, "request_id": request_id()}
    if fields:
        body = Invalid(**body, errors=fields)
    return make_response(jsonify(body), status)
