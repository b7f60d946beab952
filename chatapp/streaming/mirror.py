"""A mirror: another process's log in this one's memory, followed like any other."""

from __future__ import annotations

from collections.abc import Sequence

from chatapp.streaming.event import Event
from chatapp.streaming.event_log import EventLog


class Mirror:
    """`log` has the name and the numbers of the one it mirrors; `length` is how many characters all voices have
    said. `broken` when it can never be whole again.

    It keeps the text of each voice beside the log, so that a reader whose place is lost can be told how the turn
    stands without asking the process that answers it.
    """

    def __init__(self, log_id: str) -> None:
        self.log = EventLog(log_id)
        self.broken = False
        self.length = 0
        self._texts: dict[str | None, list[str]] = {}

    def take(self, last: int, events: Sequence[Event]) -> None:
        """Appends events that end with number `last`. What is there already is passed over; a gap breaks it."""
        first = last - len(events) + 1
        if first > self.log.end + 1:
            self.broken = True
        if self.broken or self.log.closed:
            return
        for event in events[self.log.end + 1 - first :]:
            if event.name == "token":
                self._texts.setdefault(event.voice, []).append(event.data["text"])
                self.length += len(event.data["text"])
            self.log.append(event)

    def text(self, voice: str, *, alone: bool) -> str:
        """What this voice has said so far; events of a turn with one voice alone are not tagged."""
        return "".join(self._texts.get(None if alone else voice, ()))
