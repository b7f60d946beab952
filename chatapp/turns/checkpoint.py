"""Checkpoints: once a second the text of all running replies is saved, some in each transaction."""

from __future__ import annotations

import gevent

from chatapp.errors import Unavailable
from chatapp.turns.generation import RunningGeneration
from chatapp.turns.record import TextSoFar, TurnRecord
from chatapp.turns.running_turns import RunningTurns

PERIOD_S = 1.0
AT_ONCE = 64
"""Replies in one transaction. On SQLite no token moves meanwhile, so that it must be short."""


class Checkpoint:
    """Somebody calls `tick` every PERIOD_S seconds. No stream ever waits for it."""

    def __init__(self, turns: RunningTurns, record: TurnRecord) -> None:
        self._turns = turns
        self._record = record

    def tick(self) -> None:
        """Saves what has grown, then what could not be saved before. While the database is away nothing is lost:
        the next tick saves more."""
        running = self._turns.generations()
        try:
            for start in range(0, len(running), AT_ONCE):
                self._save(running[start : start + AT_ONCE])
                gevent.sleep(0)
            for turn in self._turns:
                if turn.unsaved and turn.log.closed:
                    turn.save_unsaved()
        except Unavailable:
            return  # said in the log where it happened; readers hear of it if it lasts until the end

    def _save(self, running: list[RunningGeneration]) -> None:
        grown = [each for each in running if each.ending is None and len(each.parts) > each.saved_parts]
        if not grown:
            return
        marks = [(each, len(each.parts)) for each in grown]
        texts = [
            TextSoFar(each.message_id, each.saved_length, "".join(each.parts[each.saved_parts : mark]))
            for each, mark in marks
        ]
        if not self._record.add(texts):
            for each, mark in marks:
                self._record.replace(each.message_id, "".join(each.parts[:mark]))
            self._give_up(self._record.ended([each.id for each in grown]))
        for (each, mark), text in zip(marks, texts, strict=True):
            each.saved_parts = mark
            each.saved_length += len(text.text)

    def _give_up(self, ended: set[str]) -> None:
        """Turns that another process has ended: this one was taken for dead, and its text is saved no more."""
        for turn in self._turns.running():
            if any(each.id in ended and each.ending is None for each in turn.generations):
                turn.lose()
