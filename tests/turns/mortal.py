"""A process inside the test that dies as if by `kill -9`.

A greenlet cannot be ended without its `except` and `finally` blocks being run. So that they change nothing, the way
to the database is taken away first; then everything that the process ever spawned is ended in one turn of the event
loop; then what the kernel takes back is taken back: the lock and the sockets. What had left the process stays, as it
would: rows that were committed, entries that Redis was sent, bytes that readers were sent.

This is kinder than the real thing in one respect: it dies between two steps of its event loop, never in the middle
of one. Within a step nothing can be half done that others see but a transaction, and that goes with its process, as
tests/test_crashes.py shows with real ones.
"""

from __future__ import annotations

import gc
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import gevent

from tests.turns.house import House

T = TypeVar("T")

_PATIENCE_S = 20
_MEMBERS = "tests.turns.mortal"
_names = count()


def _remember(greenlet: gevent.Greenlet[..., Any]) -> None:
    """Notes a greenlet that is started with the process whose greenlet made it."""
    members = (greenlet.spawn_tree_locals or {}).get(_MEMBERS)
    if members is not None:
        members.append(greenlet)


gevent.Greenlet.add_spawn_callback(_remember)


class MortalHouse:
    """A House with a way of its own to the database file. Everything that it is to do goes through `run`."""

    def __init__(self, database: Path, data: Path, base_url: str, redis_url: str) -> None:
        self._members: list[gevent.Greenlet[..., Any]] = []
        self._way = database.with_name(f"way-{next(_names)}.sqlite3")
        self._way.symlink_to(database)
        locks = set(_open_locks(data))
        self.house: House = self.run(
            lambda: House(f"sqlite:///{self._way}", data, base_url, REDIS_URL=redis_url)
        ).get(timeout=_PATIENCE_S)
        (self._lock,) = set(_open_locks(data)) - locks

    def run(self, work: Callable[[], T]) -> gevent.Greenlet[[], T]:
        """Does `work` as part of this process, and as long as it lives."""
        greenlet = gevent.Greenlet(work)
        greenlet.spawn_tree_locals = {_MEMBERS: self._members}
        greenlet.start()
        return greenlet

    def crash(self) -> None:
        self._way.unlink()
        self._way.mkdir()  # or SQLite would make a new file
        self.house.database.close()
        with _unclosed_sockets():
            gevent.killall(self._members, timeout=_PATIENCE_S)
            os.close(self._lock)
            self.house.answering.upstream.close()
            self._members.clear()
            gc.collect()

    def close(self) -> None:
        """Ends it in good order."""
        self.house.close()
        gevent.killall(self._members, timeout=_PATIENCE_S)
        self._members.clear()


@contextmanager
def _unclosed_sockets() -> Iterator[None]:
    """Whoever is killed while it connects leaves a socket that only its end closes, which Python complains of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield


def clean_up() -> None:
    """What dead processes still hold in this one. Each living one has told the collector to leave alone what it
    found, and with that what was left of those before it."""
    with _unclosed_sockets():
        gc.unfreeze()
        gc.collect()


def _open_locks(data: Path) -> list[int]:
    """Descriptors of this process on owners' locks in a data folder."""
    found = []
    for each in Path("/proc/self/fd").iterdir():
        try:
            target = each.readlink()
        except FileNotFoundError:
            continue  # the descriptor of this very listing
        if target.parent == data / "owners":
            found.append(int(each.name))
    return found
