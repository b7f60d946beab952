"""Recovery: turns whose process is gone get an end, with the text that was saved."""

from __future__ import annotations

from sqlalchemy import select, update

from chatapp.store.base import now
from chatapp.store.conversation import Generation, Turn
from chatapp.store.database import Database
from chatapp.streaming.position import another_epoch
from chatapp.telemetry.log import warn
from chatapp.turns.owner import ProcessOwner
from chatapp.upstream.failures import INTERRUPTED

_ROOM = 100
"""The number that `done` gets in the new log of a recovered turn: room for every event that is replayed."""


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

    def _end_turns_of(self, owner_id: str) -> int:
        theirs = (Turn.owner_id == owner_id) & (Turn.status == "running")
        with self._database.write() as connection:
            turns = connection.execute(select(Turn.id, Turn.log_id).where(theirs).with_for_update()).all()
            cut_off = {
                "status": "interrupted",
                "finish_reason": "error",
                "error_code": INTERRUPTED.code,
                "error_message": INTERRUPTED.sentence,
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
        self._owner.forget(owner_id)
        if turns:
            warn("Turns interrupted", owner_id=owner_id, turns=len(turns))
        return len(turns)
