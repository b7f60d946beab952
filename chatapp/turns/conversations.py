"""The conversations of a user: list, read, change, remove. Access control is the query: somebody else's is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Executable, bindparam, delete, or_, select, tuple_, update

from chatapp.errors import FieldError, NotFound, ValidationFailed
from chatapp.store.conversation import Conversation, Generation, Message, Turn
from chatapp.store.database import Database
from chatapp.turns.continued import TurnRunning
from chatapp.turns.newest_question import newest_question
from chatapp.turns.tries import OF_GENERATION, OF_TURN, Tries, tries

Row = Any
"""A row of named columns, as SQLAlchemy gives it."""

_LISTED = (
    Conversation.session_id,
    Conversation.title,
    Conversation.created_at,
    Conversation.updated_at,
    Conversation.pinned,
    Conversation.archived,
    Conversation.model,
    Conversation.voices,
    Conversation.goes_on_from,
)
_MESSAGE = (
    Message.id,
    Message.parent_id,
    Message.turn_id,
    Message.generation_id,
    Message.role,
    Message.content,
    Message.citations,
    Message.created_at,
    Generation.voice,
    Generation.voice_name,
    Generation.voice_colour,
    Generation.is_merge,
    Generation.status,
    Generation.finish_reason,
    Generation.error_code,
    Generation.error_message,
    Generation.model,
    Generation.tokens_in,
    Generation.tokens_out,
    Generation.cost_usd,
    Generation.total_ms,
)


# Statements are made once: making one anew costs more than carrying it out.
_MINE = (Conversation.session_id == bindparam("session_id")) & (Conversation.user_id == bindparam("user_id"))
_NEWEST = (
    select(*_LISTED)
    .where(Conversation.user_id == bindparam("user_id"))
    .order_by(Conversation.updated_at.desc(), Conversation.session_id.desc())
    .limit(bindparam("most"))
)
_OLDER = _NEWEST.where(
    tuple_(Conversation.updated_at, Conversation.session_id)
    < tuple_(bindparam("moment", type_=Conversation.updated_at.type), bindparam("name"))
)
_ONE = select(*_LISTED).where(_MINE)
_LOCKED = select(Conversation.session_id).where(_MINE).with_for_update()
_CHOSEN = "goes_on_from"
_SAID = (
    select(*_MESSAGE)
    .outerjoin(Generation, Generation.id == Message.generation_id)
    .join(Conversation, Conversation.session_id == Message.session_id)
    .where(Message.session_id == bindparam("session_id"), Conversation.user_id == bindparam("user_id"))
    .limit(bindparam("most"))
)
_OF_TURN = (
    select(*_MESSAGE)
    .outerjoin(Generation, Generation.id == Message.generation_id)
    .join(Turn, Turn.id == Message.turn_id)
    .where(
        Turn.id == bindparam("turn_id"),
        Turn.session_id == bindparam("session_id"),
        Turn.user_id == bindparam("user_id"),
    )
    .order_by(Message.id)
)
_TURN = select(Turn.id, Turn.session_id, Turn.status).where(
    Turn.id == bindparam("turn_id"), Turn.user_id == bindparam("user_id")
)
_ANY_GENERATION = (
    select(*(column for column in Generation.__table__.columns), Turn.session_id)
    .join(Turn, Turn.id == Generation.turn_id)
    .where(Turn.user_id == bindparam("user_id"))
)
_GENERATION = _ANY_GENERATION.where(Generation.id == bindparam("generation_id"))
_GENERATIONS = _ANY_GENERATION.where(Generation.turn_id == bindparam("turn_id"))
_AFTER = _SAID.where(Message.id > bindparam("after")).order_by(Message.id)
_LATEST = _SAID.order_by(Message.id.desc())
_BEFORE = _LATEST.where(Message.id < bindparam("before"))
# What follows a question is its replies, and perhaps the next question.
_OF_QUESTION = _LATEST.where(
    or_(
        Message.id == bindparam("question"),
        (Message.parent_id == bindparam("question")) & (Message.role == "assistant"),
    )
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of conversations ends: the last one's time and name."""

    updated_at: datetime
    session_id: str


