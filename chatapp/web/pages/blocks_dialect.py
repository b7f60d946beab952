"""The dialect of the page that is streamed: a reply's finished Markdown blocks, as HTML."""

from __future__ import annotations

from markupsafe import Markup, escape

from chatapp.streaming.event import Event
from chatapp.web.markdown.blocks import BlockStream

ENDING_NOTES = {
    "cancelled": "Stopped here.",
    "length": "The answer reached its length limit.",
    "content_filter": "The provider's content filter ended this answer.",
}
"""What a page says of a reply that is not whole, by its finish reason."""


class BlocksDialect:
    """For one reader: it remembers the block that is still being written."""

    name = "blocks"
    shared = False

    def __init__(self) -> None:
        self._blocks = BlockStream()

    def opening(self, position: str) -> bytes:
        return b"<!-- the answer, as it is written -->\n"

    def frame(self, log_id: bytes, seq: int, event: Event) -> bytes:
        return b"".join(block.encode() for block in self._told(event))

    def heartbeat(self, now_ms: int) -> bytes:
        return b"<!-- still writing -->\n"

    def _told(self, event: Event) -> list[Markup]:
        match event.name:
            case "token":
                return self._blocks.feed(event.data["text"])
            case "snapshot":
                return self._blocks.feed("\n\n".join(each["text"] for each in event.data["generations"]))
            case "failure":
                sentence = Markup('<p class="failure">{}</p>\n').format(escape(event.data["message"]))
                return [*self._blocks.finish(), sentence]
            case "done":
                return [*self._blocks.finish(), *self._note(event.data["finish_reason"])]
        return []

    def _note(self, finish_reason: str) -> list[Markup]:
        note = ENDING_NOTES.get(finish_reason)
        return [Markup('<p class="message-note">{}</p>\n').format(note)] if note else []
