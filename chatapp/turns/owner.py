"""The owner: this process as the database knows it, and whether another owner still lives.

An owner holds a lock on a file in the data folder for as long as its process lives: the kernel lets go of it
whatever kills the process. Owners on another machine, whose files cannot be seen from here, are known by their
lease: a row that they renew.
"""

from __future__ import annotations

import fcntl
import os
import time
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import delete, insert, select, update

from chatapp.errors import Unavailable
from chatapp.store.base import now
from chatapp.store.conversation import Owner
from chatapp.store.database import Database
from chatapp.store.identifier import new_id
from chatapp.streaming.subscriber import Clock
from chatapp.telemetry.log import warn

RENEW_S = 2
LOOK_S = 1
LEASE_S = 8.0
"""A lease that has not been renewed for so long, as the one who looks has measured it, is over. With a look every
LOOK_S, the first of them up to that much after the last renewal, a dead owner is noticed within 10 s, and its readers
are told a second later: well within 15 s."""


class _Watched(NamedTuple):
    """A lease as we have watched it: the same `seen_at` from `since` to `looked_at`, by our own clock."""

    seen_at: datetime
    since: float
    looked_at: float


class DataUnavailable(Unavailable):
    """The data folder cannot be written to."""

    code = "DATA_UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__("The server cannot write its data right now. Nothing was saved; please try again.")


class ProcessOwner:
    """This process. `open` before the first turn, `renew` every RENEW_S seconds, `close` at the end. Somebody
    looks every LOOK_S seconds whether others are dead."""

    def __init__(self, database: Database, folder: Path, *, clock: Clock = time.monotonic) -> None:
        self.id = new_id()
        self._database = database
        self._folder = folder
        self._clock = clock
        self._lock: int | None = None
        self._seen: dict[str, _Watched] = {}

    def open(self) -> None:
        """Takes the lock and writes the lease. May be called again when it did not come to an end. Raises
        DataUnavailable and DatabaseUnavailable."""
        if self._lock is None:
            self._lock = self._take_lock()
        self.renew()

    def _take_lock(self) -> int:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(self._path(self.id), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            warn("Data folder unavailable", reason=str(error))
            raise DataUnavailable from error
        fcntl.flock(lock, fcntl.LOCK_EX)
        return lock

    def renew(self) -> None:
        """Says that this process lives, also to those who have taken it for dead."""
        with self._database.write() as connection:
            lease = update(Owner).where(Owner.id == self.id).values(seen_at=now())
            if not connection.execute(lease).rowcount:
                connection.execute(insert(Owner).values(id=self.id, seen_at=now()))

    def close(self) -> None:
        """Gives up the lease and the lock."""
        self.forget(self.id)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def is_dead(self, owner_id: str) -> bool:
        """Whether nobody will ever finish the turns of `owner_id`."""
        if owner_id == self.id:
            return False
        try:
            file = os.open(self._path(owner_id), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return self._is_lease_over(owner_id)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(file)
        return True

    def forget(self, owner_id: str) -> None:
        """Removes what is left of an owner that has ended."""
        with self._database.write() as connection:
            connection.execute(delete(Owner).where(Owner.id == owner_id))
        self._path(owner_id).unlink(missing_ok=True)
        self._seen.pop(owner_id, None)

    def _is_lease_over(self, owner_id: str) -> bool:
        """Measured by our own clock, from when we saw the lease change: the clocks of two machines differ."""
        seen_at = self._seen_at(owner_id)
        if seen_at is None:
            return True
        moment = self._clock()
        known = self._seen.get(owner_id)
        if known is None or known.seen_at != seen_at or moment - known.looked_at > LEASE_S / 2:
            # After a time in which nobody could look, nobody could renew either.
            known = _Watched(seen_at, since=moment, looked_at=moment)
        self._seen[owner_id] = known._replace(looked_at=moment)
        return moment - known.since > LEASE_S

    def _seen_at(self, owner_id: str) -> datetime | None:
        with self._database.read() as connection:
            return connection.scalar(select(Owner.seen_at).where(Owner.id == owner_id))

    def _path(self, owner_id: str) -> Path:
        return self._folder / f"{owner_id}.lock"
