"""The record: what the database is told while generations run, and when they end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from chatapp.store.base import now
from chatapp.store.conversation import Conversation, Generation, Message, Turn
from chatapp.store.database import Database


class TurnLost(Exception):
    """The turn is not ours any more: another process has ended it in our place."""


@dataclass(frozen=True, slots=True)
class TextSoFar:
    """Text to add to a saved reply that is `saved` characters long."""

    message_id: str
    saved: int
    text: str


@dataclass(frozen=True, slots=True)
class GenerationEnd:
    """The final state of a generation: the columns of its row, and its whole text."""

    generation_id: str
    message_id: str
    text: str
    columns: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TurnEnd:
    """The end of a turn. `last_seq` is the number that `done` will have in its log."""

    turn_id: str
    session_id: str
    last_seq: int


class TurnRecord:
    """Writes for the turns of one owner. Every method is one short transaction."""

    def __init__(self, database: Database, owner_id: str) -> None:
        self._database = database
        self._owner_id = owner_id

    def add(self, texts: Sequence[TextSoFar]) -> bool:
        """Appends to saved replies. False when one was not as long as we think: an earlier transaction came to
        an unknown end, and `replace` has to put things right."""
        length = func.length(Message.content)
        grow = (
            update(Message)
            .where(Message.id == bindparam("row"), length == bindparam("saved"))
            .values(content=Message.content + bindparam("text"))
        )
        rows = [{"row": each.message_id, "saved": each.saved, "text": each.text} for each in texts]
        with self._database.write() as session:
            grown = _matched(session.connection().execute(grow, rows))
        return grown == len(rows)

    def replace(self, message_id: str, text: str) -> None:
        """Saves a running reply's text whole, unless a longer one is saved already."""
        shorter = (Message.id == message_id) & (func.length(Message.content) < len(text))
        with self._database.write() as session:
            session.execute(update(Message).where(shorter).values(content=text))

    def end(self, generation: GenerationEnd | None, turn: TurnEnd | None) -> None:
        """Saves how a generation, its turn, or both ended. Raises TurnLost when somebody else did."""
        with self._database.write() as session:
            if generation is not None:
                self._end_generation(session, generation)
            if turn is not None:
                self._end_turn(session, turn)

    def asked_to_stop(self) -> list[str]:
        """The turns of this owner which somebody has asked, through another process, to stop."""
        mine = (Turn.owner_id == self._owner_id) & (Turn.status == "running")
        with self._database.read() as session:
            return list(session.scalars(select(Turn.id).where(mine, Turn.stop_asked_at.is_not(None))))

    def _end_generation(self, session: Session, end: GenerationEnd) -> None:
        running = (Generation.id == end.generation_id) & (Generation.status == "streaming")
        if not _matched(session.execute(update(Generation).where(running).values(end.columns))):
            raise TurnLost
        session.execute(update(Message).where(Message.id == end.message_id).values(content=end.text))

    def _end_turn(self, session: Session, end: TurnEnd) -> None:
        mine = (Turn.id == end.turn_id) & (Turn.status == "running") & (Turn.owner_id == self._owner_id)
        ended = {"status": "ended", "ended_at": now(), "last_seq": end.last_seq}
        if not _matched(session.execute(update(Turn).where(mine).values(ended))):
            raise TurnLost
        touched = update(Conversation).where(Conversation.session_id == end.session_id)
        session.execute(touched.values(updated_at=now()))


def _matched(result: Any) -> int:
    matched: int = result.rowcount
    return matched
