"""One voice of several on the page that is streamed: what is told of it, as children of the element whose shadow tree
has a place for each (templates/_live_voices.html)."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from chatapp.web.pages.blocks_dialect import ENDING_NOTES, NOT_WHOLE
from chatapp.web.pages.live_blocks import LiveBlocks

_STATES = {"cancelled": "Stopped", "error": "Failed"}
_REASONS = {"complete": "stop", "cancelled": "cancelled"}
_BROKEN_OFF = "This answer is not whole."


@dataclass(frozen=True, slots=True)
class LiveVoice:
    """`slot` is the name of its place, `colour` six hexadecimal digits, `again` the form that asks it once more."""

    slot: str
    name: str
    colour: str
    model: str
    generation_id: str
    again: Markup

    @property
    def hash_colour(self) -> str:
        return f"#{self.colour}"


class LiveReply:
    """What one voice says, for one reader. It knows how much text it has had, so that a snapshot and what comes after
    it are told from there on, in whatever log: all of them tell the same text."""

    def __init__(self, voice: LiveVoice) -> None:
        self.voice = voice
        self._blocks = LiveBlocks()
        self._length = 0
        self._known = 0  # characters to come that it has had
        self._failures: set[str] = set()
        self._status = "streaming"
        self._reason: str | None = None

    def grow(self, text: str) -> list[Markup]:
        """Takes the next piece of the reply."""
        known = min(self._known, len(text))
        self._known -= known
        if self._reason is not None or known == len(text):
            return []
        self._length += len(text) - known
        return self._placed(self._blocks.feed(text[known:]))

    def stand(self, text: str, status: str) -> list[Markup]:
        """Takes all of the reply so far, however much of it was there. Its ending is still to be told, but that of a
        whole one, which may have been told before."""
        self._known = max(self._length - len(text), 0)
        self._status = status
        told = self.grow(text[self._length :])
        return [*told, *self.end("stop")] if status == "complete" else told

    def fail(self, code: str, sentence: str) -> list[Markup]:
        """Takes the sentence of what went wrong."""
        if self._reason is not None or code in self._failures:
            return []
        self._failures.add(code)
        return [*self._rest(), self._at_its_end('<p slot="{}-end" class="failure">{}</p>\n', sentence)]

    def end(self, finish_reason: str) -> list[Markup]:
        """Takes its end; a second one is none."""
        if self._reason is not None:
            return []
        rest = self._rest()
        self._reason = finish_reason
        state = _STATES.get(finish_reason, "Done")
        told = Markup('<span slot="{}-state" class="live-state">{}</span>\n').format(self.voice.slot, state)
        return [*rest, told, self._note(finish_reason)]

    def end_with_the_turn(self) -> list[Markup]:
        """The turn is over, and more can be asked. An ending that was not told is that of its last snapshot."""
        if self._reason is None and self._status not in ("streaming", *_REASONS) and not self._failures:
            told = self.fail(self._status, _BROKEN_OFF)
        else:
            told = []
        told += self.end(_REASONS.get(self._status, "error"))
        if self._reason not in NOT_WHOLE:
            return told
        return [*told, self._at_its_end('<div slot="{}-end">{}</div>\n', self.voice.again)]

    def _rest(self) -> list[Markup]:
        return self._placed(self._blocks.finish())

    def _placed(self, blocks: list[Markup]) -> list[Markup]:
        place = Markup('<div slot="{}" class="prose">{}</div>\n')
        return [place.format(self.voice.slot, block) for block in blocks]

    def _note(self, finish_reason: str) -> Markup:
        """Something always takes the place of what says that it is being written."""
        note = ENDING_NOTES.get(finish_reason)
        if note is None:
            return Markup('<span slot="{}-end" hidden></span>\n').format(self.voice.slot)
        return self._at_its_end('<p slot="{}-end" class="message-note">{}</p>\n', note)

    def _at_its_end(self, pattern: str, content: str) -> Markup:
        return Markup(pattern).format(self.voice.slot, content)  # noqa: S704 - patterns of our own
