"""Identity: who makes this request, by cookie or by bearer token, as Flask-Login's current user."""

from __future__ import annotations

from typing import Any, cast

from flask import Flask, Request, g, request, session
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user

from chatapp.accounts.account import Account
from chatapp.errors import Unauthorized, Unavailable
from chatapp.web.refusal import refused
from chatapp.web.services import services
from chatapp.web.session import Session

_BEARER = "bearer "


class Person(UserMixin):  # type: ignore[misc] # the extension has no types
    """An account in Flask-Login's eyes."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.id = account.id


def browser_session() -> Session:
    """This request's session."""
    return cast(Session, cast(Any, session)._get_current_object())


def current_account() -> Account:
    """Who is signed in. Raises Unauthorized when nobody is."""
    if not current_user.is_authenticated:
        raise Unauthorized
    return cast(Account, current_user.account)


def account_if_known() -> Account | None:
    """Who is signed in, as far as it can be told: a page that says what is wrong must not fail in turn."""
    try:
        return cast(Account, current_user.account) if current_user.is_authenticated else None
    except Unavailable:
        browser_session().stop_looking()
        return None


def signed_in_by_cookie() -> bool:
    """Whether a browser's cookie speaks for the current user, so that forged requests are a danger."""
    return current_user.is_authenticated and not g.get("by_bearer", False)


def sign_in(account: Account) -> None:
    """Signs this browser in, under a new session id."""
    browser_session().sign_in(account)
    login_user(Person(account))


def sign_out() -> None:
    """Signs this browser out; its session id is worthless from now on."""
    logout_user()
    browser_session().sign_out()


def _has_bearer(incoming: Request) -> bool:
    return incoming.headers.get("Authorization", "").lower().startswith(_BEARER)


def _by_session(_user_id: str) -> Person | None:
    # Flask-Login asks with the id that the session holds; the row says whether that still counts.
    account = None if _has_bearer(request) else browser_session().account
    return Person(account) if account else None


def _by_request(incoming: Request) -> Person | None:
    if not _has_bearer(incoming):
        return None
    g.by_bearer = True
    token = incoming.headers["Authorization"][len(_BEARER) :].strip()
    account = services().api_tokens.account(token)
    if account is None:
        refused("API token", "worthless")
        return None
    return Person(account)


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
