"""API tokens: issued, listed, revoked, and read.

A token that chatapp issued carries `jti`, the key of its row, so that it can be revoked. One minted elsewhere
with the same secret has no row, and lives by its claims alone (docs/decisions has the reasons).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, bindparam, insert, or_, select

from chatapp.accounts import api_token_rows as rows
from chatapp.accounts.account import COLUMNS, Account, account_of, demand_standing, is_text, kept_email
from chatapp.accounts.api_token_name import FROM_PASSWORD, checked_token_name
from chatapp.accounts.claims import ISSUER, ApiTokenRefused, Claims
from chatapp.accounts.issuer import Issuer
from chatapp.accounts.last_uses import LastUses
from chatapp.errors import Unauthorized
from chatapp.store.account import ApiToken, User
from chatapp.store.base import now
from chatapp.store.database import Database
from chatapp.store.identifier import new_id

LIFETIME = timedelta(days=30)
LONGEST = timedelta(days=3650)
_LAST = datetime(9999, 12, 31, tzinfo=UTC)

# The user whom `sub` names, or `email` where `sub` names nobody; two rows when they name two people.
_HOLDER = (
    select(
        *COLUMNS,
        User.disabled_at,
        ApiToken.jti,
        ApiToken.revoked_at,
        ApiToken.last_used_at,
        ApiToken.user_id.label("owner_id"),
    )
    .outerjoin(ApiToken, ApiToken.jti == bindparam("jti"))
    .where(or_(User.id == bindparam("sub"), User.email == bindparam("email")))
)


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A fresh API token. `token` is shown once and not kept."""

    jti: str
    name: str
    token: str
    created_at: datetime
    expires_at: datetime

    @property
    def expires_in_s(self) -> int:
        return int((self.expires_at - self.created_at).total_seconds())


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whose API token this is, and the token as others may know it."""

    account: Account
    issuer: Issuer


class ApiTokens:
    """Issues, lists, revokes and reads API tokens. `secret` signs them and has at least 32 characters."""

    def __init__(self, database: Database, secret: str, *, clock: Callable[[], float] = time.time) -> None:
        """`clock` says when a token is over, in seconds of Unix time."""
        self._database = database
        self._claims = Claims(secret, clock)
        self._last_uses = LastUses(database)

    def issue(
        self, account: Account, name: str, lifetime: timedelta = LIFETIME, *, by: Issuer | None = None
    ) -> IssuedToken:
        """A new token of this account. One that is asked for `by` an API token ends with it, and no later. Raises
        ValidationFailed for a name that will not do, TooManyApiTokens, and Unauthorized when the account or `by` has
        come to its end meanwhile."""
        row = _new_row(account, checked_token_name(name), lifetime, by)
        with self._database.write() as connection:
            demand_standing(connection, account)
            self._insert(connection, row, by)
        return self._issued(account, row)

    def issue_for_password(self, account: Account) -> IssuedToken:
        """A new token of somebody who has just told their password, which is never refused for their number: the one
        that was not used for longest ends in its place."""
        row = _new_row(account, FROM_PASSWORD, LIFETIME, None)
        with self._database.write() as connection:
            demand_standing(connection, account)
            rows.end_longest_unused(connection, account.id, FROM_PASSWORD)
            self._insert(connection, row, None)
        return self._issued(account, row)

    def issue_unseen(
        self, account: Account, name: str, lifetime: timedelta, *, by: Issuer, form: str
    ) -> None:
        """A new token that `show` shows. A form that is sent again in the same session makes no other, as long as its
        token is still to be shown. Raises what `issue` raises."""
        row = _new_row(account, checked_token_name(name), lifetime, by)
        row["unseen_hash"] = _form_hash(by, form)
        with self._database.write() as connection:
            demand_standing(connection, account)
            if not rows.is_unseen(connection, account.id, row["unseen_hash"]):
                self._insert(connection, row, by)

    def show(self, account: Account, by: Issuer, form: str) -> IssuedToken | None:
        """The token that this session's form has made: once, and soon. It is signed anew for that; what is signed
        twice is the same."""
        with self._database.write() as connection:
            row = rows.take_unseen(connection, account.id, _form_hash(by, form))
        return self._issued(account, row) if row else None

    def list(self, account: Account, limit: int, before: str | None = None) -> Sequence[Any]:
        """Those that live, the newest first, from before the token `before` on."""
        with self._database.read() as connection:
            return rows.listed(connection, account.id, limit, before)

    def revoke(self, account: Account, jti: str) -> None:
        """From now on it is worthless, with all that it has made; one that is revoked already stays so. Raises
        NotFound unless it is the account's."""
        with self._database.write() as connection:
            demand_standing(connection, account)
            rows.revoke(connection, account.id, jti)

    def read(self, token: str) -> Bearer:
        """Whose token this is. Raises ApiTokenRefused when it is worthless for any reason."""
        claims = self._claims.read(token)
        wanted = {name: _text(claims.get(name)) for name in ("sub", "email", "jti")}
        wanted["email"] = kept_email(wanted["email"])
        with self._database.read() as connection:
            holders = connection.execute(_HOLDER, wanted).all()
        if len(holders) != 1:
            raise ApiTokenRefused("names two people" if holders else "names nobody")
        holder = holders[0]
        if end := _ended_by(claims, holder):
            raise ApiTokenRefused(end, holder.id)
        if holder.jti is not None:
            self._last_uses.note(holder.jti, holder.last_used_at)
        return Bearer(account_of(holder), Issuer(jti=holder.jti, expires_at=_end(claims["exp"])))

    def stop(self) -> None:
        """Called by the server as its worker ends."""
        self._last_uses.stop()

    def _insert(self, connection: Connection, row: dict[str, Any], by: Issuer | None) -> None:
        rows.demand_living(connection, by)
        rows.demand_room(connection, row["user_id"], row["name"])
        rows.forget_ended(connection, row["user_id"])
        connection.execute(insert(ApiToken).values(row))

    def _issued(self, account: Account, row: dict[str, Any]) -> IssuedToken:
        moments = {"iat": row["created_at"], "exp": row["expires_at"]}
        claims = {"sub": account.id, "email": account.email, "jti": row["jti"], **moments}
        told = {name: row[name] for name in ("jti", "name", "created_at", "expires_at")}
        return IssuedToken(token=self._claims.written(claims), **told)


