"""Listeners: a turn that is heard through another process is not abandoned."""

from __future__ import annotations

import time
from datetime import datetime
from math import inf

from sqlalchemy import select, update

from chatapp.store.base import now
from chatapp.store.conversation import Turn
from chatapp.store.database import Database
from chatapp.streaming.subscriber import Clock
from chatapp.turns.running_turn import RunningTurn
from chatapp.turns.running_turns import RunningTurns
from chatapp.turns.turns_elsewhere import TurnsElsewhere


class Listeners:
    """Somebody calls `tick` every `period_s` seconds. Each process says which turns of others it hears, at once and
    then now and again, and looks for what others say before it gives up one of its own."""

    def __init__(
        self,
        database: Database,
        running: RunningTurns,
        elsewhere: TurnsElsewhere,
        abandon_s: float,
        *,
        clock: Clock = time.monotonic,
    ) -> None:
        self._again_s = abandon_s / 6
        self.period_s = min(1.0, self._again_s)
        self._database = database
        self._running = running
        self._elsewhere = elsewhere
        self._clock = clock
        self._told_at: dict[str, float] = {}
        self._heard: dict[str, datetime] = {}

    def tick(self) -> None:
        self._tell([turn.id for turn in self._elsewhere if turn.log.is_heard])
        self._look([turn for turn in self._running.running() if turn.alone_since is not None])

    def _tell(self, turn_ids: list[str]) -> None:
        moment = self._clock()
        told_at = {each: self._told_at[each] for each in turn_ids if each in self._told_at}
        due = [each for each in turn_ids if moment - told_at.get(each, -inf) >= self._again_s]
        if due:
            with self._database.write() as connection:
                connection.execute(update(Turn).where(Turn.id.in_(due)).values(heard_at=now()))
        self._told_at = told_at | dict.fromkeys(due, moment)

    def _look(self, alone: list[RunningTurn]) -> None:
        """A turn is not alone while what others say of it changes: their clocks do not matter."""
        heard = self._said([turn.id for turn in alone]) if alone else {}
        for turn in alone:
            if turn.id in heard and heard[turn.id] != self._heard.get(turn.id):
                turn.alone_since = self._clock()
        self._heard = heard

    def _said(self, turn_ids: list[str]) -> dict[str, datetime]:
        said = select(Turn.id, Turn.heard_at).where(Turn.id.in_(turn_ids))
        with self._database.read() as connection:
            return {row.id: row.heard_at for row in connection.execute(said) if row.heard_at is not None}
