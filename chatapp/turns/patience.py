"""Patience: how long a generation may keep silent, and a turn go on unheard. One ticker, no timer per reply."""

from __future__ import annotations

import time

from chatapp.streaming.subscriber import Clock
from chatapp.turns.ending import STOPPED, Ending, failed
from chatapp.turns.generation import RunningGeneration
from chatapp.turns.running_turn import RunningTurn
from chatapp.turns.running_turns import RunningTurns
from chatapp.upstream.failures import OPENAI_TIMEOUT

_AFTER_FINISH_S = 2.0
"""Seconds to wait, after the finish reason, for usage and the end of an answer that is whole already."""


class Patience:
    """Somebody calls `tick` every `period_s` seconds. All limits are in seconds."""

    def __init__(
        self,
        turns: RunningTurns,
        *,
        first_token_s: float,
        silence_s: float,
        abandon_s: float,
        clock: Clock = time.monotonic,
    ) -> None:
        self._turns = turns
        self._first_token_s = first_token_s
        self._silence_s = silence_s
        self._abandon_s = abandon_s
        self._clock = clock
        self.period_s = min(0.5, first_token_s / 10, silence_s / 10, abandon_s / 10)
        """Every turn is looked at each time, so that patience may be a tenth longer than it was asked to be."""

    def tick(self) -> None:
        now = self._clock()
        for turn in self._turns.running():
            self._watch_listeners(turn, now)
            for generation in turn.generations:
                ending = self._impatient(generation, now) if generation.reading else None
                if ending is not None:
                    generation.stop(ending)

    def _watch_listeners(self, turn: RunningTurn, now: float) -> None:
        if turn.log.is_heard:
            turn.alone_since = None
        elif turn.alone_since is None:
            turn.alone_since = now
        elif now - turn.alone_since > self._abandon_s:
            turn.stop(STOPPED)

    def _impatient(self, generation: RunningGeneration, now: float) -> Ending | None:
        """The ending of a generation that has kept silent for too long."""
        if generation.started_at is None:
            return None  # it waits for its place: that is no silence of upstream's
        silent_s = now - generation.heard_at
        if generation.is_whole:
            return generation.whole_as_it_stands() if silent_s > _AFTER_FINISH_S else None
        if not generation.parts and now - generation.started_at > self._first_token_s:
            return failed(OPENAI_TIMEOUT.failure(), some_text=False)
        if generation.parts and silent_s > self._silence_s:
            return failed(OPENAI_TIMEOUT.failure(), some_text=True)
        return None
