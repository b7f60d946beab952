"""Frames: the events of a stream, as a browser reads them: nothing counts before its empty line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Frame:
    """`id` is empty when the frame has none of its own."""

    id: str
    event: str
    data: Any


class FrameReader:
    """Cuts one connection's bytes into frames. What is left when it ends was never said."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> list[Frame]:
        *blocks, self._rest = (self._rest + piece).split(b"\n\n")
        return [_frame(block.decode()) for block in blocks]


def _frame(block: str) -> Frame:
    fields = dict(line.split(": ", 1) for line in block.split("\n"))
    data = json.loads(fields["data"]) if "data" in fields else None
    return Frame(fields.get("id", ""), fields.get("event", ""), data)
