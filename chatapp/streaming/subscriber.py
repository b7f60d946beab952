"""The subscriber: one connection that follows one log, from a position to the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator

from chatapp.streaming.dialect import Dialect
from chatapp.streaming.event import Event
from chatapp.streaming.event_log import EventLog
from chatapp.streaming.position import Position
from chatapp.streaming.waiter import ThreadWaiter, Waiter

Clock = Callable[[], float]


class Subscriber:
    """Follows `log` in `dialect`. Fresh, late, second tab, reconnect and replay differ in `position` alone.

    `snapshot` tells how the turn stands; it is asked only when `position` is none that the log can go on
    from, so that loss is never silent. Holds a position and nothing that grows with the reply.
    """

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
        self._lost = position is not None and not log.holds(position)
        self._seq = position.seq if log.holds(position) else log.base
        self._waiter = waiter or ThreadWaiter()
        self._clock = clock
        self._written_at = clock()
        self._beat_due = False
        self._gone = False

    def frames(self) -> Generator[bytes, None, None]:
        """Bytes to write, as they come: the opening at once, then what has arrived joined, heartbeats in
        silence, and nothing after `done` or after `hang_up`."""
        log, dialect = self._log, self._dialect
        after = log.encoding(dialect).after
        log.readers.add(self)
        try:
            yield self._opening()
            while not self._gone:
                if self._seq < log.end:
                    frames, self._seq = after(self._seq)
                    self._written_at, self._beat_due = self._clock(), False
                    if frames:
                        yield frames
                elif log.closed:
                    return
                elif self._beat_due:
                    self._beat_due = False
                    self._written_at = self._clock()
                    yield dialect.heartbeat(time.time_ns() // 1_000_000)
                else:
                    self._waiter.wait()
        finally:
            log.readers.discard(self)

    def _opening(self) -> bytes:
        """The first bytes. A reader whose place is lost gets the snapshot in the same write and no position
        before it: resuming from between the two would append to what the snapshot replaces."""
        log, dialect = self._log, self._dialect
        if not self._lost:
            return dialect.opening(str(Position(log.id, self._seq)))
        self._seq = log.after_text()
        return dialect.opening("") + dialect.replacement(log.id.encode(), self._seq, self._snapshot())

    def wake(self) -> None:
        """The log has grown."""
        self._waiter.wake()

    def hang_up(self) -> None:
        """The connection has gone: `frames` ends without another write."""
        self._gone = True
        self._waiter.wake()

    def beat(self, now: float, silence_s: float) -> None:
        """Asks for a heartbeat when nothing was written for `silence_s` seconds; `now` is the clock's."""
        if now - self._written_at >= silence_s:
            self._beat_due = True
            self._waiter.wake()
