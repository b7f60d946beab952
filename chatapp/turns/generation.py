"""A running generation: one upstream call, from the prompt to its ending."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import gevent
from gevent.hub import get_hub

from chatapp.errors import UpstreamFailure
from chatapp.own_stack import on_own_stack
from chatapp.streaming.event import Event, Standing, spoken_by, token
from chatapp.telemetry.log import logger
from chatapp.turns.ending import Ending, failed, whole
from chatapp.upstream.attempts import Attempts
from chatapp.upstream.client import Upstream
from chatapp.upstream.failures import SERVER_ERROR
from chatapp.upstream.reply import Reply
from chatapp.upstream.request import UpstreamRequest
from chatapp.upstream.usage import Usage


class Stopped(gevent.GreenletExit):
    """Thrown into a generation that waits for upstream. No `except Exception` on the way swallows it."""


class RunningGeneration:
    """Reads upstream and appends to the turn's log. It does not know its readers.

    `say` appends an event, `ended` is told once, when upstream is done with and before its connection is
    tidied up; what it does then is the turn's business.
    """

    __slots__ = (
        "_alone",
        "_asked",
        "_attempts",
        "_greenlet",
        "_reply",
        "_upstream",
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
        *,
        alone: bool,
    ) -> None:
        self.id = generation_id
        self.message_id = message_id
        self.voice = voice
        self.request = request
        self.parts: list[str] = []
        self.ending: Ending | None = None
        self.started_at = self.heard_at = time.monotonic()
        self.first_token_at: float | None = None
        self._attempts = Attempts()
        self.reading = False
        self.saved_parts = 0
        self.saved_length = 0
        self._alone = alone
        self._upstream = upstream
        self._reply: Reply | None = None
        self._asked: Ending | None = None
        self._greenlet: gevent.Greenlet[..., None] | None = None

    def start(self, say: Callable[[Event], None], ended: Callable[[RunningGeneration], None]) -> None:
        """Runs in a greenlet of its own, which is entered after the caller has waited for something."""
        self._greenlet = gevent.spawn(self._run, say, ended)

    def stop(self, ending: Ending) -> None:
        """Asks to end so. From any greenlet, at any time: before the start, twice, and after the end too."""
        self._asked = self._asked or ending
        get_hub().loop.run_callback(self._interrupt)

    def tagged(self, event: Event) -> Event:
        """The event as this generation's readers know it."""
        return event if self._alone else spoken_by(self.voice, event)

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
    def finished_reading(self) -> bool:
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

    def _run(self, say: Callable[[Event], None], ended: Callable[[RunningGeneration], None]) -> None:
        self.started_at = self.heard_at = time.monotonic()
        try:
            self.ending = self._relay(say)
            if self.ending.status != "complete":
                self._close()
            ended(self)
        finally:
            self._close()

    def _relay(self, say: Callable[[Event], None]) -> Ending:
        try:
            return whole(self._read(say))
        except Stopped:
            assert self._asked is not None
            return self._asked
        except UpstreamFailure as failure:
            return failed(failure, some_text=bool(self.parts))
        except Exception:  # noqa: BLE001 - whatever is wrong with our own code, a reply has an end
            logger.exception("Generation failed", extra={"generation_id": self.id})
            return failed(SERVER_ERROR.failure(), some_text=bool(self.parts))
        finally:
            self.reading = False

    def _read(self, say: Callable[[Event], None]) -> str:
        """Appends what arrives; upstream's finish reason."""
        self.reading = True
        if self._asked is not None:
            raise Stopped
        reply = self._reply = on_own_stack(partial(self._upstream.open, self.request, self._attempts))
        reply.relay(partial(self._hear, say))
        return reply.finish_reason or "stop"

    def _hear(self, say: Callable[[Event], None], text: str) -> None:
        """Runs in the hub for every piece of text."""
        self.heard_at = time.monotonic()
        if self.first_token_at is None:
            self.first_token_at = self.heard_at
        self.parts.append(text)
        say(self.tagged(token(text)))

    def _interrupt(self) -> None:
        # Runs in the hub: the greenlet is waiting for upstream, or it is past that and must not be disturbed.
        if self.reading and self._greenlet is not None:
            self.reading = False
            self._greenlet.throw(Stopped)

    def _close(self) -> None:
        if self._reply is not None:
            self._reply.close()
