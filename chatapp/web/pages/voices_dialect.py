"""The dialect of the page that is streamed, for several voices: each one's blocks in a place of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from markupsafe import Markup

from chatapp.streaming.event import Event
from chatapp.web.pages.live_voice import LiveReply, LiveVoice
from chatapp.web.pages.page_dialect import PageDialect

_NOWHERE = "label"
"""A slot that is not there: browsers that know slots show, and read out, nothing of what is in it."""


class VoicesDialect(PageDialect):
    """For one reader. `voices` by their keys. Blocks leave in the order in which they are finished; where a browser
    shows them so, a label before a block says whose it is."""

    name = "blocks of voices"

    def __init__(self, voices: Mapping[str, LiveVoice]) -> None:
        self._replies = {key: LiveReply(voice) for key, voice in voices.items()}
        self._latest: LiveReply | None = None

    def opening(self, position: str) -> bytes:
        return b"<!-- the answers, as they are written -->\n"

    def replacement(self, log_id: bytes, seq: int, snapshot: Event) -> bytes:
        """What is missing on the page of the text that there is."""
        return self.frame(log_id, seq, snapshot)

    def _told(self, event: Event) -> Iterator[Markup]:
        match event.name:
            case "snapshot":
                for each in event.data["generations"]:
                    reply = self._replies[each["voice"]]
                    yield from self._by(reply, reply.stand(each["text"], each["status"]))
            case "done":
                for reply in self._replies.values():
                    yield from self._by(reply, reply.end_with_the_turn())
            case "token" | "failure" | "voice_done":
                reply = self._replies[event.data["voice"]]
                yield from self._by(reply, _said(reply, event))

    def _by(self, reply: LiveReply, parts: Iterable[Markup]) -> Iterator[Markup]:
        for part in parts:
            if reply is not self._latest:
                self._latest, voice = reply, reply.voice
                label = Markup('<p slot="{}" class="live-label" data-colour="{}">{}</p>\n')
                yield label.format(_NOWHERE, voice.colour, voice.name)
            yield part


def _said(reply: LiveReply, event: Event) -> list[Markup]:
    if event.name == "token":
        return reply.grow(event.data["text"])
    if event.name == "failure":
        return reply.fail(event.data["code"], event.data["message"])
    return reply.end(event.data["finish_reason"])
