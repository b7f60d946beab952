"""The subscriber: one connection that follows one log, from a position to the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import ClassVar

from chatapp.streaming.dialect import Dialect
from chatapp.streaming.event import Event
from chatapp.streaming.event_log import EventLog
from chatapp.streaming.position import Position
from chatapp.streaming.waiter import ThreadWaiter, Waiter

Clock = Callable[[], float]


class Subscriber:
    """Follows `log` in `dialect`. Fresh, late, second tab, reconnect and replay differ in `position` alone.

    `snapshot` tells how the turn stands; it is asked only when the reader's place is none that the log can go on
    from, so that loss is never silent. Holds a position and nothing that grows with the reply.
    """

    __slots__ = (
        "_beat_due",
        "_clock",
        "_dialect",
        "_encoding",
        "_gone",
        "_log",
        "_seq",
        "_snapshot",
        "_waiter",
        "_written_at",
        "wake",
    )

    listens: ClassVar[bool] = True

    def __init__(
        self,
        log: EventLog,
        dialect: Dialect,
        position: Position | None,
        snapshot: Callable[[], Event],
        *,
        waiter: Waiter | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self._log = log
        self._dialect = dialect
        self._snapshot = snapshot
        self._seq = _start(log, position)
        self._encoding = log.encoding(dialect, self._seq)
        self._waiter = waiter or ThreadWaiter()
        self.wake = self._waiter.wake
        """Called when the log has grown."""
        self._clock = clock
        self._written_at = clock()
        self._beat_due = False
        self._gone = False

    def frames(self) -> Generator[bytes, None, None]:
        """Bytes to write, as they come: the opening at once, then what has arrived joined, heartbeats in
        silence, and nothing after the end or after `hang_up`."""
        self._log.readers.add(self)
        try:
            yield self._opening()
            while not (self._gone or self._has_all()):
                if self._seq < self._log.end:
                    if frames := self._next():
                        yield frames
                elif self._log.successor is not None:
                    yield self._moved(self._log.successor)
                elif self._log.closed:
                    return
                elif self._beat_due:
                    yield self._heartbeat()
                else:
                    self._waiter.wait(self._arrived)
        finally:
            self._log.readers.discard(self)

    def _has_all(self) -> bool:
        """Whether the reader was told the end, which need not be the turn's. The waiter may have sent it."""
        return self._encoding.ended is not None and self._seq >= self._encoding.ended

    def _opening(self) -> bytes:
        """The first bytes. A reader whose place is lost gets the snapshot in the same write and no position
        before it: resuming from between the two would append to what the snapshot replaces."""
        if self._seq >= self._log.base:
            return self._dialect.opening(str(Position(self._log.id, self._seq)))
        return self._dialect.opening("") + self._replacement()

    def _next(self) -> bytes:
        """What has arrived; a snapshot for a reader so slow that its place has left the log. Empty when the dialect
        tells none of it: the connection is as silent as before then."""
        if self._seq < self._log.base:
            frames = self._replacement()
        else:
            frames, self._seq = self._encoding.after(self._seq)
        if frames:
            self._beat_due = False
            self._written_at = self._clock()
        return frames

    def _arrived(self) -> bytes | None:
        """What `frames` would give next, where it is nothing but what has arrived. None where there is something
        else to do: an end, a move, a heartbeat, a snapshot, frames that may have to be waited for."""
        log = self._log
        if log.closed or self._gone or self._beat_due or log.successor is not None or self._seq < log.base:
            return None
        if self._encoding.ended is not None or self._dialect.waits:
            return None
        return self._next() if self._seq < log.end else b""

    def _moved(self, successor: EventLog) -> bytes:
        """Goes on in another log of the turn, with a snapshot that replaces what the first one told."""
        self._log.readers.discard(self)
        self._log = successor
        successor.readers.add(self)
        return self._replacement()

    def _replacement(self) -> bytes:
        log, dialect = self._log, self._dialect
        self._seq = log.after_text(dialect)
        self._encoding = log.encoding(dialect, self._seq)
        return dialect.replacement(log.id.encode(), self._seq, self._snapshot())

    def _heartbeat(self) -> bytes:
        self._beat_due = False
        self._written_at = self._clock()
        return self._dialect.heartbeat(time.time_ns() // 1_000_000)

    def hang_up(self) -> None:
        """The connection has gone: `frames` ends without another write."""
        self._gone = True
        self._waiter.wake()

    def beat(self, now: float, silence_s: float) -> None:
        """Asks for a heartbeat when nothing was written for `silence_s` seconds; `now` is the clock's."""
        if now - self._written_at >= silence_s:
            self._beat_due = True
            self._waiter.wake()


_LOST = -1
"""Before every event that a log can hold."""


def _start(log: EventLog, position: Position | None) -> int:
    """The number to go on after. Without a position the reader wants all; what has left the log is lost to it."""
    if position is None:
        return log.base if log.base == log.begins_at else _LOST
    if not log.holds(position):
        return _LOST
    # A log that replays begins with all text, which some dialects tell as text to append: a reader has some of it.
    return _LOST if position.seq == log.begins_at > 0 else position.seq
