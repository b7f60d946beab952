"""Server-Sent Events, as they come in pieces."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from chatapp.doctor.trouble import Unfit

MOST_PENDING = 1 << 20
"""Bytes that a frame may have before its end comes."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands between two empty lines; `at` is when its end came."""

    event: str
    data: str
    id: str | None
    comment: str
    at: float

    def value(self, name: str) -> Any:
        """A field of the data, which is a JSON object; None where it has none."""
        try:
            found = json.loads(self.data)
        except (ValueError, RecursionError):
            return None
        return found.get(name) if isinstance(found, dict) else None

    @property
    def text(self) -> str:
        """What a `token` brings; empty for other events."""
        found = self.value("text") if self.event == "token" else None
        return found if isinstance(found, str) else ""


class FrameReader:
    """Takes bytes, gives frames."""

    def __init__(self) -> None:
        self._pending = b""

    @property
    def torn(self) -> bool:
        """Whether the last frame has come only in part."""
        return bool(self._pending)

    def feed(self, data: bytes, at: float) -> list[Frame]:
        """The frames that came to their end at `at`. Raises Unfit for one without an end."""
        *whole, self._pending = (self._pending + data.replace(b"\r", b"")).split(b"\n\n")
        if len(self._pending) > MOST_PENDING:
            raise Unfit("an event of the stream has no end")
        return [_frame(piece.decode("utf-8", "replace"), at) for piece in whole if piece.strip(b"\n")]


def _frame(text: str, at: float) -> Frame:
    fields: dict[str, list[str]] = {}
    for line in text.split("\n"):
        name, _, value = line.partition(":")
        fields.setdefault(name, []).append(value.removeprefix(" "))
    return Frame(
        event="".join(fields.get("event", [])[-1:]),
        data="\n".join(fields.get("data", [])),
        id=fields["id"][-1] if "id" in fields else None,
        comment="\n".join(fields.get("", [])),
        at=at,
    )
