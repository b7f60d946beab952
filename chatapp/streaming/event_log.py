"""The event log: one turn's events in order, in this process's memory."""

from __future__ import annotations

from typing import ClassVar, Protocol, TypeGuard

from chatapp.streaming.dialect import Dialect
from chatapp.streaming.encoding import Encoding
from chatapp.streaming.event import ENDS, Event
from chatapp.streaming.position import Position, new_log_id

KEPT = 32_768
"""Events that a log holds at most. When it is full the older half leaves, and readers who were still there get a
snapshot. A turn of eight voices at the default length does not come near."""


class Reader(Protocol):
    """Somebody to wake when a log has grown. `listens` tells connections from what merely passes events on."""

    listens: ClassVar[bool]

    def wake(self) -> None: ...


class EventLog:
    """Append-only, closed by `done`. It knows its readers only as somebody to wake.

    Events are numbered from `begins_at` + 1; those up to `base` have left it. A log that cannot go on is replaced:
    its readers move to `successor`, and are told how the turn stands there. `ended_as` is the position of `done` in a
    log that tells an ended turn anew under another name.
    """

    __slots__ = (
        "_encodings",
        "_ends",
        "_events",
        "_kept",
        "base",
        "begins_at",
        "closed",
        "end",
        "ended_as",
        "id",
        "readers",
        "successor",
    )

    def __init__(
        self, log_id: str | None = None, *, base: int = 0, kept: int = KEPT, ended_as: Position | None = None
    ) -> None:
        self.id = log_id or new_log_id()
        self.begins_at = base
        self.base = base
        self.end = base
        self.closed = False
        self.successor: EventLog | None = None
        self.readers: set[Reader] = set()
        self.ended_as = ended_as
        self._kept = kept
        self._events: list[Event] = []
        self._ends: list[int] = []
        self._encodings: dict[str, Encoding] = {}

    @property
    def is_heard(self) -> bool:
        """Whether a connection follows it."""
        return any(reader.listens for reader in self.readers)

    def append(self, event: Event) -> None:
        """Adds an event and wakes the readers. A closed log takes nothing more: that is a bug, and raises."""
        if self.closed:
            raise RuntimeError(f"{event.name} after done")
        self._events.append(event)
        self.end += 1
        if event.name in ENDS:
            self._ends.append(self.end)
            self.closed = event.name == "done"
        if self.end - self.base > self._kept:
            self._shorten()
        for reader in self.readers:
            reader.wake()

    def replace_by(self, successor: EventLog) -> None:
        """Sends the readers on to another log of the same turn."""
        self.successor = successor
        for reader in self.readers:
            reader.wake()

    def holds(self, position: Position | None) -> TypeGuard[Position]:
        """Whether this log can go on from `position`."""
        return position is not None and position.log_id == self.id and self.base <= position.seq <= self.end

    def finished_at(self, position: Position | None, dialect: Dialect) -> bool:
        """Whether a reader at `position` has everything that `dialect` tells, to the very end."""
        if position is None:
            return False
        if self.ended_as is not None and position.log_id == self.ended_as.log_id:
            return position.seq >= self.ended_as.seq
        ended_at = self.ended_at(dialect)
        return position.log_id == self.id and ended_at is not None and position.seq >= ended_at

    def ended_at(self, dialect: Dialect) -> int | None:
        """The number of the event that is the last for readers of `dialect`, if it has come."""
        held = (number for number in self._ends if number > self.base)
        return next((each for each in held if dialect.ends(self._events[each - self.base - 1])), None)

    def after_text(self, dialect: Dialect) -> int:
        """The number of the last event with text that `dialect` covers, before the end that it tells: what follows
        is not in a snapshot."""
        ended_at = self.ended_at(dialect)
        seq = self.end if ended_at is None else ended_at - 1
        while seq > self.base and not _has_text(self._events[seq - self.base - 1], dialect):
            seq -= 1
        return seq

    def encoding(self, dialect: Dialect, seq: int = 0) -> Encoding:
        """This log's frames in `dialect`: one for all readers, or, where the dialect remembers, this reader's own
        from number `seq` on."""
        if not dialect.shared:
            seq = max(seq, self.base)
            dialect.passed_over(self.events_after(self.base)[: seq - self.base])
            return Encoding(self, dialect, seq)
        return self._encodings.setdefault(dialect.name, Encoding(self, dialect, self.base))

    def events_after(self, seq: int) -> list[Event]:
        """The events after number `seq`."""
        return self._events[seq - self.base :]

    def _shorten(self) -> None:
        leaving = len(self._events) // 2
        del self._events[:leaving]
        self.base += leaving


def _has_text(event: Event, dialect: Dialect) -> bool:
    return event.name in ("token", "snapshot") and dialect.covers(event)
