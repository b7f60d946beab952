"""Dialects: how a log's events are written as Server-Sent Events.

The framing follows the WHATWG HTML standard, chapter 9.2 (server-sent events); what each dialect sends is
chapters 3 and 4 of docs/api.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from chatapp.streaming.event import Event, token
from chatapp.streaming.event_data import ContentData, EndData, ErrorData

encoded_json = msgspec.json.Encoder().encode
_CONNECTED = b": Connected to chat stream\nretry: 3000\n"


class Dialect(Protocol):
    """One way to write events. `shared` says that it remembers nothing: frames are made once then, and shared by
    every reader of a log. `waits` says that `frame` may wait for something, which the event loop must not do."""

    name: str
    shared: bool
    waits: bool

    def opening(self, position: str) -> bytes:
        """The first bytes. `position` is where the reader stands, so that it can resume from the start; it
        may be empty."""

    def frame(self, log_id: bytes, seq: int, event: Event) -> bytes:
        """The event's bytes, empty when this dialect does not tell it."""

    def replacement(self, log_id: bytes, seq: int, snapshot: Event) -> bytes:
        """The bytes that tell a reader whose place is lost to forget what it has."""

    def heartbeat(self, now_ms: int) -> bytes:
        """What keeps a silent connection open."""

    def covers(self, event: Event) -> bool:
        """Whether the event belongs to what this dialect tells of: the whole turn, or one of its voices."""

    def ends(self, event: Event) -> bool:
        """Whether this event, one of ENDS, is the last that this dialect tells."""

    def passed_over(self, events: Sequence[Event]) -> None:
        """What the reader had before; told only to dialects that remember."""


class SharedDialect:
    """A dialect that remembers nothing and tells the whole turn."""

    shared = True
    waits = False

    def covers(self, event: Event) -> bool:
        return True

    def ends(self, event: Event) -> bool:
        return event.name == "done"

    def passed_over(self, events: Sequence[Event]) -> None:
        """Nothing: it does not remember."""


class EventDialect(SharedDialect):
    """Named events with positions. `sentences` is for clients that know tokens alone: a failure's sentence is
    sent as a token too (that copy has no position and is never saved), and what a finished turn's log begins
    with is a token instead of a snapshot."""

    def __init__(self, *, sentences: bool = False) -> None:
        self.name = "events with sentences" if sentences else "events"
        self._sentences = sentences

    def opening(self, position: str) -> bytes:
        return _CONNECTED + (b"id: %b\n\n" % position.encode() if position else b"\n")

    def replacement(self, log_id: bytes, seq: int, snapshot: Event) -> bytes:
        return EVENTS.frame(log_id, seq, snapshot)

    def frame(self, log_id: bytes, seq: int, event: Event) -> bytes:
        if self._sentences and event.name == "snapshot" and len(event.data["generations"]) == 1:
            event = token(event.data["generations"][0]["text"])
        frame = b"id: %b-%d\nevent: %b\ndata: %b\n\n" % (
            log_id,
            seq,
            event.name.encode(),
            _encoded(event),
        )
        if self._sentences and event.name == "failure" and event.voice is None:
            return b"event: token\ndata: %b\n\n%b" % (encoded_json({"text": event.data["message"]}), frame)
        return frame

    def heartbeat(self, now_ms: int) -> bytes:
        return b': heartbeat %d\nevent: heartbeat\ndata: {"t":%d}\n\n' % (now_ms, now_ms)


class PlainDialect(SharedDialect):
    """Unnamed events alone, so that a ten-line client works."""

    name = "plain"

    def opening(self, position: str) -> bytes:
        return _CONNECTED + (b"id: %b\n\n" % position.encode() if position else b"\n")

    def replacement(self, log_id: bytes, seq: int, snapshot: Event) -> bytes:
        # Clients that only append double the text; those that look for `replace` do not.
        data: ContentData = {"content": _whole(snapshot), "replace": True}
        return b"id: %b-%d\ndata: %b\n\n" % (log_id, seq, encoded_json(data))

    def frame(self, log_id: bytes, seq: int, event: Event) -> bytes:
        match event.name:
            case "token":
                data: ContentData | ErrorData | EndData = {"content": event.data["text"]}
            case "snapshot":
                data = {"content": _whole(event)}
            case "failure":
                data = {"error": event.data["message"]}
            case "done":
                data = {"done": True}
            case _:
                return b""
        return b"id: %b-%d\ndata: %b\n\n" % (log_id, seq, encoded_json(data))

    def heartbeat(self, now_ms: int) -> bytes:
        return b": heartbeat %d\n\n" % now_ms


def _encoded(event: Event) -> bytes:
    """An event's data, without making the dictionary that a token does not have."""
    if not isinstance(event.told, str):
        return encoded_json(event.data)
    if event.voice is None:
        return b'{"text":%b}' % encoded_json(event.told)
    return b'{"text":%b,"voice":%b}' % (encoded_json(event.told), encoded_json(event.voice))


def _whole(snapshot: Event) -> str:
    return "".join(each["text"] for each in snapshot.data["generations"])


EVENTS = EventDialect()
EVENTS_WITH_SENTENCES = EventDialect(sentences=True)
PLAIN = PlainDialect()
