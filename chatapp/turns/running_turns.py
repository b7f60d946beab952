"""The turns that this process knows by heart: those it answers, and for a while those it has answered."""

from __future__ import annotations

import time
from collections.abc import Iterator

from chatapp.turns.generation import RunningGeneration
from chatapp.turns.running_turn import RunningTurn

KEEP_S = 60
"""Seconds for which a finished turn's log stays, so that a reader who was cut off at the end resumes exactly."""


class RunningTurns:
    """By id. Nothing here is promised: what is, is in the database."""

    def __init__(self) -> None:
        self._turns: dict[str, RunningTurn] = {}

    def add(self, turn: RunningTurn) -> None:
        self._turns[turn.id] = turn

    def find(self, turn_id: str) -> RunningTurn | None:
        return self._turns.get(turn_id)

    def __iter__(self) -> Iterator[RunningTurn]:
        return iter(tuple(self._turns.values()))

    def running(self) -> list[RunningTurn]:
        return [turn for turn in self if not turn.log.closed]

    def unfinished(self) -> list[RunningTurn]:
        """Those whose end is still to be said, or to be saved."""
        return [turn for turn in self if turn.unsaved or not turn.log.closed]

    def generations(self) -> list[RunningGeneration]:
        """Every generation that has no ending yet."""
        return [each for turn in self.running() for each in turn.generations if each.ending is None]

    def forget_old(self) -> None:
        """Lets go of turns that ended KEEP_S seconds ago and are saved."""
        oldest = time.monotonic() - KEEP_S
        for turn in self:
            if turn.ended_at is not None and turn.ended_at < oldest and not turn.unsaved:
                del self._turns[turn.id]
