"""Browser sessions under Flask: a row on the server for who is signed in, a signed cookie for who is not.

The cookie of somebody who is signed in holds an opaque id and nothing else. A visitor's holds only what a form
needs before sign-in (a CSRF secret), signed, so that visitors leave no rows behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Flask, Request, Response
from flask.sessions import SessionInterface, SessionMixin
from itsdangerous import BadSignature, URLSafeTimedSerializer

from chatapp.accounts.account import Account
from chatapp.accounts.browser_session import LIFETIME, BrowserSessions
from chatapp.accounts.issuer import Issuer

COOKIE = "chatapp_session"
_SIGNED_IN = "s."
_VISITOR = "v."
_VISITOR_S = 24 * 3600


class Session(SessionMixin):
    """What Flask's extensions see. Nothing is looked up before something asks."""

    accessed = True

    def __init__(self, cookie: str, sessions: BrowserSessions, signer: URLSafeTimedSerializer) -> None:
        self._cookie = cookie
        self._sessions = sessions
        self._signer = signer
        self._data: dict[str, Any] | None = None
        self._account: Account | None = None
        self._issuer: Issuer | None = None
        self._wanted: Account | None = None
        self._ended = False
        self._set_aside = False
        self.modified = False

    @property
    def claims_to_be_signed_in(self) -> bool:
        """Whether the cookie is that of somebody signed in, worth something or not."""
        return self._cookie.startswith(_SIGNED_IN)

    @property
    def account(self) -> Account | None:
        """Who is signed in by this cookie."""
        self._load()
        return self._account

    @property
    def issuer(self) -> Issuer | None:
        """What this session is to stream tokens, while somebody is signed in by it."""
        self._load()
        return self._issuer

    def sign_in(self, account: Account) -> None:
        """From this answer on the browser is this account's, under a new id; the old one is worthless."""
        self._load()
        self._wanted = self._account = account
        self._data = {}

    def sign_out(self) -> None:
        """From this answer on the browser is nobody's, and its id worthless."""
        self._load()
        self._ended, self._account, self._data = True, None, {}

    def stop_looking(self) -> None:
        """For the rest of this request the session is empty, unless it was found before."""
        self._data = self._data or {}

    def set_aside(self) -> None:
        """For this answer nobody is signed in, and the cookie stays as it is: its row cannot be read."""
        self._set_aside, self._account, self._data = True, None, {}

    def cookie_after(self) -> str | None:
        """What the cookie must hold now: None to leave it, empty to remove it."""
        if self._set_aside:
            return None
        if self._wanted is not None:
            wanted, self._wanted = self._wanted, None
            self._end_row()
            return _SIGNED_IN + self._sessions.create(wanted, self._data or {})
        if self._ended:
            self._end_row()
            return ""
        if not self.modified:
            return None
        if self._account is None:
            return _VISITOR + str(self._signer.dumps(self._data))
        self._sessions.update(self._cookie.removeprefix(_SIGNED_IN), self._data or {})
        return None

    def _end_row(self) -> None:
        if self._cookie.startswith(_SIGNED_IN):
            self._sessions.end(self._cookie.removeprefix(_SIGNED_IN))

    def _load(self) -> dict[str, Any]:
        if self._data is None:
            self._data = self._found()
        return self._data

    def _found(self) -> dict[str, Any]:
        if self._cookie.startswith(_SIGNED_IN):
            signed_in = self._sessions.find(self._cookie.removeprefix(_SIGNED_IN))
            if signed_in is not None:
                self._account, self._issuer = signed_in.account, signed_in.issuer
                return dict(signed_in.data)
        elif self._cookie.startswith(_VISITOR):
            try:
                return dict(self._signer.loads(self._cookie.removeprefix(_VISITOR), max_age=_VISITOR_S))
            except (BadSignature, TypeError, ValueError):
                pass  # a visitor's cookie that is over or was made up is the same as none
        return {}

    def __getitem__(self, key: str) -> Any:
        return self._load()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._load()[key] = value
        self.modified = True

    def __delitem__(self, key: str) -> None:
        del self._load()[key]
        self.modified = True

    def __iter__(self) -> Iterator[str]:
        return iter(self._load())

    def __len__(self) -> int:
        return len(self._load())


class RowSessions(SessionInterface):
    """Flask's way to `Session`."""

    def __init__(self, sessions: BrowserSessions, secret: str) -> None:
        self._sessions = sessions
        self._signer = URLSafeTimedSerializer(secret, salt="chatapp visitor")

    def open_session(self, app: Flask, request: Request) -> Session:
        return Session(request.cookies.get(COOKIE, ""), self._sessions, self._signer)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        assert isinstance(session, Session)
        cookie = session.cookie_after()
        if cookie is None:
            return
        secure = bool(app.config["SESSION_COOKIE_SECURE"])
        response.headers.add("Vary", "Cookie")
        if not cookie:
            response.delete_cookie(COOKIE, httponly=True, samesite="Lax", secure=secure)
            return
        life = LIFETIME if cookie.startswith(_SIGNED_IN) else None
        response.set_cookie(COOKIE, cookie, max_age=life, httponly=True, samesite="Lax", secure=secure)
