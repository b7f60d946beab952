"""What a user has: many conversations, and one of many messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import insert, select

from bench.conversation import hold
from chatapp.store.account import User
from chatapp.store.base import now
from chatapp.store.conversation import Conversation, Message
from chatapp.store.database import Database
from chatapp.turns.continued import new_session_id
from chatapp.turns.conversations import Place
from chatapp.web.api.page import cursor_of

_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Owned:
    """The conversation with the messages, and the cursors to the middle of both lists."""

    session_id: str
    middle_place: str
    middle_message: str


def own(database: Database, email: str, size: int) -> Owned:
    """Makes so many conversations of that user, a second apart, and in the newest so many messages."""
    with database.read() as connection:
        user_id = connection.scalars(select(User.id).where(User.email == email)).one()
    places = [Place(now() - timedelta(seconds=age), new_session_id()) for age in range(1, size)]
    row = {"user_id": user_id, "title": "Counting", "voices": ["seeker"]}
    for start in range(0, len(places), _AT_ONCE):
        rows = [
            {**row, "session_id": place.session_id, "updated_at": place.updated_at}
            for place in places[start : start + _AT_ONCE]
        ]
        with database.write() as connection:
            connection.execute(insert(Conversation), rows)
    (session_id,) = hold(database, size, email=email)
    said = select(Message.id).where(Message.session_id == session_id).order_by(Message.id)
    with database.read() as connection:
        middle = connection.scalars(said.offset(size // 2 - 1).limit(1)).one()
    return Owned(session_id, cursor_of(places[size // 2 - 1]), middle)
