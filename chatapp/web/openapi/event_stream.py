"""Event streams: which events each kind holds, and a whole stream of each, written by the dialects themselves."""

from __future__ import annotations

from collections.abc import Iterable

from chatapp.streaming.dialect import EVENTS, EVENTS_WITH_SENTENCES, PLAIN, Dialect
from chatapp.streaming.event import Event, done, token, usage
from chatapp.streaming.event_data import (
    ContentData,
    DoneData,
    EndData,
    ErrorData,
    FailureData,
    HeartbeatData,
    ProgressData,
    SnapshotData,
    TokenData,
    UsageData,
    VoiceDoneData,
)
from chatapp.streaming.position import Position
from chatapp.streaming.progress_dialect import ProgressDialect
from chatapp.web.openapi.example import GENERATION_ID, LOG_ID, MODEL
from chatapp.web.openapi.operation import Nothing, Stream

_MOMENT_MS = 1795261753688
_EVENTS = {
    "token": TokenData,
    "usage": UsageData,
    "failure": FailureData,
    "snapshot": SnapshotData,
    "voice_done": VoiceDoneData,
    "done": DoneData,
    "heartbeat": HeartbeatData,
}


def _written(dialect: Dialect) -> str:
    """A short answer with one silence in it, as this dialect sends it."""
    said: Iterable[Event] = (usage(5, 1, 0.00000975, MODEL), done("stop"))
    told = dialect.opening(str(Position(LOG_ID, 0)))
    told += dialect.frame(LOG_ID.encode(), 1, token("Hello")) + dialect.heartbeat(_MOMENT_MS)
    return (
        told + b"".join(dialect.frame(LOG_ID.encode(), seq, event) for seq, event in enumerate(said, 2))
    ).decode()


_PROGRESS = ProgressDialect(
    GENERATION_ID, EVENTS, has_started=lambda: True, has_ended=False, is_fresh=True, clock=lambda: 0.0
)

HAD_EVERYTHING = Nothing("The reader has had everything. This stops an `EventSource`.")
MESSAGE = Stream(_EVENTS, _written(EVENTS_WITH_SENTENCES), is_bound=True)
PLAIN_MESSAGE = Stream({"message": ContentData | ErrorData | EndData}, _written(PLAIN), is_bound=True)
TURN = Stream(_EVENTS, _written(EVENTS))
GENERATION = Stream({**_EVENTS, "progress": ProgressData}, _written(_PROGRESS))
