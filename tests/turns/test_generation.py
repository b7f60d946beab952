"""A generation by itself, over an upstream that never makes it wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import gevent

from chatapp.streaming.event import Event
from chatapp.turns.ending import STOPPED
from chatapp.turns.generation import RunningGeneration
from chatapp.upstream.client import Upstream
from chatapp.upstream.request import UpstreamRequest
from tests.turns.house import until

REQUEST = UpstreamRequest("m", (), "req_12345678")


class InstantReply:
    """A whole answer that is here already."""

    finish_reason = "stop"
    usage = None

    def __init__(self, texts: int) -> None:
        self._texts = texts
        self.closed = 0

    def follow(self, say: Callable[[str], None], over: Callable[[Exception | None], None]) -> None:
        for _ in range(self._texts):
            say("x")
        over(None)

    def close(self) -> None:
        self.closed += 1


class InstantUpstream:
    def __init__(self, texts: int) -> None:
        self.reply = InstantReply(texts)
        self.opened = 0

    def open(self, request: UpstreamRequest, attempts: Any) -> InstantReply:
        self.opened += 1
        return self.reply


def _generation(upstream: object) -> RunningGeneration:
    return RunningGeneration("g", "m", "seeker", REQUEST, cast(Upstream, upstream), alone=True)


def _run(generation: RunningGeneration) -> list[Event]:
    said: list[Event] = []
    ended: list[RunningGeneration] = []
    generation.start(said.append, ended.append)
    until(lambda: ended)
    assert ended == [generation], "it ends once"
    return said


def test_one_call_and_one_close_at_the_least() -> None:
    upstream = InstantUpstream(3)
    generation = _generation(upstream)
    _run(generation)
    assert upstream.opened == 1
    assert upstream.reply.closed >= 1
    assert generation.ending is not None
    assert generation.ending.status == "complete"


def test_a_stop_after_the_end_changes_nothing() -> None:
    generation = _generation(InstantUpstream(1))
    _run(generation)
    generation.stop(STOPPED)
    gevent.sleep(0.01)
    assert generation.ending is not None
    assert generation.ending.status == "complete"


def test_a_bug_of_our_own_still_gives_the_reply_an_end() -> None:
    class BrokenUpstream:
        def open(self, request: UpstreamRequest, attempts: Any) -> InstantReply:
            raise ZeroDivisionError

    generation = _generation(BrokenUpstream())
    _run(generation)
    assert generation.ending is not None
    assert generation.ending.failure is not None
    assert generation.ending.failure.error_code == "SERVER_ERROR"
