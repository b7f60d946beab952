"""A saved turn: one that this process does not answer, told from another's log, or from the database.

While it runs, the log of the process that answers it is mirrored where processes share logs. Where they do not, or
cannot at the moment, the turn is followed by its saved text: readers get that second-hand, a second late, and exactly
once. Going from the one to the other is told by a snapshot. A turn that has ended is told as a snapshot and its end.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from chatapp.errors import NotFound
from chatapp.store.base import now
from chatapp.store.database import Database
from chatapp.streaming.event import Event, done, snapshot, spoken_by, token
from chatapp.streaming.event_data import Standing
from chatapp.streaming.event_log import EventLog
from chatapp.streaming.mirror import Mirror
from chatapp.streaming.position import Position, another_epoch, turn_part
from chatapp.streaming.shared_logs import SharedLogs
from chatapp.streaming.subscriber import Clock
from chatapp.turns.turn_state import read_state, replay

_BEGIN_S = 30.0
"""Seconds that a reader, the first or one that comes back, may take from asking for a turn to the first look at its
log."""
_LACKING_LOOKS = 2
"""Looks in a row at which a mirror lacks what the look before saw; then what fills it is not to be waited for."""
_MIRROR_AGAIN_S = 5.0
_ON_ITS_WAY_S = 0.5
"""Seconds in which what was saved also comes through the log of who answers."""
_CATCH_UP_S = 1.0
_WORTH_MIRRORING = timedelta(minutes=5)
"""After this nobody keeps the log of a turn that has ended; clocks that differ a little are allowed for."""


@dataclass(frozen=True, slots=True)
class Look:
    """A short look at a turn's rows: `length` is how many characters its replies have."""

    log_id: str
    is_ended: bool
    length: int


