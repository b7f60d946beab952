"""Reads what a stream sent, and takes nothing for granted: anything but well-formed frames is an error."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import gevent
from werkzeug.test import TestResponse

PATIENCE_S = 10


@dataclass(frozen=True, slots=True)
class Frame:
    """One block of lines that ended with an empty line."""

    id: str | None = None
    event: str | None = None
    data: Any = None
    comment: str | None = None
    retry: str | None = None

    @property
    def is_heartbeat(self) -> bool:
        return (self.comment or "").startswith("heartbeat") or self.event == "heartbeat"


def frames_of(body: bytes) -> list[Frame]:
    """The frames of a stream that has ended."""
    text = body.decode("utf-8")
    assert text.endswith("\n\n"), "the last frame is not whole"
    return [_frame(block) for block in text[:-2].split("\n\n")]


def _frame(block: str) -> Frame:
    fields: dict[str, Any] = {}
    for line in block.split("\n"):
        name, colon, value = line.partition(":")
        assert colon, f"no field: {line!r}"
        name = name or "comment"
        assert name in {"id", "event", "data", "comment", "retry"}, f"unknown field: {line!r}"
        assert name not in fields, f"twice in one frame: {line!r}"
        fields[name] = value.removeprefix(" ")
    if "data" in fields:
        fields["data"] = json.loads(fields["data"])
    return Frame(**fields)


def told(frames: Iterable[Frame]) -> list[tuple[str | None, Any]]:
    """Events and their data, without opening and heartbeats."""
    return [(each.event, each.data) for each in frames if each.data is not None and not each.is_heartbeat]


def text_of(frames: Iterable[Frame]) -> str:
    """What a reader of the event dialect has put together."""
    text = ""
    for frame in frames:
        if frame.event == "token":
            text += frame.data["text"]
        elif frame.event == "snapshot":
            (generation,) = frame.data["generations"]
            text = generation["text"]
    return text


def ids_of(frames: Iterable[Frame]) -> list[str]:
    return [each.id for each in frames if each.id is not None]


@contextmanager
def patience(seconds: float = PATIENCE_S) -> Iterator[None]:
    """A stream that should have said something by then will never."""
    with gevent.Timeout(seconds, AssertionError("the stream is silent")):
        yield


def until(happened: Callable[[], bool]) -> bool:
    """Whether it has happened, waited for as long as anybody would."""
    deadline = time.monotonic() + PATIENCE_S
    while not happened() and time.monotonic() < deadline:
        gevent.sleep(0.005)
    return happened()


class LiveStream:
    """A stream of Flask's test client, read as it comes."""

    def __init__(self, response: TestResponse) -> None:
        self.response = response
        self._pieces = cast(Iterator[bytes], iter(response.response))
        self.body = b""

    def read_until(self, words: str) -> list[Frame]:
        """Everything so far, once `words` have arrived."""
        with patience():
            while words.encode() not in self.body or not self.body.endswith(b"\n\n"):
                self.body += self._piece()
        return frames_of(self.body)

    def read_to_the_end(self) -> list[Frame]:
        with patience():
            self.body += b"".join(self._pieces)
        self.response.close()
        return frames_of(self.body)

    def hang_up(self) -> None:
        self.response.close()

    def _piece(self) -> bytes:
        piece = next(self._pieces, None)
        assert piece is not None, f"the stream has ended: {self.body!r}"
        return piece


def read(response: TestResponse) -> list[Frame]:
    """The frames of a whole stream."""
    assert response.status_code == 200, response.get_data(as_text=True)
    assert response.mimetype == "text/event-stream"
    return LiveStream(response).read_to_the_end()
