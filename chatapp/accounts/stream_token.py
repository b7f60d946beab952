"""Stream tokens: keys to one stream, for readers that can send neither a cookie nor a header.

Each opens its stream once, within a minute. `EventSource` reconnects with the same address, and so with a token that
is spent: it is taken again only together with a position in that stream, which nobody can guess and only who has
read of the stream knows (docs/decisions has the reasons).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from chatapp.accounts.account import COLUMNS, Account, account_of, demand_standing
from chatapp.accounts.issuer import Issuer
from chatapp.errors import NotFound, Unauthorized
from chatapp.store.account import ApiToken, BrowserSession, User
from chatapp.store.base import now
from chatapp.store.conversation import Generation, Turn
from chatapp.store.database import Database
from chatapp.store.stream_token import StreamToken
from chatapp.streaming.position import Position, turn_part

LIFETIME = timedelta(seconds=60)
AFTER_THE_END = timedelta(seconds=60)
"""How long after its stream's end a spent token still opens it to who comes back."""
_KEPT = timedelta(days=1)
_FORGOTTEN_AT_ONCE = 1000
_UNGUESSED_BYTES = 32

_OWN_TURN = select(Turn.id).where(Turn.id == bindparam("id"), Turn.user_id == bindparam("user_id"))
_OWN_GENERATION = (
    select(Generation.turn_id)
    .join(Turn, Turn.id == Generation.turn_id)
    .where(Generation.id == bindparam("id"), Turn.user_id == bindparam("user_id"))
)
# Rows that somebody else is removing are left to them.
_FORGET = delete(StreamToken).where(
    StreamToken.token_hash.in_(
        select(StreamToken.token_hash)
        .where(StreamToken.expires_at < bindparam("before"))
        .limit(_FORGOTTEN_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
)
_ADD = insert(StreamToken)
_FOUND = (
    select(
        *COLUMNS,
        User.disabled_at,
        StreamToken.turn_id,
        StreamToken.generation_id,
        StreamToken.session_hash,
        StreamToken.jti,
        StreamToken.issuer_expires_at,
        StreamToken.password_changed_at.label("password_as_of"),
        StreamToken.expires_at,
        StreamToken.spent_at,
        BrowserSession.expires_at.label("session_expires_at"),
        ApiToken.expires_at.label("api_token_expires_at"),
        ApiToken.revoked_at,
        Turn.log_id,
        func.coalesce(Generation.ended_at, Turn.ended_at, type_=Turn.ended_at.type).label("ended_at"),
    )
    .join(User, User.id == StreamToken.user_id)
    .join(Turn, Turn.id == StreamToken.turn_id)
    .outerjoin(Generation, Generation.id == StreamToken.generation_id)
    .outerjoin(BrowserSession, BrowserSession.id_hash == StreamToken.session_hash)
    .outerjoin(ApiToken, ApiToken.jti == StreamToken.jti)
    .where(StreamToken.token_hash == bindparam("hash"))
)
_SPEND = (
    update(StreamToken)
    .where(StreamToken.token_hash == bindparam("hash"), StreamToken.spent_at.is_(None))
    .values(spent_at=bindparam("moment"))
)


class StreamTokenRefused(Unauthorized):
    """What was presented opens nothing here. `reason` and `user_id` are for the log alone."""

    def __init__(self, reason: str, user_id: str | None = None) -> None:
        super().__init__("Invalid or expired SSE token")
        self.reason = reason
        self.user_id = user_id


class StreamTokens:
    """Every method names the stream by exactly one of `turn_id` and `generation_id`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def issue(
        self,
        account: Account,
        issuer: Issuer,
        *,
        turn_id: str | None = None,
        generation_id: str | None = None,
    ) -> str:
        """A new token of this account for that stream; it dies with `issuer`. Rows whose time is long over go with
        the same transaction. Raises NotFound unless the stream is the account's, and Unauthorized when the account
        or the issuer has come to its end meanwhile."""
        try:
            return self._issued(account, issuer, turn_id, generation_id)
        except IntegrityError:
            # What the row refers to was removed between our look and our insert. The second look finds it gone,
            # unless it was the session.
            try:
                return self._issued(account, issuer, turn_id, generation_id)
            except IntegrityError:
                raise Unauthorized from None

    def open(
        self,
        token: str,
        position: str | None,
        admit: Callable[[str], None] = lambda _: None,
        /,
        *,
        turn_id: str | None = None,
        generation_id: str | None = None,
    ) -> Account:
        """Who may read that stream with this token, which is spent now; `position` is where the reader says it
        stands. `admit` is told the user before, and may raise: then nothing is spent. Raises StreamTokenRefused."""
        moment, token_hash = now(), _hash(token)
        with self._database.read() as connection:
            row = connection.execute(_FOUND, {"hash": token_hash}).one_or_none()
        if row is None:
            raise StreamTokenRefused("unknown")
        if (row.generation_id or row.turn_id) != (generation_id or turn_id):
            raise StreamTokenRefused("of another stream", row.id)
        if not _issuer_lives(row, moment):
            raise StreamTokenRefused("its issuer has ended", row.id)
        if row.spent_at is None and row.expires_at <= moment:
            raise StreamTokenRefused("expired", row.id)
        comes_back = _comes_back(row, position, moment)
        if row.spent_at is None or comes_back:
            admit(row.id)
        if not (row.spent_at is None and self._spend(token_hash, moment)) and not comes_back:
            raise StreamTokenRefused("spent", row.id)
        return account_of(row)

    def _issued(
        self, account: Account, issuer: Issuer, turn_id: str | None, generation_id: str | None
    ) -> str:
        token, moment = secrets.token_urlsafe(_UNGUESSED_BYTES), now()
        query = _OWN_TURN if generation_id is None else _OWN_GENERATION
        with self._database.write() as connection:
            demand_standing(connection, account)
            stream = {"id": generation_id or turn_id, "user_id": account.id}
            of_turn = connection.scalar(query, stream)
            if of_turn is None:
                raise NotFound
            row = {
                "token_hash": _hash(token),
                "user_id": account.id,
                "turn_id": of_turn,
                "generation_id": generation_id,
                "session_hash": issuer.session_hash,
                "jti": issuer.jti,
                "issuer_expires_at": issuer.expires_at,
                "password_changed_at": account.password_changed_at,
                "created_at": moment,
                "expires_at": moment + LIFETIME,
            }
            connection.execute(_ADD, row)
            # Last, so that who holds those rows does not wait for anybody any more.
            connection.execute(_FORGET, {"before": moment - _KEPT + LIFETIME})
        return token

    def _spend(self, token_hash: str, moment: datetime) -> bool:
        """Whether it was ours to spend: of all who try at once, on any machine, one."""
        with self._database.write() as connection:
            spent: Any = connection.execute(_SPEND, {"hash": token_hash, "moment": moment})
        return bool(spent.rowcount)


def _issuer_lives(row: Any, moment: datetime) -> bool:
    """Whether what asked for the token would still let its user in."""
    if row.disabled_at is not None or row.password_changed_at != row.password_as_of:
        return False
    if row.session_hash is not None and _is_over(row.session_expires_at, moment):
        return False
    if row.jti is not None and (row.revoked_at is not None or _is_over(row.api_token_expires_at, moment)):
        return False
    return row.issuer_expires_at is None or bool(row.issuer_expires_at > moment)


def _is_over(expires_at: datetime | None, moment: datetime) -> bool:
    """Whether a row has expired, or is not there any more."""
    return expires_at is None or expires_at <= moment


def _comes_back(row: Any, position: str | None, moment: datetime) -> bool:
    """Whether a spent token's reader was there before, in a stream that runs or has just ended."""
    held = Position.parse(position)
    if held is None or not compare_digest(turn_part(held.log_id), turn_part(row.log_id)):
        return False
    return row.ended_at is None or bool(moment - row.ended_at <= AFTER_THE_END)


def _hash(token: str) -> str:
    return sha256(token.encode("utf-8", "replace")).hexdigest()