class SavedTurn:
    """Followed like a running turn. `watch` or `grow` looks again at one that another process answers."""

    bound: bool | None = None

    def __init__(
        self, database: Database, logs: SharedLogs, turn_id: str, *, clock: Clock = time.monotonic
    ) -> None:
        self.id = turn_id
        self._database = database
        self._logs = logs
        self._clock = clock
        self._asked_at = self._mirrored_at = clock()
        self._lacking_looks = 0
        self._seen: Look | None = None
        self._state = read_state(database, turn_id)
        self._mirror = self._mirrored()
        self.log = self._mirror.log if self._mirror else self._saved_log()

    def asked_for(self) -> None:
        """Another reader is about to follow it, or one that comes back."""
        self._asked_at = self._clock()

    def has_started(self, generation_id: str) -> bool:
        """As far as anybody here can know."""
        return True

    def start(self) -> None:
        """Nothing: it runs elsewhere, or has ended."""

    def join(self) -> None:
        """Nothing: no connection here is tied to it."""

    def leave(self) -> None:
        """Nothing, as `join`."""

    def catch_up(self, position: Position) -> None:
        """Waits a moment for a mirror that has not come to where the reader was, with another process; looks at once
        at a turn of which the reader knows another log: it may have an end there that is not known here yet."""
        if position.log_id != self.log.id and turn_part(position.log_id) == turn_part(self.log.id):
            self._look_for_its_end()
        patience_ends = time.monotonic() + _CATCH_UP_S
        while self._has_not_reached(position) and time.monotonic() < patience_ends:
            time.sleep(0.01)

    def _look_for_its_end(self) -> None:
        if self.log.closed:
            return
        state = read_state(self._database, self.id)
        if state.is_ended and (self._mirror is None or self._mirror.log.id != state.log_id):
            self.forsake()
            self._mirror, self._state = None, state
            self._go_on_in(replay(state))

    def snapshot(self) -> Event:
        return snapshot(self.standings())

    def standings(self) -> list[Standing]:
        standings, mirror = self._state.standings(), self._mirror
        if mirror is not None:
            alone = len(standings) == 1
            for each in standings:
                each["text"] = mirror.text(each["voice"], alone=alone)
        return standings

    @property
    def is_mirrored(self) -> bool:
        return self._mirror is not None

    @property
    def is_forsaken(self) -> bool:
        """Whether nobody follows it, and whoever asked for it has had the time to begin."""
        return not self.log.is_heard and self._clock() - self._asked_at > _BEGIN_S

    def watch(self, look: Look | None) -> None:
        """Compares the mirror with what is saved; goes on by the saved text when it is not what it should be."""
        mirror = self._mirror
        if mirror is None or mirror.log.closed:
            return
        if look is None:
            mirror.log.append(done("cancelled"))  # its conversation was removed, and with it the turn
            return
        # What has just been saved may still be on its way; what was saved a second ago may not.
        seen, self._seen = self._seen, look
        lacking = seen is not None and (seen.is_ended or seen.length > mirror.length)
        self._lacking_looks = self._lacking_looks + 1 if lacking else 0
        if mirror.broken or look.log_id != mirror.log.id or self._lacking_looks >= _LACKING_LOOKS:
            self._state = read_state(self._database, self.id)
            self.forsake()
            self._mirror = None
            self._go_on_in(self._saved_log())

    def grow(self) -> None:
        """Appends what was saved since the last look; goes on in a mirror, or to the end, when that is there."""
        try:
            before, self._state = self._state, read_state(self._database, self.id)
        except NotFound:
            self.log.append(done("cancelled"))
            return
        if self._state.is_ended:
            # Told with the places that everybody knows: who has this end has everything, wherever he asks next.
            self._go_on_in(replay(self._state))
            return
        for old, new in zip(before.replies, self._state.replies, strict=True):
            if len(new.content) > len(old.content):
                told = token(new.content[len(old.content) :])
                self.log.append(told if len(self._state.replies) == 1 else spoken_by(new.voice, told))
            if old.status == "streaming":
                self._tell_ending(self.log, new)
        if self._clock() - self._mirrored_at > _MIRROR_AGAIN_S:
            self._mirrored_at = self._clock()
            self._mirror_again()

    def _tell_ending(self, log: EventLog, reply: Any) -> None:
        """Appends how a reply ended, if it has: its turn may go on with other voices."""
        if reply.status != "streaming":
            for event in self._state.ending_of(reply):
                log.append(event)

    def _has_not_reached(self, position: Position) -> bool:
        return position.log_id == self.log.id and position.seq > self.log.end and not self.log.closed

    def forsake(self) -> None:
        """Lets go of the mirror, which grows no more. What it holds is newer than what was read of the turn, so
        that a reader who is told how the turn stands is still told that."""
        if self._mirror is not None:
            self._logs.release(self._mirror)

    def _mirrored(self) -> Mirror | None:
        """The log of who answers, unless it lacks something that is saved and was not said just now."""
        ended_at = self._state.ended_at
        if ended_at is not None and now() - ended_at > _WORTH_MIRRORING:
            return None
        mirror = self._logs.mirror(self._state.log_id)
        patience_ends = time.monotonic() + _ON_ITS_WAY_S
        while mirror is not None and self._is_lacking(mirror):
            if (self._state.is_ended and not mirror.log.end) or time.monotonic() > patience_ends:
                if not mirror.log.is_heard:  # by readers who asked before us
                    self._logs.release(mirror)
                return None
            time.sleep(0.01)
        return mirror

    def _is_lacking(self, mirror: Mirror) -> bool:
        return mirror.length < self._state.length or (self._state.is_ended and not mirror.log.closed)

    def _mirror_again(self) -> None:
        mirror = self._logs.mirror(self._state.log_id)
        if mirror is None:
            return
        if mirror.length < self._state.length:
            self._logs.release(mirror)
            return
        self._mirror, self._lacking_looks, self._seen = mirror, 0, None
        self._go_on_in(mirror.log)

    def _saved_log(self) -> EventLog:
        """A log made of what is saved: of a running turn under a name of its own, because its numbers are not
        those of the process that answers."""
        if self._state.is_ended:
            return replay(self._state)
        log = EventLog(another_epoch(self._state.log_id))
        log.append(snapshot(self._state.standings()))
        for reply in self._state.replies:
            self._tell_ending(log, reply)
        return log

    def _go_on_in(self, log: EventLog) -> None:
        before, self.log = self.log, log
        before.replace_by(log)
