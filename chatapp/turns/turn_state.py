"""The state of a turn as its rows tell it, and the log that replays one that has ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from chatapp.errors import NotFound
from chatapp.store.conversation import Generation, Message, Turn
from chatapp.store.database import Database
from chatapp.streaming.event import Event, done, failure, snapshot, spoken_by, usage, voice_done
from chatapp.streaming.event_data import Standing
from chatapp.streaming.event_log import EventLog
from chatapp.streaming.position import Position, retold
from chatapp.turns.ending import finish_reason_of
from chatapp.upstream.failures import FAILURES

_TURN = (Turn.id, Turn.status, Turn.log_id, Turn.last_seq, Turn.request_id, Turn.owner_id, Turn.ended_at)
_RETRYABLE = {row.code: row.retryable for row in FAILURES}


@dataclass(frozen=True, slots=True)
class TurnState:
    """One look at a turn's rows."""

    id: str
    status: str
    log_id: str
    last_seq: int | None
    request_id: str
    owner_id: str
    ended_at: datetime | None
    replies: tuple[Any, ...]

    @property
    def is_ended(self) -> bool:
        return self.status == "ended"

    @property
    def length(self) -> int:
        """Characters of all replies."""
        return sum(len(row.content) for row in self.replies)

    def standings(self) -> list[Standing]:
        return [
            {"generation_id": row.id, "voice": row.voice, "text": row.content, "status": row.status}
            for row in self.replies
        ]

    def ending(self) -> list[Event]:
        """The events that follow the text of a turn that has ended."""
        return [*(event for reply in self.replies for event in self.ending_of(reply)), self.done()]

    def ending_of(self, reply: Any) -> list[Event]:
        """The events that follow the text of one reply that has ended."""
        told = [event for event in (_usage(reply), _failure(reply, self.request_id)) if event]
        if len(self.replies) == 1:
            return told
        return [spoken_by(reply.voice, event) for event in (*told, voice_done(_reason(reply)))]

    def done(self) -> Event:
        """The last event of a turn that has ended."""
        return done(finish_reason_of((row.status, _reason(row)) for row in self.replies))


def _reason(row: Any) -> str:
    return row.finish_reason or "error"


def _usage(row: Any) -> Event | None:
    return usage(row.tokens_in, row.tokens_out, row.cost_usd, row.model) if row.content else None


def _failure(row: Any, request_id: str) -> Event | None:
    if row.error_code is None:
        return None
    retryable = _RETRYABLE.get(row.error_code, True)
    return failure(row.error_code, row.error_message or "", retryable=retryable, request_id=request_id)


def read_state(database: Database, turn_id: str) -> TurnState:
    """The turn as it is saved now. Raises NotFound."""
    with database.read() as connection:
        turn = connection.execute(select(*_TURN).where(Turn.id == turn_id)).one_or_none()
        if turn is None:
            raise NotFound
        columns = [column for column in Generation.__table__.columns if column.name != "turn_id"]
        replies = connection.execute(
            select(*columns, Message.content)
            .join(Message, Message.generation_id == Generation.id)
            .where(Generation.turn_id == turn_id)
            .order_by(Generation.id)
        ).all()
    return TurnState(*turn, tuple(replies))


def replay(state: TurnState) -> EventLog:
    """The log of a finished turn: what replaces all text, then the end. `done` has the position that it had.

    With one voice, all numbers fall into those of the log that was: a reader that has all the text goes on from its
    place. In which order several voices spoke is not saved, and a place among them would mean something else here: up
    to `done`, this log has a name of its own then, and numbers that are the same whoever makes it."""
    events = [snapshot(state.standings()), *state.ending()]
    last_seq = state.last_seq or len(events)
    if len(state.replies) == 1:
        log = EventLog(state.log_id, base=last_seq - len(events))
    else:
        log = EventLog(retold(state.log_id), ended_as=Position(state.log_id, last_seq))
    for event in events:
        log.append(event)
    return log
