"""An answer that leaves upstream piece by piece, when a test says so."""

from __future__ import annotations

from gevent.event import Event

from tests.scripted_upstream import DONE, LAST_CHUNK, STREAM_HEAD, Step, chunk, delta, usage


class PacedAnswer:
    """`script` is for the upstream; `text` is what it will have sent at the end."""

    def __init__(self, *pieces: str) -> None:
        self.text = "".join(pieces)
        gates = [Event() for _ in range(len(pieces) + 1)]
        self._due = iter(gates)
        self.script: list[Step] = [STREAM_HEAD]
        for gate, piece in zip(gates, pieces, strict=False):
            self.script += [gate, chunk(delta(piece))]
        end = (delta("", "stop"), usage(5, 15), DONE)
        self.script += [gates[-1], *map(chunk, end), LAST_CHUNK]

    def give(self) -> None:
        """The next piece, or after the last the end."""
        next(self._due).set()
