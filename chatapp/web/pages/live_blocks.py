"""The blocks of one reply while it is written, rendered where it holds nobody up."""

from __future__ import annotations

from collections.abc import Callable

from markupsafe import Markup

from chatapp.web.markdown.blocks import BlockStream
from chatapp.web.markdown.references import Reference
from chatapp.web.markdown.render_thread import SHORT, in_render_thread


class LiveBlocks:
    """As BlockStream, for whoever may wait: a long block may be a hostile one, and goes to a thread."""

    def __init__(self, known: tuple[Reference, ...] = ()) -> None:
        self._blocks = BlockStream(known)
        self._waiting = 0  # characters of the block that is not finished, at the most

    def feed(self, text: str) -> list[Markup]:
        """The blocks that `text`, the next piece of the reply, has finished."""
        self._waiting += len(text)
        blocks = self._rendered(self._blocks.feed, text)
        if blocks:
            self._waiting = len(text)
        return blocks

    def finish(self) -> list[Markup]:
        """The blocks that are left, now that the reply has ended."""
        return self._rendered(self._blocks.finish)

    def _rendered(self, work: Callable[..., list[Markup]], *text: str) -> list[Markup]:
        return work(*text) if self._waiting <= SHORT else in_render_thread(work, *text)
