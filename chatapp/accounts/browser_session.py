"""The sessions of signed-in browsers: rows, named by a random id that only the cookie holds."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from chatapp.accounts.account import COLUMNS, Account, account_of, demand_standing
from chatapp.accounts.issuer import Issuer
from chatapp.store.account import BrowserSession, User
from chatapp.store.base import now
from chatapp.store.database import Database

LIFETIME = timedelta(days=30)

_SIGNED_IN = (
    select(*COLUMNS, BrowserSession.data)
    .join(User, User.id == BrowserSession.user_id)
    .where(BrowserSession.id_hash == bindparam("id_hash"))
    .where(BrowserSession.expires_at > bindparam("moment"), User.disabled_at.is_(None))
)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a cookie's id leads to."""

    account: Account
    data: dict[str, Any]
    issuer: Issuer


class BrowserSessions:
    """Rows that live for LIFETIME, or until sign-out or a change of password."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, account: Account, data: dict[str, Any]) -> str:
        """A new row; the id for the cookie. Rows whose time is over go with the same transaction.
        Raises Unauthorized when the account's password was changed meanwhile."""
        session_id, moment = secrets.token_urlsafe(32), now()
        values = {
            "id_hash": _hash(session_id),
            "user_id": account.id,
            "data": data,
            "expires_at": moment + LIFETIME,
        }
        with self._database.write() as connection:
            demand_standing(connection, account)
            connection.execute(delete(BrowserSession).where(BrowserSession.expires_at < moment))
            connection.execute(insert(BrowserSession).values(values))
        return session_id

    def find(self, session_id: str) -> SignedIn | None:
        """Who this id signs in, or None when it is unknown, over, or its user is disabled."""
        id_hash = _hash(session_id)
        with self._database.read() as connection:
            row = connection.execute(_SIGNED_IN, {"id_hash": id_hash, "moment": now()}).one_or_none()
        return SignedIn(account_of(row), row.data, Issuer(session_hash=id_hash)) if row else None

    def update(self, session_id: str, data: dict[str, Any]) -> None:
        with self._database.write() as connection:
            row = BrowserSession.id_hash == _hash(session_id)
            connection.execute(update(BrowserSession).where(row).values(data=data))

    def end(self, session_id: str) -> None:
        """Makes the id worthless."""
        with self._database.write() as connection:
            connection.execute(delete(BrowserSession).where(BrowserSession.id_hash == _hash(session_id)))


def _hash(session_id: str) -> str:
    return sha256(session_id.encode("utf-8", "replace")).hexdigest()
