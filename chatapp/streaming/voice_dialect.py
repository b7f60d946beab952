"""The dialect of one voice of a turn: its events alone, at the turn's own positions, to its own end."""

from __future__ import annotations

from chatapp.streaming.dialect import EVENTS, Dialect, SharedDialect, encoded_json
from chatapp.streaming.event import Event, done, snapshot


class VoiceDialect(SharedDialect):
    """For turns with several voices. The stream of a voice ends with that voice, though the turn may go on."""

    def __init__(self, voice: str) -> None:
        self.name = f"voice {voice}"
        self._voice = voice

    def covers(self, event: Event) -> bool:
        return event.name in ("done", "snapshot") or event.voice == self._voice

    def ends(self, event: Event) -> bool:
        """The turn's own end counts too: in a log that was shortened, the voice's may have left."""
        return event.name == "done" or (event.name == "voice_done" and self.covers(event))

    def opening(self, position: str) -> bytes:
        return EVENTS.opening(position)

    def frame(self, log_id: bytes, seq: int, event: Event) -> bytes:
        if not self.covers(event):
            return b""
        match event.name:
            case "voice_done":
                end = EVENTS.frame(log_id, seq, done(event.data["finish_reason"]))
                return b"event: voice_done\ndata: %b\n\n%b" % (encoded_json(event.data), end)
            case "snapshot":
                return EVENTS.frame(log_id, seq, self._alone(event))
        return EVENTS.frame(log_id, seq, event)

    def replacement(self, log_id: bytes, seq: int, snapshot: Event) -> bytes:
        return EVENTS.replacement(log_id, seq, self._alone(snapshot))

    def heartbeat(self, now_ms: int) -> bytes:
        return EVENTS.heartbeat(now_ms)

    def _alone(self, whole: Event) -> Event:
        return snapshot(each for each in whole.data["generations"] if each["voice"] == self._voice)


def one_voice(voice: str, *, alone: bool) -> Dialect:
    """How to tell one voice. `alone` says that the turn has no other: its events carry no voice then, and all of
    them are meant."""
    return EVENTS if alone else VoiceDialect(voice)
