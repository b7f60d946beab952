"""A saved turn: one that this process does not answer, told from the database.

A finished one is told as a snapshot and its end. One that another process still answers is followed by its saved
text, to the end; readers get that second-hand, a second late, and exactly once.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from chatapp.errors import NotFound
from chatapp.store.conversation import Generation, Message, Turn
from chatapp.store.database import Database
from chatapp.streaming.event import Event, Standing, done, failure, snapshot, spoken_by, token, usage
from chatapp.streaming.event_log import EventLog
from chatapp.turns.ending import finish_reason_of
from chatapp.upstream.failures import FAILURES

_BEGIN_S = 30.0
"""Seconds that a reader may take from asking for a turn to the first look at its log."""

_RETRYABLE = {row.code: row.retryable for row in FAILURES}


@dataclass(frozen=True, slots=True)
class TurnState:
    """One look at a turn's rows."""

    status: str
    log_id: str
    last_seq: int | None
    request_id: str
    replies: tuple[Any, ...]

    @property
    def is_ended(self) -> bool:
        return self.status == "ended"

    def standings(self) -> list[Standing]:
        return [
            {"generation_id": row.id, "voice": row.voice, "text": row.content, "status": row.status}
            for row in self.replies
        ]

    def ending(self) -> list[Event]:
        """The events that follow the text of a turn that has ended."""
        events = []
        for row in self.replies:
            told = [event for event in (_usage(row), _failure(row, self.request_id)) if event]
            events += told if len(self.replies) == 1 else [spoken_by(row.voice, event) for event in told]
        return [
            *events,
            done(finish_reason_of((row.status, row.finish_reason or "error") for row in self.replies)),
        ]


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
        turn = connection.execute(
            select(Turn.status, Turn.log_id, Turn.last_seq, Turn.request_id).where(Turn.id == turn_id)
        ).one_or_none()
        if turn is None:
            raise NotFound
        columns = [column for column in Generation.__table__.columns if column.name != "turn_id"]
        replies = connection.execute(
            select(*columns, Message.content)
            .join(Message, Message.generation_id == Generation.id)
            .where(Generation.turn_id == turn_id)
            .order_by(Generation.id)
        ).all()
    return TurnState(turn.status, turn.log_id, turn.last_seq, turn.request_id, tuple(replies))


class SavedTurn:
    """Followed like a running turn. `grow` looks again at one that another process answers."""

    def __init__(self, database: Database, turn_id: str) -> None:
        self.id = turn_id
        self._database = database
        self._made_at = time.monotonic()
        self._state = state = read_state(database, turn_id)
        if state.is_ended:
            self.log = _replay(state)
        else:
            self.log = EventLog()
            self.log.append(self.snapshot())

    def start(self) -> None:
        """Nothing: it runs elsewhere, or has ended."""

    def join(self) -> None:
        """Nothing: no connection here is tied to it."""

    def leave(self) -> None:
        """Nothing, as `join`."""

    def snapshot(self) -> Event:
        return snapshot(self.standings())

    def standings(self) -> list[Standing]:
        return self._state.standings()

    @property
    def is_forsaken(self) -> bool:
        """Whether nobody follows it, and whoever asked for it has had the time to begin."""
        return not self.log.readers and time.monotonic() - self._made_at > _BEGIN_S

    def grow(self) -> None:
        """Appends what was saved since the last look, and the end when it has come."""
        try:
            before, self._state = self._state, read_state(self._database, self.id)
        except NotFound:
            self.log.append(done("cancelled"))  # its conversation was removed, and with it the turn
            return
        for old, new in zip(before.replies, self._state.replies, strict=True):
            if len(new.content) > len(old.content):
                told = token(new.content[len(old.content) :])
                self.log.append(told if len(self._state.replies) == 1 else spoken_by(new.voice, told))
        if self._state.is_ended:
            for event in self._state.ending():
                self.log.append(event)


def _replay(state: TurnState) -> EventLog:
    """The log of a finished turn: what replaces all text, then the end. Its numbers fall into those of the log
    that was: a reader that has all the text goes on from its place, and `done` has the position that it had."""
    events = [snapshot(state.standings()), *state.ending()]
    log = EventLog(state.log_id, base=(state.last_seq or len(events)) - len(events))
    for event in events:
        log.append(event)
    return log
