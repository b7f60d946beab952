"""Turns: start one, follow one, stop one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol
from weakref import WeakValueDictionary

from gevent.lock import BoundedSemaphore
from sqlalchemy import ColumnElement, Executable, bindparam, select, update

from chatapp.errors import NotFound, Unavailable
from chatapp.store.base import now
from chatapp.store.conversation import Generation, Turn
from chatapp.store.database import Database
from chatapp.streaming.event import Event
from chatapp.streaming.event_data import Standing
from chatapp.streaming.event_log import EventLog
from chatapp.streaming.position import Position
from chatapp.streaming.shared_logs import SharedLogs
from chatapp.telemetry.log import log
from chatapp.turns.ending import STOPPED
from chatapp.turns.followed_voice import BY_ID, BY_NAME, FollowedVoice
from chatapp.turns.generation import RunningGeneration
from chatapp.turns.new_turn import CommittedTurn, NewGeneration, NewTurn
from chatapp.turns.record import TurnRecord
from chatapp.turns.running_turn import RunningTurn
from chatapp.turns.running_turns import RunningTurns
from chatapp.turns.start import TurnStart
from chatapp.turns.turns_elsewhere import TurnsElsewhere
from chatapp.upstream.admission import Admission
from chatapp.upstream.client import Upstream
from chatapp.upstream.prices import Prices
from chatapp.upstream.request import UpstreamRequest

_REPEAT_WAIT_S = 5.0
"""Seconds for which a repeated message waits for the one before it."""
_OWNED = select(Turn.id).where(Turn.id == bindparam("turn_id"), Turn.user_id == bindparam("user_id"))


class FollowedTurn(Protocol):
    """What connections need of a turn, whoever answers it. `join` and `leave` are told by connections that the turn
    may be tied to, `start` when the first bytes are out; only a turn that this process answers heeds them. `catch_up`
    is told where a reader stands before it follows; only a turn that another process answers may have to wait. `bound`
    says whether the turn ends with its connections, and is None where only another process knows."""

    @property
    def id(self) -> str: ...

    @property
    def log(self) -> EventLog: ...

    @property
    def bound(self) -> bool | None: ...

    def has_started(self, generation_id: str) -> bool: ...

    def start(self) -> None: ...

    def join(self) -> None: ...

    def leave(self) -> None: ...

    def catch_up(self, position: Position) -> None: ...

    def snapshot(self) -> Event: ...

    def standings(self) -> list[Standing]: ...


class Turns:
    """The turns of this process, and the way to those of others."""

    def __init__(
        self,
        database: Database,
        start: TurnStart,
        record: TurnRecord,
        running: RunningTurns,
        upstream: Upstream,
        admission: Admission,
        prices: Prices,
        elsewhere: TurnsElsewhere,
        logs: SharedLogs,
    ) -> None:
        self._database = database
        self._start = start
        self._record = record
        self._running = running
        self._upstream = upstream
        self._admission = admission
        self._prices = prices
        self._elsewhere = elsewhere
        self._logs = logs
        self._committing: WeakValueDictionary[tuple[str, str], BoundedSemaphore] = WeakValueDictionary()
        self.draining = False

    def begin(self, new: NewTurn) -> tuple[CommittedTurn, FollowedTurn]:
        """Commits the message; its turn, which runs from `start` on. A repeated message gives the turn that it
        started first. Raises what TurnStart.commit raises, and Unavailable while the server drains."""
        log(
            "Chat request received",
            request_id=new.request_id,
            user_id=new.user_id,
            characters=len(new.message),
        )
        if self.draining:
            raise Unavailable("The server is restarting. Please try again in a moment.", code="DRAINING")
        with self._one_after_the_other(new):
            committed = self._start.commit(new)
            if committed.is_repeated:
                return committed, self._known(committed.id)
            turn = self._made_known(new, committed)
        self._logs.share(turn.log)
        return committed, turn

    @contextmanager
    def _one_after_the_other(self, new: NewTurn) -> Iterator[None]:
        """Who repeats a message in this very moment, when it is committed and its turn not known here yet, would
        follow it as one of another process. Nobody waits for long: nothing wrong comes of that."""
        if new.client_message_id is None:
            yield
            return
        key = new.user_id, new.client_message_id
        turn_of_one = self._committing.get(key) or BoundedSemaphore(1)
        self._committing[key] = turn_of_one
        is_ours = turn_of_one.acquire(timeout=_REPEAT_WAIT_S)
        try:
            yield
        finally:
            if is_ours:
                turn_of_one.release()

    def _made_known(self, new: NewTurn, committed: CommittedTurn) -> RunningTurn:
        turn = RunningTurn(
            committed.id,
            committed.session_id,
            new.user_id,
            new.request_id,
            EventLog(committed.log_id),
            [self._generation(new, committed, each) for each in committed.generations],
            self._record,
            self._prices,
            bound=new.bound,
        )
        self._running.add(turn)
        return turn

    def follow(self, user_id: str, turn_id: str) -> FollowedTurn:
        """A turn of this user, to be followed from any position. Raises NotFound."""
        self._owned(user_id, turn_id)
        return self._known(turn_id)

    def follow_generation(self, user_id: str, generation_id: str) -> FollowedVoice:
        """One generation of this user's, to be followed alone. Raises NotFound."""
        return self._voice(BY_ID, user_id=user_id, generation_id=generation_id)

    def follow_voice(self, user_id: str, session_id: str, voice: str) -> FollowedVoice:
        """That voice of the newest turn of this user's conversation. Raises NotFound, also where there is no turn or
        the voice was not asked."""
        return self._voice(BY_NAME, user_id=user_id, session_id=session_id, voice=voice)

    def stop(self, user_id: str, turn_id: str) -> None:
        """Asks a turn of this user to stop; one that has ended stays as it is. Raises NotFound."""
        self._stop(user_id, Turn.id == turn_id, None)

    def stop_generation(self, user_id: str, generation_id: str) -> None:
        """Asks one generation of this user's to stop, and no other of its turn. Raises NotFound."""
        self._stop(user_id, Generation.id == generation_id, generation_id)

    def _stop(self, user_id: str, which: ColumnElement[bool], generation_id: str | None) -> None:
        owned = select(Turn.id, Turn.owner_id).join(Generation, Generation.turn_id == Turn.id)
        with self._database.read() as connection:
            found = connection.execute(owned.where(which, Turn.user_id == user_id).limit(1)).one_or_none()
        if found is None:
            raise NotFound
        turn = self._running.find(found.id)
        if turn is not None:
            turn.stop(STOPPED, generation_id)
            return
        running = update(Turn).where(Turn.id == found.id, Turn.status == "running")
        if generation_id is not None:
            running = update(Generation).where(
                Generation.id == generation_id, Generation.status == "streaming"
            )
        with self._database.write() as connection:
            connection.execute(running.values(stop_asked_at=now()))
        self._logs.nudge(found.owner_id)

    def _generation(self, new: NewTurn, committed: CommittedTurn, due: NewGeneration) -> RunningGeneration:
        return RunningGeneration(
            due.id,
            due.message_id,
            due.voice.key,
            UpstreamRequest(due.model, due.prompt, new.request_id, new.scenario, due.voice.parameters),
            self._upstream,
            self._admission.place(new.user_id, committed.id),
            alone=len(committed.generations) == 1,
        )

    def _voice(self, query: Executable, **wanted: str) -> FollowedVoice:
        with self._database.read() as connection:
            row = connection.execute(query, wanted).one_or_none()
        if row is None:
            raise NotFound
        turn, has_ended = self._known(row.turn_id), row.status != "streaming"
        return FollowedVoice(turn, row.generation_id, row.voice, row.voices == 1, has_ended)

    def _owned(self, user_id: str, turn_id: str) -> None:
        with self._database.read() as connection:
            if not connection.scalar(_OWNED, {"turn_id": turn_id, "user_id": user_id}):
                raise NotFound

    def _known(self, turn_id: str) -> FollowedTurn:
        return self._running.find(turn_id) or self._elsewhere.find(turn_id)
