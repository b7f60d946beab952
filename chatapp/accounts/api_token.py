"""API tokens: JWTs (RFC 7519) signed with HS256 and nothing else.

A token that chatapp issued carries `jti`, the key of its row, so that it can be revoked. One minted elsewhere
with the same secret has no row, and lives by its claims alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt
from sqlalchemy import ColumnElement, insert, or_, select

from chatapp.accounts.account import COLUMNS, Account, is_text
from chatapp.store.account import ApiToken, User
from chatapp.store.base import now
from chatapp.store.database import Database
from chatapp.store.identifier import new_id

AUDIENCE = "authenticated"
ISSUER = "chatapp"
LIFETIME = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A fresh API token. `token` is shown once and not kept."""

    token: str
    expires_in_s: int


class ApiTokens:
    """Issues and checks API tokens. `secret` signs them and has at least 32 characters."""

    def __init__(self, database: Database, secret: str) -> None:
        self._database = database
        self._secret = secret

    def issue(self, account: Account, name: str, lifetime: timedelta = LIFETIME) -> IssuedToken:
        """A new token of this account."""
        jti, moment = new_id(), now()
        claims = {
            "sub": account.id,
            "email": account.email,
            "aud": AUDIENCE,
            "iss": ISSUER,
            "jti": jti,
            "iat": moment,
            "exp": moment + lifetime,
        }
        row = {
            "jti": jti,
            "user_id": account.id,
            "name": name,
            "created_at": moment,
            "expires_at": moment + lifetime,
        }
        with self._database.write() as session:
            session.execute(insert(ApiToken).values(row))
        token = jwt.encode(claims, self._secret, algorithm="HS256")
        return IssuedToken(token, int(lifetime.total_seconds()))

    def account(self, token: str) -> Account | None:
        """Whose token this is, or None when it is worthless for any reason."""
        claims = self._claims(token)
        holder = self._holder(claims) if claims else None
        if claims is None or holder is None:
            return None
        account, password_changed_at = holder
        return account if self._lives(claims, account, password_changed_at) else None

    def _claims(self, token: str) -> dict[str, Any] | None:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._secret,
                algorithms=["HS256"],
                audience=AUDIENCE,
                options={"require": ["exp", "aud"]},
            )
        except (jwt.InvalidTokenError, ValueError, OverflowError):
            return None
        return claims

    def _holder(self, claims: dict[str, Any]) -> tuple[Account, datetime | None] | None:
        """The user whom `sub` names, or `email` where `sub` names nobody; None when they name two people."""
        subject, email = claims.get("sub"), claims.get("email")
        wanted: list[ColumnElement[bool]] = []
        if isinstance(subject, str) and is_text(subject):
            wanted.append(User.id == subject)
        if isinstance(email, str) and is_text(email):
            wanted.append(User.email == email.strip().lower())
        if not wanted:
            return None
        query = select(*COLUMNS, User.password_changed_at, User.disabled_at).where(or_(*wanted))
        with self._database.read() as session:
            rows = session.execute(query).all()
        if len(rows) != 1 or rows[0].disabled_at is not None:
            return None
        return Account(*rows[0][:4]), rows[0].password_changed_at

    def _lives(self, claims: dict[str, Any], account: Account, changed_at: datetime | None) -> bool:
        """Whether neither a revocation nor a change of password has ended the token."""
        jti, issued = claims.get("jti"), claims.get("iat")
        row = self._row(jti) if isinstance(jti, str) and is_text(jti) else None
        if row is not None:
            return row.revoked_at is None and row.user_id == account.id
        if claims.get("iss") == ISSUER:
            return False
        if changed_at is None:
            return True
        # `iat` may be in whole seconds: what was issued in the second of the change is taken as older.
        return isinstance(issued, int | float) and int(issued) > changed_at.timestamp()

    def _row(self, jti: str) -> ApiToken | None:
        with self._database.read() as session:
            return session.get(ApiToken, jti)
