"""An encoding: the frames of one log in one dialect, made when somebody first asks for them."""

from __future__ import annotations

from typing import Protocol

from chatapp.streaming.dialect import Dialect
from chatapp.streaming.event import ENDS, Event
from chatapp.streaming.position import Position

WRITE_LIMIT = 64 * 1024
"""Bytes after which frames that wait for one reader are no longer joined into one write."""


class EncodedLog(Protocol):
    """What an encoding needs of its log."""

    id: str
    base: int
    end: int
    ended_as: Position | None

    def events_after(self, seq: int) -> list[Event]: ...


class Encoding:
    """Frames by number, from the one after `first` on. They leave when the log's events have left; those of one
    reader alone, as soon as it has had them."""

    __slots__ = ("_dialect", "_first", "_frames", "_log", "_name", "ended")

    def __init__(self, log: EncodedLog, dialect: Dialect, first: int) -> None:
        self._log = log
        self._dialect = dialect
        self._name = log.id.encode()
        self._first = first
        self._frames: list[bytes] = []
        self.ended: int | None = None

    def after(self, seq: int) -> tuple[bytes, int]:
        """The frames after event `seq`, which the log must hold, joined up to WRITE_LIMIT, and the number of the
        last one in them. `ended` is that of the last event there will ever be, once it has been encoded."""
        self._encode()
        frames = self._frames
        if not self._dialect.shared:
            del frames[: seq - self._first]
            self._first = seq
        at = seq - self._first
        if at + 1 == len(frames):
            return frames[at], seq + 1
        joined: list[bytes] = []
        size = 0
        while at + len(joined) < len(frames) and size < WRITE_LIMIT:
            frame = frames[at + len(joined)]
            joined.append(frame)
            size += len(frame)
        return b"".join(joined), seq + len(joined)

    def _encode(self) -> None:
        """Brings the frames level with the log, as far as this dialect tells it."""
        log, frames = self._log, self._frames
        if self._first < log.base:
            del frames[: log.base - self._first]
            self._first = log.base
        if self.ended is not None:
            return
        number = self._first + len(frames)
        for event in log.events_after(number):
            number += 1
            if event.name in ENDS and self._dialect.ends(event):
                self.ended = number
                frames.append(self._end(number, event))
                return
            frames.append(self._dialect.frame(self._name, number, event))

    def _end(self, number: int, event: Event) -> bytes:
        place = self._log.ended_as
        if place is None or event.name != "done":
            return self._dialect.frame(self._name, number, event)
        return self._dialect.frame(place.log_id.encode(), place.seq, event)
