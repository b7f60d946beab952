"""API tokens: JWTs (RFC 7519) signed with HS256 and nothing else.

A token that chatapp issued carries `jti`, the key of its row, so that it can be revoked. One minted elsewhere
with the same secret has no row, and lives by its claims alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import jwt
from sqlalchemy import bindparam, insert, or_, select

from chatapp.accounts.account import COLUMNS, Account, account_of, demand_standing, is_text
from chatapp.accounts.issuer import Issuer
from chatapp.store.account import ApiToken, User
from chatapp.store.base import now
from chatapp.store.database import Database
from chatapp.store.identifier import new_id

AUDIENCE = "authenticated"
ISSUER = "chatapp"
LIFETIME = timedelta(days=30)
_CHECKED = 5_000
"""Tokens whose claims are remembered, by their digest."""
_LAST = datetime(9999, 12, 31, tzinfo=UTC)

# The user whom `sub` names, or `email` where `sub` names nobody; two rows when they name two people.
_HOLDER = (
    select(
        *COLUMNS,
        User.disabled_at,
        ApiToken.jti,
        ApiToken.revoked_at,
        ApiToken.user_id.label("owner_id"),
    )
    .outerjoin(ApiToken, ApiToken.jti == bindparam("jti"))
    .where(or_(User.id == bindparam("sub"), User.email == bindparam("email")))
)


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A fresh API token. `token` is shown once and not kept."""

    token: str
    expires_in_s: int


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whose API token this is, and the token as others may know it."""

    account: Account
    issuer: Issuer


class ApiTokens:
    """Issues and checks API tokens. `secret` signs them and has at least 32 characters."""

    def __init__(self, database: Database, secret: str, *, clock: Callable[[], float] = time.time) -> None:
        """`clock` says when a token is over, in seconds of Unix time."""
        self._database = database
        self._secret = secret
        self._clock = clock
        self._checked: dict[bytes, dict[str, Any]] = {}

    def issue(self, account: Account, name: str, lifetime: timedelta = LIFETIME) -> IssuedToken:
        """A new token of this account. Raises Unauthorized when its password was changed meanwhile."""
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
        with self._database.write() as connection:
            demand_standing(connection, account)
            connection.execute(insert(ApiToken).values(row))
        token = jwt.encode(claims, self._secret, algorithm="HS256")
        return IssuedToken(token, int(lifetime.total_seconds()))

    def find(self, token: str) -> Bearer | None:
        """Whose token this is, or None when it is worthless for any reason."""
        claims = self._claims(token)
        if claims is None:
            return None
        wanted = {name: _text(claims.get(name)) for name in ("sub", "email", "jti")}
        wanted["email"] = wanted["email"].strip().lower()
        with self._database.read() as connection:
            holders = connection.execute(_HOLDER, wanted).all()
        if len(holders) != 1 or not _lives(claims, holders[0]):
            return None
        issuer = Issuer(jti=holders[0].jti, expires_at=_end(claims["exp"]))
        return Bearer(account_of(holders[0]), issuer)

    def _claims(self, token: str) -> dict[str, Any] | None:
        """What the token says, while it is sound and not over. What was found sound stays so, and its signature is
        not checked again: saves 0.1 ms a request. Whether a token still lives, the database is asked each time."""
        digest = sha256(token.encode("utf-8", "surrogatepass")).digest()
        claims = self._checked.get(digest)
        if claims is None and (claims := self._decoded(token)) is not None:
            if len(self._checked) >= _CHECKED:
                self._checked.clear()
            self._checked[digest] = claims
        return claims if claims is not None and int(claims["exp"]) > self._clock() else None

    def _decoded(self, token: str) -> dict[str, Any] | None:
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


def _lives(claims: dict[str, Any], holder: Any) -> bool:
    """Whether neither a revocation, nor a change of password, nor an administrator has ended the token."""
    if holder.disabled_at is not None:
        return False
    if holder.jti is not None:
        return holder.revoked_at is None and bool(holder.owner_id == holder.id)
    if claims.get("iss") == ISSUER:
        return False
    if holder.password_changed_at is None:
        return True
    # `iat` may be in whole seconds: what was issued in the second of the change is taken as older.
    issued = claims.get("iat")
    return isinstance(issued, int | float) and int(issued) > holder.password_changed_at.timestamp()


def _end(exp: Any) -> datetime:
    """The moment that the claim `exp` names, or the last that a database can hold."""
    return datetime.fromtimestamp(min(int(exp), _LAST.timestamp()), UTC)


def _text(claim: object) -> str:
    """A claim as it can be looked up; what cannot be is nobody's."""
    return claim if isinstance(claim, str) and is_text(claim) else ""
