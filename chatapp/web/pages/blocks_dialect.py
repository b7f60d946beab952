"""The dialect of the page that is streamed, for one voice: its reply's finished Markdown blocks, as HTML."""

from __future__ import annotations

from markupsafe import Markup, escape

from chatapp.streaming.event import Event
from chatapp.web.markdown.references import Reference
from chatapp.web.pages.live_blocks import LiveBlocks
from chatapp.web.pages.page_dialect import PageDialect

ENDING_NOTES = {
    "cancelled": "Stopped here.",
    "length": "The answer reached its length limit.",
    "content_filter": "The provider's content filter ended this answer.",
}
"""What a page says of a reply that is not whole, by its finish reason."""
NOT_WHOLE = frozenset({"cancelled", "error"})
"""The finish reasons after which a page offers to ask again."""
_NOTHING = Markup("")


class BlocksDialect(PageDialect):
    """For one reader: it remembers the block that is still being written. `again` is the form that asks the same once
    more, for an answer that does not end whole; marks of `known` voices become links to their replies."""

    name = "blocks"

    def __init__(self, again: Markup = _NOTHING, known: tuple[Reference, ...] = ()) -> None:
        self._again = again
        self._known = known
        self._blocks = LiveBlocks(known)

    def opening(self, position: str) -> bytes:
        return b"<!-- the answer, as it is written -->\n"

    def replacement(self, log_id: bytes, seq: int, snapshot: Event) -> bytes:
        """What a page has shown cannot be taken back: it says where to see the answer whole."""
        self._blocks = LiveBlocks(self._known)
        return b'<p class="message-note">Part of this answer is missing here. Reload the page to see it whole.</p>\n'

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
        told = [Markup('<p class="message-note">{}</p>\n').format(note)] if note else []
        return [*told, self._again] if finish_reason in NOT_WHOLE else told
