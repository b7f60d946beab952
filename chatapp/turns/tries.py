"""Tries: all replies to one question, whichever turns brought them. A voice that is asked again, and a merge, are
turns of their own; the question, and what it was answered, is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select

from chatapp.errors import NotFound
from chatapp.store.conversation import Generation, Message, Turn

NOT_WHOLE = frozenset({"cancelled", "error", "interrupted", "partial"})
"""How a reply has ended that is worth another try."""

# Statements are made once: making one anew costs more than carrying it out.
_QUESTION = (
    select(Message.parent_id, Message.session_id)
    .join(Turn, Turn.id == Message.turn_id)
    .where(Turn.user_id == bindparam("user_id"))
    .limit(1)
)
OF_TURN = _QUESTION.where(Message.turn_id == bindparam("id"), Message.generation_id.is_not(None))
"""The question that a turn of that user answers."""
OF_GENERATION = _QUESTION.where(Message.generation_id == bindparam("id"))
"""The same for one generation."""
_TRIES = (
    select(
        Message.generation_id,
        Message.id,
        Message.turn_id,
        Generation.voice,
        Generation.model,
        Generation.status,
        Generation.is_merge,
    )
    .join(Generation, Generation.id == Message.generation_id)
    .where(Message.parent_id == bindparam("question_id"))
)


@dataclass(frozen=True, slots=True)
class Try:
    """One reply of one voice; a merge is one, too."""

    generation_id: str
    message_id: str
    turn_id: str
    voice: str
    model: str
    status: str
    is_merge: bool


@dataclass(frozen=True, slots=True)
class Tries:
    """`all` are in the order in which they were asked for."""

    session_id: str
    question_id: str
    all: tuple[Try, ...]

    def of(self, generation_id: str) -> Try:
        """The try of that generation, which must be one of them."""
        return next(each for each in self.all if each.generation_id == generation_id)

    def after(self, one: Try) -> Try | None:
        """The next try of the same voice, if it was asked again since."""
        same = (each for each in self.all if (each.voice, each.is_merge) == (one.voice, one.is_merge))
        return next((each for each in same if each.message_id > one.message_id), None)

    def not_whole(self) -> list[Try]:
        """Of each voice whose newest reply is not whole that reply, in the order of the voices."""
        newest = {each.voice: each for each in self.all if not each.is_merge}
        return [each for each in newest.values() if each.status in NOT_WHOLE]

    def merge_not_whole(self) -> Try | None:
        """The newest merge, if it is not whole."""
        merge = next((each for each in reversed(self.all) if each.is_merge), None)
        return merge if merge is not None and merge.status in NOT_WHOLE else None

    def state_at(self, turn_id: str) -> str:
        """The id of the turn with which the replies had come to what somebody merges who looks at that turn: it, or
        the last one since that brought more than a merge."""
        return max([turn_id, *(each.turn_id for each in self.all if not each.is_merge)])


def tries(connection: Connection, which: Any, user_id: str, identifier: str) -> Tries:
    """The tries of which `identifier` names one turn or generation, as `which` says: OF_TURN or OF_GENERATION.
    Raises NotFound."""
    question = connection.execute(which, {"user_id": user_id, "id": identifier}).one_or_none()
    if question is None:
        raise NotFound
    rows = connection.execute(_TRIES, {"question_id": question.parent_id}).all()
    found = sorted((_try(row) for row in rows), key=lambda each: each.message_id)
    return Tries(question.session_id, question.parent_id, tuple(found))


def _try(row: Any) -> Try:
    return Try(*row)
