"""Starting a turn: one short transaction that commits the user's message and a row for every reply."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, exists, insert, literal_column, select, update
from sqlalchemy.exc import IntegrityError

from chatapp.errors import Conflict, NotFound
from chatapp.store.base import now
from chatapp.store.conversation import Conversation, Generation, Message, Turn
from chatapp.store.database import Database
from chatapp.store.identifier import new_id
from chatapp.streaming.position import new_log_id
from chatapp.turns.new_turn import CommittedTurn, NewGeneration, NewTurn
from chatapp.turns.prompt import PromptMessage, branch, prompt
from chatapp.turns.voice import Voice
from chatapp.upstream.catalogue import Catalogue

SESSION_ID_PATTERN = "^session-[0-9]{8}-[0-9]{6}-[a-z0-9]{4,32}$"
"""What may name a conversation; clients make up such names, too."""
_TITLE_LENGTH = 80


class TurnRunning(Conflict):
    """The conversation is still answering."""

    code = "TURN_RUNNING"

    def __init__(self) -> None:
        super().__init__("This conversation is still answering. Wait for the answer, or stop it.")


class MessageIdReused(Conflict):
    """The client used a message id again, for something else."""

    code = "MESSAGE_ID_REUSED"

    def __init__(self) -> None:
        super().__init__("This message id was used before, with other content.")


# Statements are made once: making one anew costs more than carrying it out.
_EARLIER = select(Turn.id, Turn.session_id, Turn.log_id, Turn.content_digest).where(
    Turn.user_id == bindparam("user_id"), Turn.client_message_id == bindparam("client_message_id")
)
_CONVERSATION = select(
    Conversation.session_id,
    Conversation.user_id,
    Conversation.model,
    # Written out, not bound: only so can the index of running turns answer, and not all that run are looked at.
    exists()
    .where(Turn.session_id == Conversation.session_id, Turn.status == literal_column("'running'"))
    .label("is_running"),
).where(Conversation.session_id == bindparam("session_id"))
_NEWEST = (
    select(Message.id)
    .where(Message.session_id == bindparam("session_id"))
    .order_by(Message.id.desc())
    .limit(1)
)
_TOUCH = (
    update(Conversation)
    .where(Conversation.session_id == bindparam("row"))
    .values(updated_at=bindparam("moment"))
)
_ADD_CONVERSATION = insert(Conversation)
_ADD_TURN = insert(Turn)
_ADD_GENERATION = insert(Generation)
_ADD_MESSAGE = insert(Message)


@dataclass(frozen=True, slots=True)
class TurnStart:
    """Commits new turns in the name of `owner_id`. `history` is how many earlier messages are sent along."""

    database: Database
    catalogue: Catalogue
    owner_id: str
    history: int

    def commit(self, new: NewTurn) -> CommittedTurn:
        """The turn of this message, committed. Raises NotFound for somebody else's conversation, TurnRunning,
        MessageIdReused, and DatabaseUnavailable; then nothing was saved."""
        try:
            return self._attempt(new)
        except IntegrityError:
            # Another process was between our look and our insert. The second look finds what it committed.
            try:
                return self._attempt(new)
            except IntegrityError:
                raise TurnRunning from None

    def _attempt(self, new: NewTurn) -> CommittedTurn:
        with self.database.write() as connection:
            if earlier := _earlier(connection, new):
                return earlier
            return self._insert(connection, new, _place(connection, new))

    def _insert(self, connection: Connection, new: NewTurn, place: _Place) -> CommittedTurn:
        turn_id, log_id = self._add_turn(connection, new, place.session_id)
        parent_id, history = (None, []) if place.is_new else self._said(connection, place.session_id)
        question = _question(turn_id, place, parent_id, new.message)
        due = tuple(self._due(new, voice, place.model, history) for voice in new.voices)
        # All rows of a table at once: a statement costs 0.05 ms, most of it before the database hears of it.
        connection.execute(_ADD_GENERATION, [_generation(turn_id, each) for each in due])
        connection.execute(_ADD_MESSAGE, [question, *(_reply(question, each) for each in due)])
        if not place.is_new:
            connection.execute(_TOUCH, {"row": place.session_id, "moment": now()})
        return CommittedTurn(turn_id, place.session_id, log_id, due)

    def _add_turn(self, connection: Connection, new: NewTurn, session_id: str) -> tuple[str, str]:
        turn_id, log_id = new_id(), new_log_id()
        turn = {
            "id": turn_id,
            "session_id": session_id,
            "user_id": new.user_id,
            "status": "running",
            "log_id": log_id,
            "client_message_id": new.client_message_id,
            "content_digest": new.digest(),
            "request_id": new.request_id,
            "owner_id": self.owner_id,
        }
        connection.execute(_ADD_TURN, turn)
        return turn_id, log_id

    def _said(self, connection: Connection, session_id: str) -> tuple[str | None, list[PromptMessage]]:
        """The newest message of the conversation, and what was said up to it."""
        newest = connection.scalar(_NEWEST, {"session_id": session_id})
        return newest, branch(connection, newest, self.history)

    def _due(
        self, new: NewTurn, voice: Voice, usual: str | None, history: list[PromptMessage]
    ) -> NewGeneration:
        model = new.model or voice.model or usual or self.catalogue.default
        return NewGeneration(new_id(), new_id(), voice, model, prompt(voice, history, new.message))


def _earlier(connection: Connection, new: NewTurn) -> CommittedTurn | None:
    """The turn that this client message id already started."""
    if new.client_message_id is None:
        return None
    same = {"user_id": new.user_id, "client_message_id": new.client_message_id}
    turn = connection.execute(_EARLIER, same).one_or_none()
    if turn is None:
        return None
    if turn.content_digest != new.digest() or new.session_id not in (None, turn.session_id):
        raise MessageIdReused
    return CommittedTurn(turn.id, turn.session_id, turn.log_id, ())


@dataclass(frozen=True, slots=True)
class _Place:
    """The conversation that a turn belongs to. One that is new has no messages, and nothing to look for in it."""

    session_id: str
    model: str | None
    is_new: bool


def _place(connection: Connection, new: NewTurn) -> _Place:
    """The caller's conversation, which is made when nobody has one of that name. Raises TurnRunning."""
    if new.session_id is not None:
        found = connection.execute(_CONVERSATION, {"session_id": new.session_id}).one_or_none()
        if found is not None:
            if found.user_id != new.user_id:
                raise NotFound
            if found.is_running:
                raise TurnRunning
            return _Place(found.session_id, found.model, is_new=False)
    made: dict[str, Any] = {
        "session_id": new.session_id or new_session_id(),
        "user_id": new.user_id,
        "title": _title(new.message),
        "model": new.model,
        "voices": [voice.key for voice in new.voices],
    }
    connection.execute(_ADD_CONVERSATION, made)
    return _Place(made["session_id"], new.model, is_new=True)


def _question(turn_id: str, place: _Place, parent_id: str | None, content: str) -> dict[str, Any]:
    return {
        "id": new_id(),
        "turn_id": turn_id,
        "session_id": place.session_id,
        "parent_id": parent_id,
        "generation_id": None,
        "role": "user",
        "content": content,
    }


def _reply(question: dict[str, Any], due: NewGeneration) -> dict[str, Any]:
    of_reply = {"id": due.message_id, "parent_id": question["id"], "generation_id": due.id}
    return {**question, **of_reply, "role": "assistant", "content": ""}


def _generation(turn_id: str, due: NewGeneration) -> dict[str, Any]:
    of_reply = {"voice": due.voice.key, "model": due.model, "status": "streaming"}
    return {"id": due.id, "turn_id": turn_id, **of_reply}


def new_session_id() -> str:
    """A conversation's public name, with an ending that nobody guesses."""
    return f"session-{now():%Y%m%d-%H%M%S}-{secrets.token_hex(10)}"


def _title(message: str) -> str:
    line = " ".join(message.split())
    return line if len(line) <= _TITLE_LENGTH else line[: _TITLE_LENGTH - 1].rstrip() + "…"
