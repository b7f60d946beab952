"""The dialect that tells one generation with its progress: how it stands, and about how far it is.

    event: progress
    data: {"generation_id":"…","status":"processing","progress":0.3312}

It follows what has happened, never the clock: the clock only says when it may speak again. And it never takes back
what a reader was told, on this connection or an earlier one. For that, progress has no position and comes after the
text that it counts: who was told of it has the text's position, and whatever that reader is told later counts the
text as well. Where it is not known what a reader had, it is told no more than the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from math import inf

from chatapp.streaming.dialect import Dialect, encoded_json
from chatapp.streaming.event import Event
from chatapp.streaming.event_data import ProgressData, ProgressStatus
from chatapp.streaming.position import Position, turn_part

PERIOD_S = 1.0
"""Seconds between two values while the text grows."""
HALF = 2000
"""Characters at which a reply is taken to be half done. Upstream does not say how long it will be."""
BEHIND_S = 3.0
"""Seconds of silence for a reader that comes from another process, when all that is known here is what was saved:
that may be less than the reader has had. By then it is more."""

_STATUS: dict[str, ProgressStatus] = {"error": "failed", "cancelled": "cancelled"}


def share(characters: int) -> float:
    """How far a reply of so many characters is taken to be: about 0.5 at HALF, and never as much as 1."""
    return round(0.99 * characters / (characters + HALF), 4)


class ProgressDialect:
    """For one reader: it remembers how much text that reader has. `voice` tells everything else. `has_started` says
    whether the generation has, now; `has_ended`, whether it had when the reader came; `is_fresh`, that the reader
    has had nothing before."""

    name = "progress"
    shared = False
    waits = False

    def __init__(
        self,
        generation_id: str,
        voice: Dialect,
        *,
        has_started: Callable[[], bool],
        has_ended: bool,
        is_fresh: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._generation_id = generation_id
        self._voice = voice
        self._has_started = has_started
        self._is_fresh = is_fresh
        self._clock = clock
        self._characters = 0
        self._passed_over = 0
        self._status: ProgressStatus | None = None
        self._value = 0.0
        self._due_at = inf if has_ended else -inf

    def covers(self, event: Event) -> bool:
        return self._voice.covers(event)

    def ends(self, event: Event) -> bool:
        return self._voice.ends(event)

    def passed_over(self, events: Sequence[Event]) -> None:
        self._passed_over = len(events)
        for event in events:
            self._count(event)

    def opening(self, position: str) -> bytes:
        return self._voice.opening(position) + self._first(Position.parse(position))

    def frame(self, log_id: bytes, seq: int, event: Event) -> bytes:
        frame = self._voice.frame(log_id, seq, event)
        if not self.covers(event):
            return frame
        if self.ends(event):
            return self._told(_STATUS.get(event.data["finish_reason"], "completed"), 1.0) + frame
        return frame + self._moved() if self._count(event) else frame

    def replacement(self, log_id: bytes, seq: int, snapshot: Event) -> bytes:
        self._count(snapshot)
        log_name = log_id.decode()
        if not self._status and log_name != turn_part(log_name):
            self._wait(BEHIND_S)
        return self._voice.replacement(log_id, seq, snapshot) + self._moved()

    def heartbeat(self, now_ms: int) -> bytes:
        beat = self._voice.heartbeat(now_ms)
        if self._status == "queued" and self._has_started():
            return beat + self._told("processing", 0.0)
        return beat

    def _first(self, position: Position | None) -> bytes:
        """What a reader is told as it comes: how it stands, unless that could take something back."""
        at_the_start = position is not None and position.seq == 0 and self._due_at < inf
        if self._is_fresh or at_the_start:
            return self._told("processing" if self._has_started() else "queued", 0.0)
        if position is None:
            return b""
        if position.seq > self._passed_over:
            self._due_at = inf  # some of what it had has left the log, or the log was made anew after the end
        return self._moved()

    def _moved(self) -> bytes:
        """How far it is by now, when that is more than was told and may be told again."""
        value = share(self._characters)
        if value <= self._value or self._clock() < self._due_at:
            return b""
        self._wait(PERIOD_S)
        return self._told("processing", value)

    def _wait(self, seconds: float) -> None:
        self._due_at = max(self._due_at, self._clock() + seconds)

    def _told(self, status: ProgressStatus, value: float) -> bytes:
        self._status, self._value = status, value
        data: ProgressData = {"generation_id": self._generation_id, "status": status, "progress": value}
        return b"event: progress\ndata: %b\n\n" % encoded_json(data)

    def _count(self, event: Event) -> bool:
        """Whether the event has text of this generation, which is counted then."""
        if event.name == "token" and self.covers(event):
            self._characters += len(event.data["text"])
            return True
        if event.name == "snapshot":
            self._take(event)
            return True
        return False

    def _take(self, snapshot: Event) -> None:
        for each in snapshot.data["generations"]:
            if each["generation_id"] == self._generation_id:
                self._characters = len(each["text"])
                if each["status"] != "streaming":
                    self._due_at = inf  # the next that it is told is the end
