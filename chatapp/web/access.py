"""Access: what a view demands before it runs. Signed in, unless it says otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import current_app, request
from flask_login import current_user
from flask_wtf.csrf import ValidationError, generate_csrf, validate_csrf
from werkzeug.exceptions import MethodNotAllowed

from chatapp.errors import FieldError, Forbidden, Unauthorized, ValidationFailed
from chatapp.web.identity import has_sign_in, read_by_stream_token, signed_in_by_cookie
from chatapp.web.refusal import refused

View = TypeVar("View", bound=Callable[..., Any])
CSRF_HEADER = "X-CSRFToken"
CSRF_FIELD = "csrf_token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_PUBLIC = "is_public"
_UNTOUCHED = "touches_nothing"
_STREAM = "is_stream"
_TOKEN = "is_opened_by_stream_token"  # noqa: S105 - the name of a mark
_ASKS_FOR_TOKEN = "asks_for_stream_token"  # noqa: S105


class CsrfRefused(Forbidden):
    """A request that changes something came by cookie and without proof that our own page sent it."""

    code = "CSRF_FAILED"

    def __init__(self) -> None:
        super().__init__("This form has expired. Reload the page and try again.")


def public(view: View) -> View:
    """Marks a view that needs no sign-in."""
    setattr(view, _PUBLIC, True)
    return view


def touches_nothing(view: View) -> View:
    """Marks a public view that must answer whatever state the house is in."""
    setattr(view, _UNTOUCHED, True)
    return public(view)


def streams(view: View) -> View:
    """Marks a view whose answer is a stream: HEAD is refused before anything is looked up or spent."""
    setattr(view, _STREAM, True)
    return view


def opened_by_stream_token(view: View) -> View:
    """Marks the stream of what its arguments name, which `?token=` opens as well as a sign-in does. Where there is a
    token, it decides."""
    setattr(view, _TOKEN, True)
    return streams(view)


def asks_for_stream_token(view: View) -> View:
    """Marks one that says so to who comes with neither."""
    setattr(view, _ASKS_FOR_TOKEN, True)
    return opened_by_stream_token(view)


def needs_no_sign_in(view: View) -> bool:
    """Whether the view is public."""
    return bool(getattr(view, _PUBLIC, False))


def answers_always(view: View) -> bool:
    """Whether the view answers without the rest of the house."""
    return bool(getattr(view, _UNTOUCHED, False))


def takes_stream_tokens(view: View) -> bool:
    """Whether a stream token opens the view."""
    return bool(getattr(view, _TOKEN, False))


def says_that_a_token_is_missing(view: View) -> bool:
    """Whether who comes with neither a sign-in nor a stream token is told of both."""
    return bool(getattr(view, _ASKS_FOR_TOKEN, False))


def view_is(mark: str) -> bool:
    view = current_app.view_functions.get(request.endpoint or "")
    return bool(getattr(view, mark, False))


def is_untouched() -> bool:
    """Whether this request's view answers without the rest of the house."""
    return request.endpoint in (None, "static") or view_is(_UNTOUCHED)


def is_stream() -> bool:
    """Whether this request asks for a stream."""
    return view_is(_STREAM)


def demand_sign_in() -> None:
    """Raises Unauthorized unless the view is public, or somebody is signed in or has the key to this one stream:
    before anything is looked up."""
    if view_is(_PUBLIC):
        return
    if request.method == "HEAD" and is_stream():
        raise MethodNotAllowed(["GET", "OPTIONS"])
    if view_is(_TOKEN) and "token" in request.args:
        read_by_stream_token(request.args["token"], request.view_args or {})
    if not current_user.is_authenticated:
        raise _missing_token() if view_is(_ASKS_FOR_TOKEN) and not has_sign_in() else Unauthorized()


def _missing_token() -> ValidationFailed:
    return ValidationFailed([FieldError("token", "Sign in, or ask for a stream token and send it here.")])


def demand_csrf_header() -> None:
    """Raises CsrfRefused for an API call that changes something by cookie without the token."""
    if request.method not in SAFE_METHODS and signed_in_by_cookie():
        demand_csrf(request.headers.get(CSRF_HEADER))


def demand_csrf(token: str | None) -> None:
    """Raises CsrfRefused unless `token` is this session's."""
    try:
        validate_csrf(token)
    except ValidationError as error:
        user_id = current_user.id if current_user.is_authenticated else None
        refused("CSRF", str(error), user_id)
        raise CsrfRefused from None


def csrf_token() -> str:
    """The token that this session's forms and API calls must carry."""
    return str(generate_csrf())
