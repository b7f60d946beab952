"""The newest question of a conversation, its replies, and where the next one goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.orm import aliased

from chatapp.store.conversation import Generation, Message
from chatapp.turns.history import Reply, reply, standing

_newest = aliased(Message)
NEWEST_QUESTION = (
    select(_newest.parent_id)
    .where(_newest.session_id == bindparam("session_id"))
    .order_by(_newest.id.desc())
    .limit(1)
    .scalar_subquery()
)
"""Its id, in the conversation `session_id`. The newest message is a reply: a turn commits its question before its
replies, and identifiers sort by time."""
_REPLIES = (
    select(
        Message.id,
        Message.parent_id,
        Message.content,
        Message.generation_id,
        Generation.voice,
        Generation.voice_name,
        Generation.is_merge,
    )
    .join(Generation, Generation.id == Message.generation_id)
    .where(Message.parent_id == NEWEST_QUESTION)
)
_QUESTION = select(Message.parent_id, Message.content).where(Message.id == bindparam("id"))


@dataclass(frozen=True, slots=True)
class NewestQuestion:
    """Its id, and its replies: those that count, and every try."""

    id: str
    replies: tuple[Reply, ...]
    tries: tuple[Reply, ...]

    def read(self, connection: Connection) -> tuple[str | None, str]:
        """The message that it follows, and its text."""
        row = connection.execute(_QUESTION, {"id": self.id}).one()
        return row.parent_id, row.content

    def can_go_on_from(self, message_id: str) -> bool:
        """Whether it is a reply that counts, and has text."""
        return any(reply.id == message_id and reply.content for reply in self.replies)

    def chosen(self, message_id: str | None) -> Reply | None:
        """What counts of the voice, or of the merges, of which that reply was chosen. One that was chosen by itself,
        because it took the place of a chosen one, may have failed without any text: then that one still counts."""
        sources = {each.source for each in self.tries if each.id == message_id}
        return next((each for each in self.replies if each.source in sources), None)

    def goes_on_from(self, chosen_id: str | None) -> str:
        """What the next question follows: the chosen reply, if it has text; else the only one, or where there are
        several, the question itself."""
        chosen = self.chosen(chosen_id)
        if chosen is not None and chosen.content:
            return chosen.id
        single = [reply for reply in self.replies if not reply.is_merge]
        return single[0].id if len(single) == 1 else self.id


def newest_question(connection: Connection, session_id: str) -> NewestQuestion | None:
    """The newest question of the conversation; None where nothing was said yet."""
    rows: Sequence[Any] = connection.execute(_REPLIES, {"session_id": session_id}).all()
    return NewestQuestion(rows[0].parent_id, standing(rows), tuple(map(reply, rows))) if rows else None
