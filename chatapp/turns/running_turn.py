"""A running turn: its log, its generations, and how it ends."""

from __future__ import annotations

import time
from collections.abc import Sequence

import gevent
from sqlalchemy.exc import SQLAlchemyError

from chatapp.errors import ChatappError, Unavailable
from chatapp.streaming.event import Event, done, failure, snapshot, usage, voice_done
from chatapp.streaming.event_data import Standing
from chatapp.streaming.event_log import EventLog
from chatapp.streaming.position import Position
from chatapp.telemetry.log import log as log_line
from chatapp.telemetry.log import logger, warn
from chatapp.turns.ending import HUNG_UP, STOPPED, Ending, finish_reason_of, interrupted
from chatapp.turns.generation import RunningGeneration
from chatapp.turns.record import GenerationEnd, TurnEnd, TurnLost, TurnRecord
from chatapp.turns.turn_state import TurnState, replay
from chatapp.upstream.failures import INTERRUPTED, NOT_SAVED
from chatapp.upstream.prices import Prices

_SAVE_PAUSES_S = (0.1, 0.3, 1.0, 3.0)
"""Seconds before each new try to save an ending; then readers are told that it was not saved."""


class RunningTurn:
    """One turn that this process answers. Readers follow `log`; they are known only by number."""

    def __init__(
        self,
        turn_id: str,
        session_id: str,
        user_id: str,
        request_id: str,
        log: EventLog,
        generations: Sequence[RunningGeneration],
        record: TurnRecord,
        prices: Prices,
        *,
        bound: bool,
    ) -> None:
        self.id = turn_id
        self.session_id = session_id
        self.log = log
        self.generations = tuple(generations)
        self.bound = bound
        self.ended_at: float | None = None
        self.alone_since: float | None = None
        self.unsaved: list[GenerationEnd | None] = []
        """Ends that could not be committed; None stands for the turn's own."""
        self.lost = False
        self._user_id = user_id
        self._request_id = request_id
        self._record = record
        self._prices = prices
        self._open = len(self.generations)
        self._bound_readers = 0
        self._started = False
        self._saved_state: TurnState | None = None

    def has_started(self, generation_id: str) -> bool:
        """Whether the generation of that id runs, or has run: one that waits for its place does not."""
        return self._started and not any(
            each.is_queued for each in self.generations if each.id == generation_id
        )

    def start(self) -> None:
        """Lets the generations run; a second call does nothing."""
        if not self._started:
            self._started = True
            for generation in self.generations:
                generation.start(self.log.append, self._generation_ended)

    def stop(self, ending: Ending, generation_id: str | None = None) -> None:
        """Asks every generation, or the one of that id, to end so. Safe at any time, and twice."""
        for generation in self.generations:
            if generation_id in (None, generation.id):
                generation.stop(ending)
        self.start()

    def catch_up(self, position: Position) -> None:
        """Nothing: no reader is ahead of who answers."""

    def join(self) -> None:
        """A connection has opened that this turn may be tied to."""
        self._bound_readers += 1

    def leave(self) -> None:
        """Such a connection has gone; when it was the last, upstream is cancelled."""
        self._bound_readers -= 1
        if self.bound and self._bound_readers == 0 and not self.log.closed:
            self.stop(HUNG_UP)

    def snapshot(self) -> Event:
        """How every generation stands now."""
        return snapshot(self.standings())

    def standings(self) -> list[Standing]:
        if self._saved_state is not None:
            return self._saved_state.standings()
        return [generation.standing() for generation in self.generations]

    def _generation_ended(self, generation: RunningGeneration) -> None:
        ending = generation.ending
        assert ending is not None
        if not self.lost:
            self._say_how_it_ended(generation, ending)
            ending = self._saved(generation, ending)
        generation.ending = ending
        self._open -= 1
        if not self.lost:
            if len(self.generations) > 1:
                self.log.append(generation.tagged(voice_done(ending.finish_reason)))
            if self._open == 0:
                self._finish()
        self._log_end(generation, ending)

    def _say_how_it_ended(self, generation: RunningGeneration, ending: Ending) -> None:
        if generation.parts:
            self._say_usage(generation)
        if ending.failure is not None:
            self._say_failure(generation, ending)

    def _say_usage(self, generation: RunningGeneration) -> None:
        used, model = generation.usage, generation.request.model
        cost = self._prices.cost(model, used)
        self.log.append(generation.tagged(usage(used.tokens_in, used.tokens_out, cost, model)))

    def _say_failure(self, generation: RunningGeneration, ending: Ending) -> None:
        assert ending.failure is not None
        code, message = ending.failure.error_code, ending.failure.message
        told = failure(code, message, retryable=ending.failure.retryable, request_id=self._request_id)
        self.log.append(generation.tagged(told))

    def _saved(self, generation: RunningGeneration, ending: Ending) -> Ending:
        """Commits the ending, with the turn's when this is its only generation: one transaction then. The
        ending as it came to be: somebody else's when this process was given up for dead."""
        turn = self._turn_end(1) if len(self.generations) == 1 else None
        try:
            self._commit(self._generation_end(generation, ending), turn)
        except TurnLost:
            ending = interrupted(INTERRUPTED.failure())
            self.lose()
        except (Unavailable, SQLAlchemyError) as error:
            _note_unsaved(error)
            self.unsaved.append(self._generation_end(generation, ending))
            ending = Ending(ending.status, "error", NOT_SAVED.failure())
            self._say_failure(generation, ending)
        return ending

    def _finish(self) -> None:
        """The end of the turn is committed, and the conversation free, before `done` is said."""
        endings = [each.ending for each in self.generations if each.ending]
        if len(self.generations) > 1 and not self.unsaved:  # or it ends when its last reply is saved
            self._commit_turn_end()
        if self.lost:
            return
        self.log.append(done(finish_reason_of((each.status, each.finish_reason) for each in endings)))
        self.ended_at = time.monotonic()

    def lose(self) -> None:
        """Another process has ended the turn: readers are told what it saved, and nothing of ours any more."""
        if self.lost:
            return
        warn("Turn ended by another process", turn_id=self.id, request_id=self._request_id)
        self.lost = True
        for generation in self.generations:
            generation.stop(STOPPED)
        try:
            state = self._record.state(self.id)
        except (ChatappError, SQLAlchemyError) as error:
            _note_unsaved(error)
            self._say_failure(self.generations[0], interrupted(INTERRUPTED.failure()))
            self.log.append(done("error"))
        else:
            self._saved_state = state
            before, self.log = self.log, replay(state)
            before.replace_by(self.log)
        self.ended_at = time.monotonic()

    def _commit_turn_end(self) -> None:
        try:
            self._commit(None, self._turn_end(1))
        except TurnLost:
            self.lose()
        except (Unavailable, SQLAlchemyError) as error:
            _note_unsaved(error)
            self.unsaved.append(None)

    def save_unsaved(self) -> None:
        """Tries again to save the endings of a finished turn that could not be saved when it ended. Raises
        DatabaseUnavailable while that is still so; all of it is tried again then."""
        try:
            for end in filter(None, self.unsaved):
                self._record.end(end, None)
            self._record.end(None, self._turn_end(0))
        except TurnLost:
            warn("Turn ended by another process", turn_id=self.id, request_id=self._request_id)
        except SQLAlchemyError as error:
            _note_unsaved(error)
        self.unsaved.clear()

    def _commit(self, generation: GenerationEnd | None, turn: TurnEnd | None) -> None:
        """Saves an end, trying again while the database is away. Raises what TurnRecord.end raises."""
        for pause_s in _SAVE_PAUSES_S:
            try:
                return self._record.end(generation, turn)
            except Unavailable:
                gevent.sleep(pause_s)
        return self._record.end(generation, turn)

    def _turn_end(self, more: int) -> TurnEnd:
        return TurnEnd(self.id, self.session_id, self.log.id, self.log.end + more)

    def _generation_end(self, generation: RunningGeneration, ending: Ending) -> GenerationEnd:
        used, problem = generation.usage, ending.failure
        columns = {
            "status": ending.status,
            "finish_reason": ending.finish_reason,
            "error_code": problem and problem.error_code,
            "error_message": problem and problem.message[:500],
            "provider_retry_count": generation.retries,
            "tokens_in": used.tokens_in,
            "tokens_out": used.tokens_out,
            "cost_usd": self._prices.cost(generation.request.model, used),
            **_timings(generation),
        }
        return GenerationEnd(generation.id, generation.message_id, generation.text, columns)

    def _log_end(self, generation: RunningGeneration, ending: Ending) -> None:
        fields = {
            "request_id": self._request_id,
            "user_id": self._user_id,
            "generation_id": generation.id,
            "turn_id": self.id,
            "status": ending.status,
            "provider_retry_count": generation.retries,
            "waited_ms": _waited_ms(generation),
            **_timings(generation),
        }
        if ending.failure is not None:
            notes = getattr(ending.failure, "__notes__", [])
            warn("SSE stream error", **fields, code=ending.failure.error_code, detail=" ".join(notes))
        log_line("Chat completion finished", **fields)


def _note_unsaved(error: Exception) -> None:
    """What the database refused for a reason that nobody foresaw is told in full."""
    if not isinstance(error, Unavailable):
        logger.error("Ending not saved", exc_info=error)


def _waited_ms(generation: RunningGeneration) -> int | None:
    """Milliseconds for which it waited for its place, whether or not it got one."""
    asked_at = time.monotonic() if generation.started_at is None else generation.started_at
    return _ms(generation.began_at, asked_at)


def _timings(generation: RunningGeneration) -> dict[str, int | None]:
    """Milliseconds from the call of upstream to the first token and to now; None where that was not to be."""
    first = generation.first_token_at
    return {
        "ttft_ms": _ms(generation.started_at, first),
        "total_ms": _ms(generation.started_at, time.monotonic()),
    }


def _ms(start: float | None, end: float | None) -> int | None:
    return None if start is None or end is None else round((end - start) * 1000)
