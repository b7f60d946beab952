"""The text in a streamed chat completion: bytes in, deltas out. Pure: no I/O, no clock, no greenlets."""

from __future__ import annotations

from chatapp.errors import UpstreamFailure
from chatapp.upstream.event import Event, read_event
from chatapp.upstream.failures import SERVER_ERROR
from chatapp.upstream.lines import EventSplitter
from chatapp.upstream.usage import Usage

_KNOWN_REASONS = frozenset({"stop", "length", "content_filter"})
_PLAIN_NAMES = frozenset({b"", b"message"})
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class Decoder:
    """Decodes one answer. What it says does not depend on how the bytes were cut into chunks.

    After `done` or `error` is set, further bytes are ignored. Text that came before an error is never lost:
    `feed` hands it out and leaves the error in `error`.
    """

    __slots__ = ("_high", "_splitter", "done", "error", "finish_reason", "has_all", "usage")

    def __init__(self) -> None:
        self.finish_reason: str | None = None
        """`stop`, `length` or `content_filter`, once upstream has said so."""
        self.usage: Usage | None = None
        """The last counts that came."""
        self.error: UpstreamFailure | None = None
        """Set when upstream reported an error in mid-stream, or what it sent cannot be read."""
        self.done = False
        """Whether `[DONE]` was seen."""
        self.has_all = False
        """Whether nothing more is wanted: `[DONE]`, all that comes before it, or an error was seen."""
        self._splitter = EventSplitter()
        self._high = ""

    def feed(self, chunk: bytes) -> str:
        """The text of all deltas that `chunk` completes, joined; often one, sometimes none ("")."""
        if self.done or self.error:
            return ""
        texts: list[str] = []
        for name, data in self._splitter.feed(chunk):
            self._take(name, data, texts)
            if self.done or self.error:
                break
        else:
            if self._splitter.overlong:
                self._fail("an event is too long", texts)
        return texts[0] if len(texts) == 1 else "".join(texts)

    def end(self) -> str:
        """Says that no more bytes will come; returns the text that was held back for them.

        A last event that cannot be read was cut in its middle: the stream is unfinished then, not unreadable.
        """
        if self.done or self.error:
            return ""
        texts: list[str] = []
        for name, data in self._splitter.end():
            self._take(name, data, texts, cut=True)
        self._flush(texts)
        return "".join(texts)

    def _take(self, name: bytes, data: bytes, texts: list[str], *, cut: bool = False) -> None:
        if data.strip() == b"[DONE]":
            self._finish(texts)
            return
        try:
            event, ragged = read_event(data)
        except ValueError:
            # An event with a name of its own, and blank data, were not addressed to us.
            if name in _PLAIN_NAMES and not cut and data.strip():
                self._fail("an event is not a JSON object", texts)
            return
        if event.error or event.object == "error" or name == b"error":  # all of these are in use
            self._fail("an error came in mid-stream", texts)
            return
        self._read(event, ragged, texts)

    def _read(self, event: Event, ragged: bool, texts: list[str]) -> None:
        for choice in event.choices or ():
            # Only one choice is asked for; a server that sends more does not get to interleave them.
            if choice.index:
                continue
            if choice.delta is not None:
                for text in (choice.delta.content, choice.delta.refusal):
                    if text:
                        texts.append(self._mended(text, ragged))
            if reason := choice.finish_reason:
                self.finish_reason = reason if reason in _KNOWN_REASONS else "stop"
                self.has_all = self.usage is not None
        if event.usage is not None:
            self.usage = event.usage.usage()
            self.has_all = self.finish_reason is not None

    def _mended(self, text: str, ragged: bool) -> str:
        """`text` fit for storing: no U+0000 (PostgreSQL refuses it) and no half of a surrogate pair.

        A first half at the end waits for the next delta, which may begin with the second.
        """
        if "\0" in text:
            text = text.replace("\0", _REPLACEMENT)
        if not ragged and not self._high:
            return text
        text, self._high = self._high + text, ""
        if "\ud800" <= text[-1] <= "\udbff":
            text, self._high = text[:-1], text[-1]
        # UTF-16 is where surrogates mean something: there a pair is read as one character.
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def _finish(self, texts: list[str]) -> None:
        self.done = self.has_all = True
        self.finish_reason = self.finish_reason or "stop"
        self._flush(texts)

    def _fail(self, detail: str, texts: list[str]) -> None:
        self.error = SERVER_ERROR.failure(detail=detail)
        self.has_all = True
        self._flush(texts)

    def _flush(self, texts: list[str]) -> None:
        if self._high:
            self._high = ""
            texts.append(_REPLACEMENT)
