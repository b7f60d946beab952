"""Requests to stop that came through another process: rows, looked at often, and at once when nudged."""

from __future__ import annotations

from gevent.event import Event

from chatapp.turns.ending import STOPPED
from chatapp.turns.record import TurnRecord
from chatapp.turns.running_turns import RunningTurns

PERIOD_S = 0.4
"""Upstream is let go within a second of the request, also where processes share no more than the database."""


class StopRequests:
    """Somebody calls `wait_and_hear` again and again."""

    def __init__(self, turns: RunningTurns, record: TurnRecord) -> None:
        self._turns = turns
        self._record = record
        self._nudged = Event()

    def nudge(self) -> None:
        """Another process says that there may be a request."""
        self._nudged.set()

    def wait_and_hear(self) -> None:
        """Waits for a nudge, or PERIOD_S seconds, then stops what was asked to stop."""
        self._nudged.wait(PERIOD_S)
        self._nudged.clear()
        if self._turns.running():
            for turn_id, generation_id in self._record.asked_to_stop():
                turn = self._turns.find(turn_id)
                if turn is not None:
                    turn.stop(STOPPED, generation_id)
