"""Entries: what is kept in Redis, under which names, and how events are written there.

A log is a stream. Each of its entries holds the events that arrived together; its id is the number of the last of
them, so that writing the same entry twice is refused by Redis itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from redis import RedisError

from chatapp.streaming.event import Event, event_of

LOG_LIFE_S = 3600
"""Seconds that a log lives after it was last written to; it is renewed while its turn runs."""
ENDED_LIFE_S = 120
"""Seconds that a log lives after its end."""
ENTRIES = 32_768
"""Entries that a log holds, about; a reader who needs more is served from the saved text."""
EVENTS_PER_ENTRY = 256
FIELD = b"e"
REDIS_FAILURES = (RedisError, OSError, UnicodeError)
"""What a client of Redis raises when it cannot do what was asked: its own errors, and those of sockets and names."""
INBOX_LIFE_S = 60
INBOX_LENGTH = 16

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[tuple[str, dict[str, Any]]]).decode


def log_key(log_id: str) -> str:
    return f"chatapp:log:{log_id}"


def inbox_key(owner_id: str) -> str:
    """The stream through which a process is nudged."""
    return f"chatapp:inbox:{owner_id}"


def encoded(events: Sequence[Event]) -> bytes:
    return _encode([(event.name, event.data) for event in events])


def decoded(payload: bytes) -> list[Event]:
    """The events of an entry. Raises ValueError when it is none of ours."""
    return [event_of(name, data) for name, data in _decode(payload)]


def number_of(entry_id: bytes) -> int:
    """The number of the last event in the entry of that id."""
    return int(entry_id.partition(b"-")[0])
