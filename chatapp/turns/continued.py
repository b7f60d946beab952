"""The conversation that a new turn continues, found or made."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, exists, insert, literal_column, select

from chatapp.errors import Conflict, NotFound
from chatapp.store.base import now
from chatapp.store.conversation import Conversation, Turn
from chatapp.turns.new_turn import NewTurn

SESSION_ID_PATTERN = "^session-[0-9]{8}-[0-9]{6}-[a-z0-9]{4,32}$"
"""What may name a conversation; clients make up such names, too."""
_TITLE_LENGTH = 80


class TurnRunning(Conflict):
    """The conversation is still answering."""

    code = "TURN_RUNNING"

    def __init__(self) -> None:
        super().__init__("This conversation is still answering. Wait for the answer, or stop it.")


# Statements are made once: making one anew costs more than carrying it out.
_CONVERSATION = select(
    Conversation.session_id,
    Conversation.user_id,
    Conversation.model,
    Conversation.voices,
    Conversation.goes_on_from,
    # Written out, not bound: only so can the index of running turns answer, and not all that run are looked at.
    exists()
    .where(Turn.session_id == Conversation.session_id, Turn.status == literal_column("'running'"))
    .label("is_running"),
).where(Conversation.session_id == bindparam("session_id"))
# What is chosen at the same moment counts for this message, or is refused: PostgreSQL would let it be chosen, and the
# row that is written after this look would have it forgotten.
_TO_GO_ON = _CONVERSATION.with_for_update(of=Conversation, key_share=True)
_ADD_CONVERSATION = insert(Conversation)


@dataclass(frozen=True, slots=True)
class Continued:
    """A conversation as a new turn finds it. One that is new has no messages, and nothing to look for in it."""

    session_id: str
    model: str | None
    voices: list[str]
    goes_on_from: str | None
    is_new: bool


def continued_by(connection: Connection, new: NewTurn) -> Continued:
    """The caller's conversation, which is made when nobody has one of that name. Raises TurnRunning; NotFound for
    somebody else's, and where there is none that further replies could belong to."""
    if new.session_id is not None:
        found = connection.execute(_TO_GO_ON, {"session_id": new.session_id}).one_or_none()
        if found is not None:
            if found.user_id != new.user_id:
                raise NotFound
            if found.is_running:
                raise TurnRunning
            return Continued(found.session_id, found.model, found.voices, found.goes_on_from, is_new=False)
    if new.further is not None:
        raise NotFound
    return _made(connection, new)


def looked_at_by(connection: Connection, new: NewTurn) -> Continued:
    """The same for who only wants to know: nothing is made, and it may be answering. Raises NotFound for somebody
    else's."""
    named = {"session_id": new.session_id}
    found = connection.execute(_CONVERSATION, named).one_or_none() if new.session_id else None
    if found is None:
        return Continued(new.session_id or "", new.model, [], None, is_new=True)
    if found.user_id != new.user_id:
        raise NotFound
    return Continued(found.session_id, found.model, found.voices, found.goes_on_from, is_new=False)


def _made(connection: Connection, new: NewTurn) -> Continued:
    made: dict[str, Any] = {
        "session_id": new.session_id or new_session_id(),
        "user_id": new.user_id,
        "title": _title(new.message),
        "model": new.model,
        "voices": [voice.key for voice in new.voices],
    }
    connection.execute(_ADD_CONVERSATION, made)
    return Continued(made["session_id"], new.model, made["voices"], None, is_new=True)


def new_session_id() -> str:
    """A conversation's public name, with an ending that nobody guesses."""
    return f"session-{now():%Y%m%d-%H%M%S}-{secrets.token_hex(10)}"


def _title(message: str) -> str:
    line = " ".join(message.split())
    return line if len(line) <= _TITLE_LENGTH else line[: _TITLE_LENGTH - 1].rstrip() + "…"
