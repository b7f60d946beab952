"""What the dialects of the page that is streamed have in common: they write HTML, for one reader, from the start."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from chatapp.streaming.event import Event


class PageDialect:
    """Base of both. `_told` gives the HTML that an event adds to the page."""

    shared = False
    waits = True  # for a native thread, when a block is long

    def frame(self, log_id: bytes, seq: int, event: Event) -> bytes:
        return b"".join(part.encode() for part in self._told(event))

    def covers(self, event: Event) -> bool:
        return True

    def ends(self, event: Event) -> bool:
        return event.name == "done"

    def passed_over(self, events: Sequence[Event]) -> None:
        """Nothing: a page reads from the start."""

    def heartbeat(self, now_ms: int) -> bytes:
        return b"<!-- still writing -->\n"

    def _told(self, event: Event) -> Iterable[Markup]:
        raise NotImplementedError
