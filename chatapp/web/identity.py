"""Identity: who makes this request, by cookie, by bearer token, or for a stream by a stream token, as Flask-Login's
current user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from flask import Flask, Request, g, request, session
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user

from chatapp.accounts.account import Account
from chatapp.accounts.claims import ApiTokenRefused
from chatapp.accounts.issuer import Issuer
from chatapp.accounts.stream_token import StreamTokenRefused
from chatapp.errors import Unauthorized, Unavailable
from chatapp.web.refusal import refused
from chatapp.web.services import services
from chatapp.web.session import Session
from chatapp.web.streams.place import take_place
from chatapp.web.streams.position import asked_position

_BEARER = "bearer"


class Person(UserMixin):  # type: ignore[misc] # the extension has no types
    """An account in Flask-Login's eyes, and what it has signed in with when it could ask for stream tokens."""

    def __init__(self, account: Account, issuer: Issuer | None = None) -> None:
        self.account = account
        self.issuer = issuer
        self.id = account.id


def browser_session() -> Session:
    """This request's session."""
    return cast(Session, cast(Any, session)._get_current_object())


def current_account() -> Account:
    """Who is signed in. Raises Unauthorized when nobody is."""
    if not current_user.is_authenticated:
        raise Unauthorized
    return cast(Account, current_user.account)


def current_issuer() -> Issuer:
    """What the current user has signed in with. Raises Unauthorized where that gives out no stream tokens."""
    if not current_user.is_authenticated or current_user.issuer is None:
        raise Unauthorized
    return cast(Issuer, current_user.issuer)


def account_if_known() -> Account | None:
    """Who is signed in, as far as it can be told: a page that says what is wrong must not fail in turn."""
    try:
        return cast(Account, current_user.account) if current_user.is_authenticated else None
    except Unavailable:
        browser_session().stop_looking()
        return None


def signed_in_by_cookie() -> bool:
    """Whether a browser's cookie speaks for the current user, so that forged requests are a danger."""
    return current_user.is_authenticated and not _comes_by_token()


def sign_in(account: Account) -> None:
    """Signs this browser in, under a new session id."""
    browser_session().sign_in(account)
    login_user(Person(account))


def sign_out() -> None:
    """Signs this browser out; its session id is worthless from now on."""
    logout_user()
    browser_session().sign_out()


def read_by_stream_token(token: str, stream: Mapping[str, str]) -> None:
    """Makes the account that a stream token names the current user of this request, and of this alone, whoever else
    is signed in. `stream` is what the token has to be for. Raises StreamTokenRefused."""
    try:
        g.stream_reader = services().stream_tokens.open(token, asked_position(), take_place, **stream)
    except StreamTokenRefused as refusal:
        refused("stream token", refusal.reason, refusal.user_id)
        raise


def has_sign_in() -> bool:
    """Whether this request tries to sign in, by an API token or the cookie of somebody who was signed in."""
    return _has_bearer() or browser_session().claims_to_be_signed_in


def _has_bearer() -> bool:
    return _authorization(request)[0].lower() == _BEARER


def _authorization(incoming: Request) -> tuple[str, str]:
    """The scheme and what comes after it. Where there are several such headers, a server makes one of them, which
    names nobody."""
    scheme, _, rest = incoming.headers.get("Authorization", "").strip().partition(" ")
    return scheme, rest.strip()


def _comes_by_token() -> bool:
    return "stream_reader" in g or _has_bearer()


def _by_session(_user_id: str) -> Person | None:
    # Flask-Login asks with the id that the session holds; the row says whether that still counts.
    account = None if _comes_by_token() else browser_session().account
    return Person(account, browser_session().issuer) if account else None


def _by_request(incoming: Request) -> Person | None:
    if "stream_reader" in g:
        return Person(g.stream_reader)
    if not _has_bearer():
        return None
    try:
        found = services().api_tokens.read(_authorization(incoming)[1])
    except ApiTokenRefused as refusal:
        refused("API token", refusal.reason, refusal.user_id)
        return None
    return Person(found.account, found.issuer)


def init_identity(app: Flask) -> None:
    manager = LoginManager()
    # The session row, not the browser's address and name, is what makes a session this browser's.
    manager.session_protection = None
    manager.user_loader(_by_session)
    manager.request_loader(_by_request)
    # Not init_app: it would also look into the session after every answer, for a cookie that we never set.
    app.login_manager = manager  # type: ignore[attr-defined]
    # Where that cookie is there, the extension asks no bearer token; another application's may have its name.
    app.config["REMEMBER_COOKIE_NAME"] = "chatapp_remembers_nobody"
