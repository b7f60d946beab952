"""Short ways to call upstream in these tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import gevent
import pytest
from gevent.event import AsyncResult

from chatapp.config import Settings
from chatapp.errors import UpstreamFailure
from chatapp.upstream.client import Upstream
from chatapp.upstream.reply import Reply
from chatapp.upstream.request import UpstreamRequest
from tests.scripted_upstream import ReceivedRequest, ScriptedUpstream

KEY = "sk-test-0123456789abcdef"
REQUEST = UpstreamRequest("gpt-4o-mini", ({"role": "user", "content": "Hi"},), "req_12345678")


class Stop(gevent.GreenletExit):
    """What the caller throws when patience ends or somebody cancels."""


@contextmanager
def upstream_at(server: ScriptedUpstream, *, pool_s: float = 5.0, **settings: object) -> Iterator[Upstream]:
    values = {"openai_api_key": KEY, "openai_base_url": server.base_url, **settings}
    upstream = Upstream(Settings.model_validate(values), pool_s=pool_s)
    try:
        yield upstream
    finally:
        upstream.close()


def read(upstream: Upstream, request: UpstreamRequest = REQUEST) -> str:
    """The whole text of one answer, closed as it should be."""
    reply = upstream.open(request)
    try:
        return text(reply)
    finally:
        reply.close()


def text(reply: Reply) -> str:
    """All that it still tells."""
    return "".join(texts(reply))


def texts(reply: Reply) -> list[str]:
    """What it still tells, as it was told."""
    told: list[str] = []
    follow(reply, told.append)
    return told


def follow(reply: Reply, say: Callable[[str], None]) -> None:
    """Waits for its end. Raises what ended it."""
    over: AsyncResult[Exception | None] = AsyncResult()
    reply.follow(say, over.set)
    outcome = over.get()
    if outcome is not None:
        raise outcome


def failure(call: Callable[[], object]) -> UpstreamFailure:
    """The failure that `call` ends in."""
    with pytest.raises(UpstreamFailure) as caught:
        call()
    return caught.value


def stop(
    greenlet: gevent.Greenlet[[Upstream, UpstreamRequest], str],
    server: ScriptedUpstream,
    request: ReceivedRequest,
) -> None:
    """Throws Stop into `greenlet`; it has to go through, and `server` to see the hang-up within a second."""
    greenlet.kill(Stop, timeout=1)
    assert isinstance(greenlet.value, Stop)
    assert request.hung_up.wait(1), server.requests


def until(condition: Callable[[], object], timeout_s: float = 10) -> None:
    """Waits until `condition` holds."""
    limit = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < limit, "it did not come about"
        gevent.sleep(0.005)
