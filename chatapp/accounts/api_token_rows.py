"""The rows of API tokens. Every function names the user, and works in a transaction that has locked the user's row
where it changes anything: whatever is counted or revoked is not outrun by a token that is being made."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, or_, select, update
from sqlalchemy.orm import aliased

from chatapp.accounts.account import is_text
from chatapp.accounts.api_token_name import FROM_PASSWORD
from chatapp.accounts.issuer import Issuer
from chatapp.errors import Conflict, NotFound, Unauthorized
from chatapp.store.account import ApiToken
from chatapp.store.base import now

MOST = 100
"""Tokens of one user that live at once; those for a password are counted apart."""
SHOWN_WITHIN = timedelta(minutes=1)
_REMEMBERED = 100
"""Ended tokens of one user whose rows are kept."""


class TooManyApiTokens(Conflict):
    """One has to end before another can be made."""

    code = "TOO_MANY_TOKENS"

    def __init__(self) -> None:
        super().__init__(f"You have {MOST} API tokens. Revoke one that is not needed any more first.")


def listed(connection: Connection, user_id: str, limit: int, before: str | None) -> Sequence[Any]:
    """The newest first."""
    told = (
        ApiToken.jti,
        ApiToken.name,
        ApiToken.created_at,
        ApiToken.expires_at,
        ApiToken.last_used_at,
    )
    query = select(*told).where(_living(user_id))
    if before is not None:
        query = query.where(ApiToken.jti < before)
    return connection.execute(query.order_by(ApiToken.jti.desc()).limit(limit)).all()


def demand_living(connection: Connection, by: Issuer | None) -> None:
    """Raises Unauthorized when the token that asks for another was ended since it was read."""
    if by is None or by.jti is None:
        return
    row = connection.execute(
        select(ApiToken.revoked_at, ApiToken.expires_at).where(ApiToken.jti == by.jti)
    ).one_or_none()
    if row is None or row.revoked_at is not None or row.expires_at <= now():
        raise Unauthorized


def demand_room(connection: Connection, user_id: str, name: str) -> None:
    """Raises TooManyApiTokens."""
    alike = select(func.count()).select_from(ApiToken).where(_living(user_id), _counted_with(name))
    if (connection.scalar(alike) or 0) >= MOST:
        raise TooManyApiTokens


def end_longest_unused(connection: Connection, user_id: str, name: str) -> None:
    """Makes room among the tokens of that name, where there is none."""
    alike = select(ApiToken.jti).where(_living(user_id), _counted_with(name))
    used = func.coalesce(ApiToken.last_used_at, ApiToken.created_at)
    found = connection.scalars(alike.order_by(used.desc(), ApiToken.jti.desc()).offset(MOST - 1)).all()
    for jti in found:
        revoke(connection, user_id, jti)


def revoke(connection: Connection, user_id: str, jti: str) -> None:
    """Ends a token and all that it has made. Raises NotFound."""
    mine = (ApiToken.jti == jti) & (ApiToken.user_id == user_id)
    if not is_text(jti) or connection.scalar(select(ApiToken.jti).where(mine)) is None:
        raise NotFound
    ended = select(ApiToken.jti).where(mine).cte("ended", recursive=True)
    made = aliased(ApiToken)
    ended = ended.union(select(made.jti).where(made.made_by == ended.c.jti, made.user_id == user_id))
    living = ApiToken.jti.in_(select(ended.c.jti)) & ApiToken.revoked_at.is_(None)
    connection.execute(update(ApiToken).where(living).values(revoked_at=now()))


def forget_ended(connection: Connection, user_id: str) -> None:
    """Removes rows that nobody needs, so that no user can fill the table: a token of ours without its row is
    worthless, as it was with it."""
    over = (ApiToken.user_id == user_id) & or_(ApiToken.revoked_at.is_not(None), ApiToken.expires_at <= now())
    oldest_kept = (
        select(ApiToken.jti).where(over).order_by(ApiToken.jti.desc()).offset(_REMEMBERED - 1).limit(1)
    )
    connection.execute(delete(ApiToken).where(over, ApiToken.jti < oldest_kept.scalar_subquery()))


def is_unseen(connection: Connection, user_id: str, form_hash: str) -> bool:
    """Whether the token that a form has made is still to be shown."""
    unseen = _unseen(user_id, form_hash)
    return connection.scalar(select(ApiToken.jti).where(unseen)) is not None


def take_unseen(connection: Connection, user_id: str, form_hash: str) -> dict[str, Any] | None:
    """The row of that token, for one of all who ask."""
    unseen = _unseen(user_id, form_hash)
    told = (ApiToken.jti, ApiToken.name, ApiToken.created_at, ApiToken.expires_at)
    row = connection.execute(select(*told).where(unseen)).one_or_none()
    taken: Any = connection.execute(update(ApiToken).where(unseen).values(unseen_hash=None))
    return dict(row._mapping) if row and taken.rowcount else None


def _living(user_id: str) -> ColumnElement[bool]:
    return (ApiToken.user_id == user_id) & ApiToken.revoked_at.is_(None) & (ApiToken.expires_at > now())


def _counted_with(name: str) -> ColumnElement[bool]:
    return ApiToken.name == name if name == FROM_PASSWORD else ApiToken.name != FROM_PASSWORD


def _unseen(user_id: str, form_hash: str) -> ColumnElement[bool]:
    since: datetime = now() - SHOWN_WITHIN
    return _living(user_id) & (ApiToken.unseen_hash == form_hash) & (ApiToken.created_at > since)
