"""A stream that is read while it comes, and when what of it came."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Self

from chatapp.doctor.exchange import Exchange
from chatapp.doctor.frame import Frame, FrameReader
from chatapp.doctor.trouble import Trouble, Unfit

MOST_BYTES = 32 << 20
PAUSE_S = 0.25
"""A shorter gap between two pieces is no pause."""


class Stream:
    """Give it to a `for`; it ends with the body. `trouble` is what ended it before its time, `pieces` when how many
    bytes came, `torn_pauses` how often a pause came in the middle of a frame."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.frames: list[Frame] = []
        self.pieces: list[tuple[float, int]] = []
        self.torn_pauses = 0
        self.trouble: Trouble | None = None
        self._coming = self._guarded()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.exchange.close()

    @property
    def is_events(self) -> bool:
        """Whether the answer is what was asked for."""
        kind = self.exchange.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return self.exchange.status == 200 and kind == "text/event-stream"

    def __iter__(self) -> Iterator[Frame]:
        """The frames that were not told yet. What goes wrong ends them, and is in `trouble`."""
        return self._coming

    def _guarded(self) -> Iterator[Frame]:
        try:
            yield from self._frames()
        except Trouble as trouble:
            self.trouble = trouble

    def _frames(self) -> Iterator[Frame]:
        reader, total = FrameReader(), 0
        while data := self.exchange.read(65_536):
            at = self.exchange.reader.last_at
            if reader.torn and at - self.pieces[-1][0] >= PAUSE_S:
                self.torn_pauses += 1
            self.pieces.append((at, len(data)))
            total += len(data)
            if total > MOST_BYTES:
                raise Unfit(f"the stream has more than {MOST_BYTES} bytes and no end")
            for frame in reader.feed(data, at):
                self.frames.append(frame)
                yield frame
        if not self.exchange.complete:
            raise Unfit("the connection closed in mid-answer")

    @property
    def ended_at(self) -> float:
        """When the last byte came, so far."""
        return self.exchange.reader.last_at

    def read_to_end(self) -> Self:
        """Reads all that comes."""
        for _frame in self:
            pass
        return self

    @property
    def tokens(self) -> list[Frame]:
        """Those of the model: the sentence of a failure, told as a token, has no id."""
        return [frame for frame in self.frames if frame.event == "token" and frame.id]

    @property
    def text(self) -> str:
        return "".join(frame.text for frame in self.tokens)

    def last(self, event: str) -> Frame | None:
        """The last frame of that name."""
        return next((frame for frame in reversed(self.frames) if frame.event == event), None)

    @property
    def last_id(self) -> str:
        return next((frame.id for frame in reversed(self.frames) if frame.id), "")
