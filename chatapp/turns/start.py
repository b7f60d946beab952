"""Starting a turn: one short transaction that commits the user's message and a row for every reply."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from chatapp.errors import Conflict, NotFound
from chatapp.store.base import now
from chatapp.store.conversation import Conversation, Generation, Message, Turn
from chatapp.store.database import Database
from chatapp.store.identifier import new_id
from chatapp.streaming.position import new_log_id
from chatapp.turns.new_turn import CommittedTurn, NewGeneration, NewTurn
from chatapp.turns.prompt import branch, prompt
from chatapp.upstream.catalogue import Catalogue

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
_CONVERSATION = select(Conversation.user_id, Conversation.model).where(
    Conversation.session_id == bindparam("session_id")
)
_RUNNING = select(Turn.id).where(Turn.session_id == bindparam("session_id"), Turn.status == "running")
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
            session_id, model = _conversation(connection, new)
            if connection.scalar(_RUNNING, {"session_id": session_id}):
                raise TurnRunning
            return self._insert(connection, new, session_id, model)

    def _insert(
        self, connection: Connection, new: NewTurn, session_id: str, model: str | None
    ) -> CommittedTurn:
        turn_id, log_id = self._add_turn(connection, new, session_id)
        parent_id = connection.scalar(_NEWEST, {"session_id": session_id})
        history = branch(connection, parent_id, self.history)
        question = _message(turn_id, session_id, parent_id, "user", new.message)
        connection.execute(_ADD_MESSAGE, question)
        due = []
        for voice in new.voices:
            reply = _message(turn_id, session_id, question["id"], "assistant", "")
            sent = prompt(voice, history, new.message)
            chosen = new.model or voice.model or model or self.catalogue.default
            due.append(NewGeneration(new_id(), reply["id"], voice, chosen, sent))
            _add_reply(connection, due[-1], reply)
        connection.execute(_TOUCH, {"row": session_id, "moment": now()})
        return CommittedTurn(turn_id, session_id, log_id, tuple(due))

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


def _conversation(connection: Connection, new: NewTurn) -> tuple[str, str | None]:
    """The name and model of the caller's conversation, which is made when nobody has one of that name."""
    if new.session_id is not None:
        found = connection.execute(_CONVERSATION, {"session_id": new.session_id}).one_or_none()
        if found is not None:
            if found.user_id != new.user_id:
                raise NotFound
            return new.session_id, found.model
    made: dict[str, Any] = {
        "session_id": new.session_id or new_session_id(),
        "user_id": new.user_id,
        "title": _title(new.message),
        "model": new.model,
        "voices": [voice.key for voice in new.voices],
    }
    connection.execute(_ADD_CONVERSATION, made)
    return made["session_id"], new.model


def _message(turn_id: str, session_id: str, parent_id: str | None, role: str, content: str) -> dict[str, Any]:
    return {
        "id": new_id(),
        "turn_id": turn_id,
        "session_id": session_id,
        "parent_id": parent_id,
        "role": role,
        "content": content,
    }


def _add_reply(connection: Connection, due: NewGeneration, reply: dict[str, Any]) -> None:
    generation = {
        "id": due.id,
        "turn_id": reply["turn_id"],
        "voice": due.voice.key,
        "model": due.model,
        "status": "streaming",
    }
    connection.execute(_ADD_GENERATION, generation)
    connection.execute(_ADD_MESSAGE, {**reply, "generation_id": due.id})


def new_session_id() -> str:
    """A conversation's public name, with an ending that nobody guesses."""
    return f"session-{now():%Y%m%d-%H%M%S}-{secrets.token_hex(10)}"


def _title(message: str) -> str:
    line = " ".join(message.split())
    return line if len(line) <= _TITLE_LENGTH else line[: _TITLE_LENGTH - 1].rstrip() + "…"
