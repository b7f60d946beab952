"""Recovery: turns whose process is gone get an end, with the text that was saved."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import ColumnElement, bindparam, select, update

from chatapp.store.base import now
from chatapp.store.conversation import Generation, Turn
from chatapp.store.database import Database
from chatapp.streaming.position import another_epoch
from chatapp.telemetry.log import warn
from chatapp.turns.owner import ProcessOwner
from chatapp.upstream.failures import INTERRUPTED

FORGOTTEN = timedelta(seconds=30)
"""The age at which a turn that nobody answers was not just committed: no commit takes that long."""
_ROOM = 100
"""The number that `done` gets in the new log of a recovered turn: room for every event that is replayed."""

_OLD = select(Turn.id).where(
    Turn.owner_id == bindparam("mine"), Turn.status == "running", Turn.created_at < bindparam("before")
)


class Recovery:
    """Done before a process answers its first request, and every few seconds from then on."""

    def __init__(self, database: Database, owner: ProcessOwner) -> None:
        self._database = database
        self._owner = owner

    def run(self) -> int:
        """Marks the running turns of dead owners as interrupted; how many there were."""
        with self._database.read() as connection:
            owners = list(
                connection.scalars(select(Turn.owner_id).where(Turn.status == "running").distinct())
            )
        return sum(self._end_turns_of(owner_id) for owner_id in owners if self._owner.is_dead(owner_id))

    def end_forgotten(self, is_answered: Callable[[str], bool]) -> None:
        """Ends our own turns that `is_answered` does not know. Their commit went through and the answer to it was
        lost: whoever sent the message was told to try again, and the conversation would never be free for that."""
        with self._database.read() as connection:
            mine = {"mine": self._owner.id, "before": now() - FORGOTTEN}
            forgotten = [each for each in connection.scalars(_OLD, mine) if not is_answered(each)]
        if forgotten:
            self._end_turns(Turn.id.in_(forgotten), self._owner.id)

    def _end_turns_of(self, owner_id: str) -> int:
        ended = self._end_turns(Turn.owner_id == owner_id, owner_id)
        self._owner.forget(owner_id)
        return ended

    def _end_turns(self, wanted: ColumnElement[bool], owner_id: str) -> int:
        with self._database.write() as connection:
            running = select(Turn.id, Turn.log_id).where(wanted, Turn.status == "running")
            turns = connection.execute(running.with_for_update()).all()
            cut_off = {
                "status": "interrupted",
                "finish_reason": "error",
                "error_code": INTERRUPTED.code,
                "error_message": INTERRUPTED.sentence,
                "ended_at": now(),
            }
            streaming = Generation.turn_id.in_([turn.id for turn in turns]) & (
                Generation.status == "streaming"
            )
            connection.execute(update(Generation).where(streaming).values(cut_off))
            for turn in turns:
                # The numbers of the log that is lost are unknown; another epoch makes its positions invalid.
                log_id = another_epoch(turn.log_id)
                ended = {"status": "ended", "ended_at": now(), "log_id": log_id, "last_seq": _ROOM}
                connection.execute(update(Turn).where(Turn.id == turn.id).values(ended))
        if turns:
            warn("Turns interrupted", owner_id=owner_id, turns=len(turns))
        return len(turns)