def _new_row(account: Account, name: str, lifetime: timedelta, by: Issuer | None) -> dict[str, Any]:
    moment = now()
    end = moment + lifetime
    if by and by.expires_at:
        end = min(end, by.expires_at)
    if end <= moment:
        raise Unauthorized  # what asks has just come to its end
    return {
        "jti": new_id(),
        "user_id": account.id,
        "name": name,
        "created_at": moment,
        "expires_at": end,
        "made_by": by.jti if by else None,
    }


def _ended_by(claims: dict[str, Any], holder: Any) -> str | None:
    """What has ended the token: a revocation, a change of password, an administrator, or nothing."""
    if holder.disabled_at is not None:
        return "of a disabled user"
    if holder.jti is not None and holder.owner_id != holder.id:
        return "of another user"
    if holder.jti is not None:
        return None if holder.revoked_at is None else "revoked"
    if claims.get("iss") == ISSUER:
        return "not listed"
    changed = holder.password_changed_at
    # `iat` may be in whole seconds: what was issued in the second of the change is taken as older.
    is_newer = changed is None or int(claims.get("iat", 0)) > changed.timestamp()
    return None if is_newer else "from before the password was changed"


def _end(exp: int | float) -> datetime:
    """The moment that the claim `exp` names, or the last that a database can hold."""
    return datetime.fromtimestamp(min(int(exp), _LAST.timestamp()), UTC)


def _form_hash(by: Issuer, form: str) -> str:
    """Names a form of one browser's session: no other session can ask for what it has made."""
    return sha256(f"{by.session_hash} {form}".encode("utf-8", "replace")).hexdigest()


def _text(claim: object) -> str:
    """A claim as it can be looked up; what cannot be is nobody's."""
    return claim if isinstance(claim, str) and is_text(claim) else ""
