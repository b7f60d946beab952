"""A running generation: one upstream call, from the prompt to its ending."""

from __future__ import annotations

import time
from collections.abc import Callable

import gevent
from gevent.hub import get_hub

from chatapp.errors import UpstreamFailure
from chatapp.streaming.event import Event, spoken_by, token
from chatapp.streaming.event_data import Standing
from chatapp.telemetry.log import logger
from chatapp.turns.ending import Ending, failed, whole
from chatapp.upstream.admission import Place
from chatapp.upstream.attempts import Attempts
from chatapp.upstream.client import Upstream
from chatapp.upstream.failures import SERVER_ERROR
from chatapp.upstream.reply import Reply
from chatapp.upstream.request import UpstreamRequest
from chatapp.upstream.usage import Usage


class Stopped(gevent.GreenletExit):
    """Thrown into a generation that waits for its place or for upstream. No `except Exception` on the way swallows
    it."""


class RunningGeneration:
    """Reads upstream and appends to the turn's log. It does not know its readers.

    `say` appends an event. `ended` is told once, when `ending` is there and nothing more will be said; what it does
    then is the turn's business. The connection of a whole answer is tidied up after that, any other is closed before.
    """

    __slots__ = (
        "_alone",
        "_asking",
        "_attempts",
        "_ended",
        "_place",
        "_reply",
        "_say",
        "_upstream",
        "_wanted",
        "began_at",
        "ending",
        "first_token_at",
        "heard_at",
        "id",
        "message_id",
        "parts",
        "reading",
        "request",
        "saved_length",
        "saved_parts",
        "started_at",
        "voice",
    )

    def __init__(
        self,
        generation_id: str,
        message_id: str,
        voice: str,
        request: UpstreamRequest,
        upstream: Upstream,
        place: Place,
        *,
        alone: bool,
    ) -> None:
        self.id = generation_id
        self.message_id = message_id
        self.voice = voice
        self.request = request
        self.parts: list[str] = []
        self.ending: Ending | None = None
        self.began_at = self.heard_at = time.monotonic()
        self.started_at: float | None = None
        """When it had its place, and upstream was asked: patience and timings count from here."""
        self.first_token_at: float | None = None
        self._attempts = Attempts()
        self.reading = False
        """From its start, its wait for a place included, until there is nothing more to hear: so long it can be
        stopped."""
        self.saved_parts = 0
        self.saved_length = 0
        self._alone = alone
        self._upstream = upstream
        self._place = place
        self._reply: Reply | None = None
        self._wanted: Ending | None = None
        self._asking: gevent.Greenlet[..., None] | None = None
        self._say: Callable[[Event], None]
        self._ended: Callable[[RunningGeneration], None]

    def start(self, say: Callable[[Event], None], ended: Callable[[RunningGeneration], None]) -> None:
        """Asks upstream, once there is a place, in a greenlet, which is entered after the caller has waited for
        something."""
        self._say, self._ended = say, ended
        self.began_at = time.monotonic()
        self._place.ask()
        self._asking = gevent.spawn(self._ask)

    def stop(self, ending: Ending) -> None:
        """Asks to end so. From any greenlet, at any time: before the start, twice, and after the end too."""
        self._wanted = self._wanted or ending
        get_hub().loop.run_callback(self._interrupt)

    def tagged(self, event: Event) -> Event:
        """The event as this generation's readers know it."""
        return event if self._alone else spoken_by(self.voice, event)

    @property
    def is_queued(self) -> bool:
        """Whether it waits for its place."""
        return self._place.is_waited_for

    @property
    def text(self) -> str:
        return "".join(self.parts)

    @property
    def retries(self) -> int:
        """How often the client has tried again before the answer began."""
        return self._attempts.retries

    @property
    def usage(self) -> Usage:
        """What upstream says was used; without numbers when it says nothing."""
        return (self._reply and self._reply.usage) or Usage(None, None)

    @property
    def is_whole(self) -> bool:
        """Whether upstream has said how the answer ends, though it may still send what it used."""
        return self._reply is not None and self._reply.finish_reason is not None

    def standing(self) -> Standing:
        """How it stands, for a snapshot."""
        status = self.ending.status if self.ending else "streaming"
        return {"generation_id": self.id, "voice": self.voice, "text": self.text, "status": status}

    def whole_as_it_stands(self) -> Ending:
        """The ending of an answer that is complete, whatever upstream still holds back."""
        assert self._reply is not None and self._reply.finish_reason is not None
        return whole(self._reply.finish_reason)

    def _ask(self) -> None:
        """The greenlet ends when the answer begins: from then on the event loop calls `_hear`."""
        self.reading = True
        try:
            if self._wanted is not None:
                raise Stopped
            self._place.wait()
            self.started_at = self.heard_at = time.monotonic()
            self._reply = self._upstream.open(self.request, self._attempts)
        except (Stopped, Exception) as error:  # noqa: BLE001 - whatever is wrong, a reply has an end
            self._over(error)
        else:
            self._asking = None
            self._reply.follow(self._hear, self._over)

    def _hear(self, text: str) -> None:
        """Runs in the event loop for every piece of text."""
        if self.ending is not None:
            return  # what arrives later is saved no more, and must not be told either
        self.heard_at = time.monotonic()
        if self.first_token_at is None:
            self.first_token_at = self.heard_at
        self.parts.append(text)
        self._say(self.tagged(token(text)))

    def _interrupt(self) -> None:
        """Runs in the event loop. Who asks is thrown out of it once: past that it must not be disturbed."""
        if self.reading and self._asking is not None:
            self.reading = False
            self._asking.throw(Stopped)
        elif self.reading:
            self._over(Stopped())

    def _over(self, error: BaseException | None) -> None:
        """There is nothing more to hear. What is left to do may wait, and has a greenlet again."""
        self.reading = False
        if self.ending is None:
            self.ending = self._ending_after(error)
            gevent.spawn(self._finish)
        self._place.give_back()  # whoever gets it is woken after `_finish`, which hangs up first if it has to

    def _ending_after(self, error: BaseException | None) -> Ending:
        if error is None and self._reply is not None:
            return whole(self._reply.finish_reason or "stop")
        if isinstance(error, Stopped) and self._wanted is not None:
            return self._wanted
        if isinstance(error, UpstreamFailure):
            return failed(error, some_text=bool(self.parts))
        logger.error("Generation failed", exc_info=error, extra={"generation_id": self.id})
        return failed(SERVER_ERROR.failure(), some_text=bool(self.parts))

    def _finish(self) -> None:
        assert self.ending is not None
        try:
            if self.ending.status != "complete":
                self._close()
            self._ended(self)
        finally:
            self._close()
            del self._say, self._ended  # they hold the turn, which holds this

    def _close(self) -> None:
        if self._reply is not None:
            self._reply.close()
