"""What a client makes of a stream: frames parsed back, by the book (WHATWG HTML, 9.2.6)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Frame:
    """One dispatched event, and the last event id that the client holds after it."""

    name: str
    data: str
    last_id: str

    def json(self) -> Any:
        return json.loads(self.data)


class Client:
    """Puts bytes together to frames, across any split; keeps the last id as EventSource does."""

    def __init__(self) -> None:
        self.last_id = ""
        self.comments: list[str] = []
        self.frames: list[Frame] = []
        self._rest = b""
        self._id = ""
        self._name = ""
        self._data: list[str] = []

    def cut(self) -> None:
        """The line drops: what was not dispatched is forgotten."""
        self._rest, self._id, self._name, self._data = b"", self.last_id, "", []

    def feed(self, chunk: bytes) -> None:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self._line(line.decode("utf-8"))

    def _line(self, line: str) -> None:
        if not line:
            self.last_id = self._id
            if self._data:
                self.frames.append(Frame(self._name or "message", "\n".join(self._data), self.last_id))
            self._name, self._data = "", []
            return
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not field:
            self.comments.append(value)
        elif field == "id":
            self._id = value
        elif field == "event":
            self._name = value
        elif field == "data":
            self._data.append(value)

    def text(self) -> str:
        """The reply as this client shows it."""
        return text_of(self.frames)

    def texts(self) -> dict[str, str]:
        """The replies of a turn with several voices, by voice."""
        shown: dict[str, str] = {}
        for frame in self.frames:
            if frame.name == "snapshot":
                shown = {each["voice"]: each["text"] for each in frame.json()["generations"]}
            elif frame.name == "token":
                told = frame.json()
                shown[told["voice"]] = shown.get(told["voice"], "") + told["text"]
        return shown

    def names(self) -> list[str]:
        return [frame.name for frame in self.frames]


def text_of(frames: Iterable[Frame]) -> str:
    """The reply as these frames tell it: a snapshot replaces, a token appends."""
    shown = ""
    for frame in frames:
        if frame.name == "snapshot":
            shown = "".join(each["text"] for each in frame.json()["generations"])
        elif frame.name == "token":
            shown += frame.json()["text"]
    return shown


def read(chunks: Any) -> Client:
    """A client that has read all of it."""
    client = Client()
    for chunk in chunks:
        client.feed(chunk)
    return client


def unchunked(written: bytes) -> bytes:
    """The body of an answer in chunks, all of which has come."""
    body = b""
    while written:
        size, _, written = written.partition(b"\r\n")
        length = int(size, 16)
        body += written[:length]
        assert written[length : length + 2] == b"\r\n", "a chunk does not end where it says"
        written = written[length + 2 :]
    assert size == b"0", "the last chunk is missing"
    return body
