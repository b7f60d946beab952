"""The turns that are followed here and answered by another process, or by none any more."""

from __future__ import annotations

import time
from collections.abc import Iterator

from sqlalchemy import bindparam, func, select

from chatapp.store.conversation import Generation, Message, Turn
from chatapp.store.database import Database
from chatapp.streaming.shared_logs import SharedLogs
from chatapp.streaming.subscriber import Clock
from chatapp.turns.saved_turn import Look, SavedTurn

# The text of a generation is in its one message.
_LOOK = (
    select(Turn.id, Turn.log_id, Turn.status, func.sum(func.length(Message.content)))
    .join(Generation, Generation.turn_id == Turn.id)
    .join(Message, Message.generation_id == Generation.id)
    .where(Turn.id.in_(bindparam("turns", expanding=True)))
    .group_by(Turn.id, Turn.log_id, Turn.status)
)


class TurnsElsewhere:
    """By id, for as long as somebody follows them and they run. Somebody calls `tick` every second."""

    def __init__(self, database: Database, logs: SharedLogs, *, clock: Clock = time.monotonic) -> None:
        self._database = database
        self._logs = logs
        self._clock = clock
        self._turns: dict[str, SavedTurn] = {}

    def __iter__(self) -> Iterator[SavedTurn]:
        return iter(tuple(self._turns.values()))

    def find(self, turn_id: str) -> SavedTurn:
        """The turn, the same for all who follow it while it runs. Raises NotFound."""
        known = self._turns.get(turn_id)
        if known is not None and not known.log.closed:
            known.asked_for()
            return known
        turn = SavedTurn(self._database, self._logs, turn_id, clock=self._clock)
        if turn.log.closed:
            return turn
        asked_meanwhile = self._turns.get(turn_id)
        if asked_meanwhile is None or asked_meanwhile.log.closed:
            self._turns[turn_id] = turn
        return self._turns[turn_id]

    def tick(self) -> None:
        """Looks again at all of them."""
        for turn in self:
            if turn.log.closed or turn.is_forsaken:
                turn.forsake()
                self._turns.pop(turn.id, None)
        mirrored = [turn for turn in self if turn.is_mirrored]
        looks = self._looks([turn.id for turn in mirrored])
        for turn in mirrored:
            turn.watch(looks.get(turn.id))
        for turn in self:
            if not turn.is_mirrored and not turn.log.closed:
                turn.grow()

    def _looks(self, turn_ids: list[str]) -> dict[str, Look]:
        if not turn_ids:
            return {}
        with self._database.read() as connection:
            rows = connection.execute(_LOOK, {"turns": turn_ids}).all()
        return {row[0]: Look(row[1], row[2] == "ended", row[3]) for row in rows}
