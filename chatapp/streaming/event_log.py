"""The event log: one turn's events in order, in this process's memory."""

from __future__ import annotations

from typing import Protocol, TypeGuard

from chatapp.streaming.dialect import Dialect
from chatapp.streaming.event import Event
from chatapp.streaming.position import Position, new_log_id

WRITE_LIMIT = 64 * 1024
"""Bytes after which frames that wait for one reader are no longer joined into one write."""


class Reader(Protocol):
    """Somebody to wake when a log has grown."""

    def wake(self) -> None: ...


class EventLog:
    """Append-only, closed by `done`. It knows its readers only as somebody to wake.

    Events are numbered from `base` + 1.
    """

    def __init__(self, log_id: str | None = None, *, base: int = 0) -> None:
        self.id = log_id or new_log_id()
        self.base = base
        self.end = base
        self.closed = False
        self.readers: set[Reader] = set()
        self._events: list[Event] = []
        self._encodings: dict[str, Encoding] = {}

    def append(self, event: Event) -> None:
        """Adds an event and wakes the readers. A closed log takes nothing more: that is a bug, and raises."""
        if self.closed:
            raise RuntimeError(f"{event.name} after done")
        self._events.append(event)
        self.end += 1
        self.closed = event.name == "done"
        for reader in self.readers:
            reader.wake()

    def holds(self, position: Position | None) -> TypeGuard[Position]:
        """Whether this log can go on from `position`."""
        return position is not None and position.log_id == self.id and self.base <= position.seq <= self.end

    def finished_at(self, position: Position | None) -> bool:
        """Whether a reader at `position` has everything, to the very end."""
        return (
            self.closed and position is not None and position.log_id == self.id and position.seq >= self.end
        )

    def after_text(self) -> int:
        """The number of the last event that holds text: what follows it is not in a snapshot."""
        seq = self.end
        while seq > self.base and self._events[seq - self.base - 1].name not in ("token", "snapshot"):
            seq -= 1
        return seq

    def encoding(self, dialect: Dialect) -> Encoding:
        """This log's frames in `dialect`: one for all readers, or a reader's own where the dialect remembers."""
        if not dialect.shared:
            return Encoding(self, dialect)
        return self._encodings.setdefault(dialect.name, Encoding(self, dialect))

    def events_after(self, seq: int) -> list[Event]:
        """The events after number `seq`."""
        return self._events[seq - self.base :]


class Encoding:
    """The frames of one log in one dialect, encoded when somebody first asks for them."""

    __slots__ = ("_dialect", "_frames", "_log", "_name")

    def __init__(self, log: EventLog, dialect: Dialect) -> None:
        self._log = log
        self._dialect = dialect
        self._name = log.id.encode()
        self._frames: list[bytes] = []

    def after(self, seq: int) -> tuple[bytes, int]:
        """The frames after event `seq`, joined up to WRITE_LIMIT, and the number of the last one in them."""
        frames, base = self._frames, self._log.base
        for number, event in enumerate(self._log.events_after(base + len(frames)), base + len(frames) + 1):
            frames.append(self._dialect.frame(self._name, number, event))
        first = seq - base
        if first + 1 == len(frames):
            return frames[first], seq + 1
        joined: list[bytes] = []
        size = 0
        while first + len(joined) < len(frames) and size < WRITE_LIMIT:
            frame = frames[first + len(joined)]
            joined.append(frame)
            size += len(frame)
        return b"".join(joined), seq + len(joined)
