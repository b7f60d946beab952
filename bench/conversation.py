"""Conversations that were held before the server starts: rows in its database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, insert, select

from bench.contender import EMAIL
from chatapp.store.account import User
from chatapp.store.base import Base
from chatapp.store.conversation import Conversation, Generation, Message, Turn
from chatapp.store.database import Database
from chatapp.store.identifier import new_id
from chatapp.streaming.position import new_log_id
from chatapp.turns.continued import new_session_id

QUESTION = "What would you count next, and why that? " * 5
ANSWER = "I would count the sheep, because they are there to be counted. " * 15

Rows = Mapping[type[Base], list[dict[str, Any]]]


def hold(database: Database, messages: int, conversations: int = 1, email: str = EMAIL) -> list[str]:
    """The names of so many finished conversations of a user, each of so many messages (two or more)."""
    with database.write() as connection:
        user_id = connection.scalars(select(User.id).where(User.email == email)).one()
        return [_hold_one(connection, user_id, messages) for _ in range(conversations)]


def _hold_one(connection: Connection, user_id: str, messages: int) -> str:
    session_id = new_session_id()
    rows: Rows = {Conversation: [], Turn: [], Generation: [], Message: []}
    rows[Conversation].append(
        {"session_id": session_id, "user_id": user_id, "title": "Counting", "voices": ["seeker"]}
    )
    parent_id = None
    for _ in range(messages // 2 - messages % 2):
        parent_id = _add_turn(rows, user_id, session_id, parent_id, ["seeker"])
    if messages % 2:  # three messages are left: a question that two voices answered
        _add_turn(rows, user_id, session_id, parent_id, ["seeker", "explorer"])
    for model, values in rows.items():
        connection.execute(insert(model), values)
    return session_id


def _add_turn(rows: Rows, user_id: str, session_id: str, parent_id: str | None, voices: Iterable[str]) -> str:
    """Adds a turn that has ended; its last message."""
    turn_id = new_id()
    rows[Turn].append(
        {
            "id": turn_id,
            "session_id": session_id,
            "user_id": user_id,
            "status": "ended",
            "log_id": new_log_id(),
            "last_seq": 4,
            "content_digest": "0" * 64,
            "request_id": f"req_{turn_id}",
            "owner_id": "0" * 32,
        }
    )
    message = {"turn_id": turn_id, "session_id": session_id}
    last_id = question_id = new_id()
    rows[Message].append(
        {
            **message,
            "id": question_id,
            "parent_id": parent_id,
            "role": "user",
            "content": QUESTION,
            "generation_id": None,
        }
    )
    for voice in voices:
        last_id, generation_id = new_id(), new_id()
        rows[Generation].append(
            {
                "id": generation_id,
                "turn_id": turn_id,
                "voice": voice,
                "voice_name": voice.title(),
                "voice_colour": "#2f6f8f",
                "model": "mock",
                "status": "complete",
                "finish_reason": "stop",
            }
        )
        rows[Message].append(
            {
                **message,
                "id": last_id,
                "parent_id": question_id,
                "role": "assistant",
                "content": ANSWER,
                "generation_id": generation_id,
            }
        )
    return last_id