class Conversations:
    """Reads and changes; every method names the user whose conversations they are."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self, user_id: str, limit: int, after: Place | None = None) -> Sequence[Row]:
        """The newest first, from after `after` on."""
        wanted: dict[str, Any] = {"user_id": user_id, "most": limit}
        if after is not None:
            wanted |= {"moment": after.updated_at, "name": after.session_id}
        with self._database.read() as connection:
            return connection.execute(_NEWEST if after is None else _OLDER, wanted).all()

    def get(self, user_id: str, session_id: str) -> Row:
        """One conversation. Raises NotFound."""
        with self._database.read() as connection:
            row = connection.execute(_ONE, {"session_id": session_id, "user_id": user_id}).one_or_none()
        if row is None:
            raise NotFound
        return row

    def change(self, user_id: str, session_id: str, values: Mapping[str, Any]) -> Row:
        """Changes its title, whether it is pinned or archived, or the reply that it goes on from. Raises NotFound,
        and ValidationFailed for a reply that it cannot go on from."""
        if values:
            with self._database.write() as connection:
                named = {"session_id": session_id, "user_id": user_id}
                if connection.execute(_LOCKED, named).one_or_none() is None:
                    raise NotFound
                if values.get(_CHOSEN) is not None:
                    _check_choice(connection, session_id, values[_CHOSEN])
                mine = Conversation.session_id == session_id
                connection.execute(update(Conversation).where(mine).values(dict(values)))
        return self.get(user_id, session_id)

    def remove(self, user_id: str, session_id: str) -> None:
        """Removes it with all that was said. Raises NotFound, and TurnRunning while it is answering."""
        running = select(Turn.id).where(Turn.session_id == session_id, Turn.status == "running")
        with self._database.write() as connection:
            # Whose message is being committed is waited for, and seen to run.
            if not connection.scalar(_LOCKED, {"session_id": session_id, "user_id": user_id}):
                raise NotFound
            if connection.scalar(running):
                raise TurnRunning
            connection.execute(delete(Conversation).where(Conversation.session_id == session_id))

    def messages(self, user_id: str, session_id: str, limit: int, after: str = "") -> Sequence[Row]:
        """What was said, oldest first, from after the message `after` on. Raises NotFound."""
        return self._said(_AFTER, user_id, session_id, most=limit, after=after)

    def latest_messages(self, user_id: str, session_id: str, limit: int, before: str | None) -> Sequence[Row]:
        """The last of what was said, before the message `before` if one is named, oldest first. Raises
        NotFound."""
        if before is None:
            return self._said(_LATEST, user_id, session_id, most=limit)[::-1]
        return self._said(_BEFORE, user_id, session_id, most=limit, before=before)[::-1]

    def _said(self, query: Executable, user_id: str, session_id: str, **wanted: Any) -> Sequence[Row]:
        wanted |= {"session_id": session_id, "user_id": user_id}
        with self._database.read() as connection:
            rows = connection.execute(query, wanted).all()
        if not rows:
            self.get(user_id, session_id)  # nothing was said there, or there is no such conversation
        return rows

    def turn_messages(self, user_id: str, session_id: str, turn_id: str) -> Sequence[Row]:
        """The user's message and the replies of one turn. Raises NotFound."""
        wanted = {"turn_id": turn_id, "session_id": session_id, "user_id": user_id}
        with self._database.read() as connection:
            rows = connection.execute(_OF_TURN, wanted).all()
        if not rows:
            raise NotFound
        return rows

    def exchange_messages(self, user_id: str, session_id: str, turn_id: str, limit: int) -> Sequence[Row]:
        """The question of a turn and all replies to it, those of other turns too, oldest first; the last `limit` of
        them. Raises NotFound."""
        rows = self.turn_messages(user_id, session_id, turn_id)
        question = rows[-1].parent_id  # the last one is a reply
        if question is None:
            return rows
        return self._said(_OF_QUESTION, user_id, session_id, most=limit, question=question)[::-1]

    def running_turn(self, user_id: str, session_id: str) -> str | None:
        """The id of the turn that this conversation is answering, if any."""
        running = select(Turn.id).where(
            Turn.session_id == session_id, Turn.status == "running", Turn.user_id == user_id
        )
        with self._database.read() as connection:
            return connection.scalar(running)

    def of_turn(self, user_id: str, turn_id: str) -> str:
        """The name of the conversation that a turn belongs to. Raises NotFound."""
        mine = (Turn.id == turn_id) & (Turn.user_id == user_id)
        with self._database.read() as connection:
            session_id = connection.scalar(select(Turn.session_id).where(mine))
        if session_id is None:
            raise NotFound
        return session_id

    def tries_of_turn(self, user_id: str, turn_id: str) -> Tries:
        """All replies to the question that a turn answers. Raises NotFound."""
        with self._database.read() as connection:
            return tries(connection, OF_TURN, user_id, turn_id)

    def tries_of_generation(self, user_id: str, generation_id: str) -> Tries:
        """The same for one generation. Raises NotFound."""
        with self._database.read() as connection:
            return tries(connection, OF_GENERATION, user_id, generation_id)

    def turn(self, user_id: str, turn_id: str) -> tuple[Row, Sequence[Row]]:
        """One turn, and its generations in the order in which they were asked for. Raises NotFound."""
        wanted = {"turn_id": turn_id, "user_id": user_id}
        with self._database.read() as connection:
            turn = connection.execute(_TURN, wanted).one_or_none()
            if turn is None:
                raise NotFound
            rows = connection.execute(_GENERATIONS, wanted).all()
        return turn, sorted(rows, key=lambda row: row.id)

    def generation(self, user_id: str, generation_id: str) -> Row:
        """One generation, with the conversation it belongs to. Raises NotFound."""
        wanted = {"generation_id": generation_id, "user_id": user_id}
        with self._database.read() as connection:
            row = connection.execute(_GENERATION, wanted).one_or_none()
        if row is None:
            raise NotFound
        return row


def _check_choice(connection: Connection, session_id: str, message_id: str) -> None:
    newest = newest_question(connection, session_id)
    if newest is None or not newest.can_go_on_from(message_id):
        sentence = "Only a reply with text to the newest message can be gone on from, of a voice's replies the newest."
        raise ValidationFailed([FieldError(_CHOSEN, sentence)])
