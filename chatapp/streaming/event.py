"""Events: the immutable records of a turn's log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from chatapp.streaming.event_data import (
    DoneData,
    FailureData,
    SnapshotData,
    Standing,
    UsageData,
    VoiceDoneData,
)

ENDS = frozenset({"done", "voice_done"})
"""The names of events after which a reader may have everything: which of them, its dialect knows."""


class Event(Struct, frozen=True, gc=False):
    """One record of a log."""

    name: str
    told: Mapping[str, Any] | str
    """`data` without the voice; of a token its text: a dictionary for each would be most of what a log holds."""
    voice: str | None = None
    """Who says it, in turns with several voices."""

    @property
    def data(self) -> Mapping[str, Any]:
        """What the event dialect sends as JSON."""
        told, voice = self.told, self.voice
        if isinstance(told, str):
            return {"text": told} if voice is None else {"text": told, "voice": voice}
        return told if voice is None else {**told, "voice": voice}


def event_of(name: str, data: Mapping[str, Any]) -> Event:
    """The event of that name which tells `data`."""
    told = dict(data)
    voice, text = told.pop("voice", None), told.get("text")
    return Event(name, text if name == "token" and len(told) == 1 and isinstance(text, str) else told, voice)


def token(text: str) -> Event:
    """Text to append to the reply."""
    return Event("token", text)


def usage(tokens_in: int | None, tokens_out: int | None, cost_usd: float | None, model: str) -> Event:
    """What a generation used; counts are None when upstream gave none, the cost when no price is known."""
    data: UsageData = {
        "tokens_in": tokens_in,
        "tokens_out": tokens_out,
        "cost_usd": cost_usd,
        "model": model,
    }
    return Event("usage", data)


def failure(code: str, message: str, *, retryable: bool, request_id: str) -> Event:
    """One sentence that the reader can be shown."""
    data: FailureData = {
        "code": code,
        "message": message,
        "retryable": retryable,
        "request_id": request_id,
    }
    return Event("failure", data)


def voice_done(finish_reason: str) -> Event:
    """The end of one voice of several."""
    data: VoiceDoneData = {"finish_reason": finish_reason}
    return Event("voice_done", data)


def snapshot(standings: Iterable[Standing]) -> Event:
    """Replaces everything that the reader has put together."""
    data: SnapshotData = {"generations": list(standings)}
    return Event("snapshot", data)


def done(finish_reason: str) -> Event:
    """The end of the turn: the last event of every log."""
    data: DoneData = {"finish_reason": finish_reason}
    return Event("done", data)


def spoken_by(voice: str, event: Event) -> Event:
    """The same event, told apart by its voice: turns with several voices tag every event but `done`."""
    return Event(event.name, event.told, voice)
