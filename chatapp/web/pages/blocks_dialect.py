"""The dialect of the page that is streamed: a reply's finished Markdown blocks, as HTML."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from markupsafe import Markup, escape

from chatapp.streaming.event import Event
from chatapp.web.markdown.blocks import BlockStream
from chatapp.web.markdown.render_thread import SHORT, in_render_thread

ENDING_NOTES = {
    "cancelled": "Stopped here.",
    "length": "The answer reached its length limit.",
    "content_filter": "The provider's content filter ended this answer.",
}
"""What a page says of a reply that is not whole, by its finish reason."""
_NOT_WHOLE = frozenset({"cancelled", "error"})
_NOTHING = Markup("")


class BlocksDialect:
    """For one reader: it remembers the block that is still being written. `again` is the form that asks the same once
    more, for an answer that does not end whole."""

    name = "blocks"
    shared = False
    waits = True  # for a native thread, when a block is long

    def __init__(self, again: Markup = _NOTHING) -> None:
        self._again = again
        self._blocks = BlockStream()
        self._waiting = 0  # characters of the block that is not finished, at the most

    def opening(self, position: str) -> bytes:
        return b"<!-- the answer, as it is written -->\n"

    def frame(self, log_id: bytes, seq: int, event: Event) -> bytes:
        return b"".join(block.encode() for block in self._told(event))

    def replacement(self, log_id: bytes, seq: int, snapshot: Event) -> bytes:
        """What a page has shown cannot be taken back: it says where to see the answer whole."""
        self._blocks, self._waiting = BlockStream(), 0
        return b'<p class="message-note">Part of this answer is missing here. Reload the page to see it whole.</p>\n'

    def covers(self, event: Event) -> bool:
        return True

    def ends(self, event: Event) -> bool:
        return event.name == "done"

    def passed_over(self, events: Sequence[Event]) -> None:
        """Nothing: a page reads from the start."""

    def heartbeat(self, now_ms: int) -> bytes:
        return b"<!-- still writing -->\n"

    def _told(self, event: Event) -> list[Markup]:
        match event.name:
            case "token":
                return self._fed(event.data["text"])
            case "snapshot":
                return self._fed("\n\n".join(each["text"] for each in event.data["generations"]))
            case "failure":
                sentence = Markup('<p class="failure">{}</p>\n').format(escape(event.data["message"]))
                return [*self._finished(), sentence]
            case "done":
                return [*self._finished(), *self._note(event.data["finish_reason"])]
        return []

    def _fed(self, text: str) -> list[Markup]:
        self._waiting += len(text)
        blocks = self._rendered(self._blocks.feed, text)
        if blocks:
            self._waiting = len(text)
        return blocks

    def _finished(self) -> list[Markup]:
        return self._rendered(self._blocks.finish)

    def _rendered(self, work: Callable[..., list[Markup]], *text: str) -> list[Markup]:
        """A long block may be a hostile one."""
        return work(*text) if self._waiting <= SHORT else in_render_thread(work, *text)

    def _note(self, finish_reason: str) -> list[Markup]:
        note = ENDING_NOTES.get(finish_reason)
        told = [Markup('<p class="message-note">{}</p>\n').format(note)] if note else []
        return [*told, self._again] if finish_reason in _NOT_WHOLE else told
