"""The record: what the database is told while generations run, and when they end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy import Connection, Executable, bindparam, exists, func, select, union, update

from chatapp.store.base import now
from chatapp.store.conversation import Conversation, Generation, Message, Turn
from chatapp.store.database import Database
from chatapp.turns.turn_state import TurnState, read_state


class TurnLost(Exception):
    """The turn is not ours any more: another process has ended it in our place."""


# A reply that was given up has its text, and nobody adds to it any more.
_STREAMS = exists().where(Generation.id == Message.generation_id, Generation.status == "streaming")


@dataclass(frozen=True, slots=True)
class TextSoFar:
    """Text to add to a saved reply that is `saved` characters long."""

    message_id: str
    saved: int
    text: str


@dataclass(frozen=True, slots=True)
class GenerationEnd:
    """The final state of a generation: COLUMNS of its row, and its whole text."""

    COLUMNS: ClassVar = (
        "status",
        "finish_reason",
        "error_code",
        "error_message",
        "provider_retry_count",
        "ttft_ms",
        "total_ms",
        "tokens_in",
        "tokens_out",
        "cost_usd",
    )

    generation_id: str
    message_id: str
    text: str
    columns: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TurnEnd:
    """The end of a turn. `last_seq` is the number that `done` will have in its log `log_id`, which is another one
    when somebody else ends it."""

    turn_id: str
    session_id: str
    log_id: str
    last_seq: int


# Statements are made once: making one anew costs more than carrying it out.
_GROW = (
    update(Message)
    .where(Message.id == bindparam("row"), func.length(Message.content) == bindparam("saved"), _STREAMS)
    .values(content=Message.content + bindparam("text"))
)
_TEXT = update(Message).where(Message.id == bindparam("row")).values(content=bindparam("text"))
_END_GENERATION = (
    update(Generation)
    .where(Generation.id == bindparam("row"), Generation.status == "streaming")
    .values({name: bindparam(name) for name in GenerationEnd.COLUMNS} | {"ended_at": bindparam("moment")})
)
_END_TURN = (
    update(Turn)
    .where(Turn.id == bindparam("row"), Turn.status == "running", Turn.owner_id == bindparam("mine"))
    .values(status="ended", ended_at=bindparam("moment"), last_seq=bindparam("seq"))
)
_TOUCH = (
    update(Conversation)
    .where(Conversation.session_id == bindparam("row"))
    .values(updated_at=bindparam("moment"))
)
_GENERATION = (
    select(Generation.status, Generation.finish_reason, Message.content)
    .join(Message, Message.generation_id == Generation.id)
    .where(Generation.id == bindparam("row"))
)
_TURN = select(Turn.status, Turn.owner_id, Turn.log_id).where(Turn.id == bindparam("row"))
_RUNNING = (
    select(Turn.id, Generation.id)
    .join(Generation, Generation.turn_id == Turn.id)
    .where(Turn.owner_id == bindparam("mine"), Turn.status == "running", Generation.status == "streaming")
)
# Two questions, each with an index of its own: one with "or" looks at all that runs, several times a second.
_ASKED_TO_STOP = union(
    _RUNNING.where(Turn.stop_asked_at.is_not(None)), _RUNNING.where(Generation.stop_asked_at.is_not(None))
)


class TurnRecord:
    """Writes for the turns of one owner. Every method is one short transaction."""

    def __init__(self, database: Database, owner_id: str) -> None:
        self._database = database
        self._owner_id = owner_id

    def add(self, texts: Sequence[TextSoFar]) -> bool:
        """Appends to saved replies. False when one was not as long as we think: an earlier transaction came to
        an unknown end, and `replace` has to put things right; or the reply is not ours any more."""
        rows = [{"row": each.message_id, "saved": each.saved, "text": each.text} for each in texts]
        with self._database.write() as connection:
            grown = _matched(connection.execute(_GROW, rows))
        return grown == len(rows)

    def replace(self, message_id: str, text: str) -> None:
        """Saves a running reply's text whole, unless a longer one is saved already."""
        shorter = (Message.id == message_id) & (func.length(Message.content) < len(text)) & _STREAMS
        with self._database.write() as connection:
            connection.execute(update(Message).where(shorter).values(content=text))

    def ended(self, generation_ids: Sequence[str]) -> set[str]:
        """Which of these have an end, or are gone."""
        streams = select(Generation.id).where(
            Generation.id.in_(generation_ids), Generation.status == "streaming"
        )
        with self._database.read() as connection:
            return set(generation_ids).difference(connection.scalars(streams))

    def end(self, generation: GenerationEnd | None, turn: TurnEnd | None) -> None:
        """Saves how a generation, its turn, or both ended. What we have saved already stays: the answer to a commit
        can be lost, and then nobody knows whether it went through. Raises TurnLost when somebody else did."""
        with self._database.write() as connection:
            if generation is not None:
                _end_generation(connection, generation)
            if turn is not None:
                self._end_turn(connection, turn)

    def asked_to_stop(self) -> list[tuple[str, str]]:
        """The turn and the generation of this owner's which somebody has asked, through another process, to
        stop."""
        with self._database.read() as connection:
            return [(row[0], row[1]) for row in connection.execute(_ASKED_TO_STOP, {"mine": self._owner_id})]

    def state(self, turn_id: str) -> TurnState:
        """The turn as it is saved, whoever has ended it. Raises NotFound."""
        return read_state(self._database, turn_id)

    def _end_turn(self, connection: Connection, end: TurnEnd) -> None:
        moment = now()
        mine = {"row": end.turn_id, "mine": self._owner_id, "moment": moment, "seq": end.last_seq}
        if not _matched(connection.execute(_END_TURN, mine)):
            _demand(connection, _TURN, end.turn_id, ("ended", self._owner_id, end.log_id))
        connection.execute(_TOUCH, {"row": end.session_id, "moment": moment})


def _end_generation(connection: Connection, end: GenerationEnd) -> None:
    ended = {"row": end.generation_id, "moment": now(), **end.columns}
    if not _matched(connection.execute(_END_GENERATION, ended)):
        ours = (end.columns["status"], end.columns["finish_reason"], end.text)
        _demand(connection, _GENERATION, end.generation_id, ours)
    connection.execute(_TEXT, {"row": end.message_id, "text": end.text})


def _demand(connection: Connection, query: Executable, row: str, ours: tuple[Any, ...]) -> None:
    """Raises TurnLost unless the row is as we would have left it."""
    saved = connection.execute(query, {"row": row}).one_or_none()
    if saved is None or tuple(saved) != ours:
        raise TurnLost


def _matched(result: Any) -> int:
    matched: int = result.rowcount
    return matched
