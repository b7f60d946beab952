"""The simulator over TCP, called by the product's own client."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from dataclasses import replace
from urllib.request import urlopen

import gevent
import pytest

from chatapp.config import Settings
from chatapp.upstream.client import Upstream
from chatapp.upstream.simulator.body import MODELS
from chatapp.upstream.simulator.pace import Pace
from chatapp.upstream.simulator.server import SimulatorServer
from tests.upstream.calls import REQUEST, Stop, failure, read, text, until

FAST = Pace(0.0, math.inf)


@pytest.fixture
def server() -> Iterator[SimulatorServer]:
    server = SimulatorServer.private(FAST)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def upstream(server: SimulatorServer) -> Iterator[Upstream]:
    upstream = Upstream(Settings(), base_url=server.base_url, api_key=server.api_key)
    yield upstream
    upstream.close()


def ended(server: SimulatorServer, aborted: int) -> bool:
    """Whether, within a second, no request is open any more and so many were aborted."""
    limit = time.monotonic() + 1
    while time.monotonic() < limit:
        stats = server.simulator.stats
        if (stats.open, stats.aborted) == (0, aborted):
            return True
        gevent.sleep(0.01)
    return False


def test_an_answer_through_the_real_client(server: SimulatorServer, upstream: Upstream) -> None:
    reply = upstream.open(REQUEST)
    assert "simulated" in text(reply)
    reply.close()
    assert reply.finish_reason == "stop"
    assert reply.usage is not None
    assert upstream.models() == MODELS
    assert ended(server, aborted=0)


@pytest.mark.parametrize(
    ("scenario", "code", "retries"),
    [
        ("rate_limit", "RATE_LIMIT", 2),
        ("server_error", "SERVER_ERROR", 2),
        ("auth", "UPSTREAM_AUTH", 0),
        ("forbidden", "UPSTREAM_FORBIDDEN", 0),
        ("not_found", "MODEL_NOT_FOUND", 0),
        ("cut", "UPSTREAM_INTERRUPTED", 0),
        ("malformed", "SERVER_ERROR", 0),
    ],
)
def test_faults(upstream: Upstream, scenario: str, code: str, retries: int) -> None:
    found = failure(lambda: read(upstream, replace(REQUEST, scenario=scenario)))
    assert (found.error_code, found.retries) == (code, retries)


@pytest.mark.parametrize("scenario", ["timeout", "silent", "slow"])
def test_a_caller_that_loses_patience_is_noticed(
    server: SimulatorServer, upstream: Upstream, scenario: str
) -> None:
    greenlet = gevent.spawn(read, upstream, replace(REQUEST, scenario=scenario))
    gevent.sleep(0.05)
    assert not greenlet.ready()
    assert server.simulator.stats.open == 1
    greenlet.kill(Stop, timeout=1)
    assert ended(server, aborted=1)


def test_a_hang_up_while_an_answer_runs_is_noticed_at_the_next_token() -> None:
    server = SimulatorServer(pace=Pace(0.0, 200))
    server.start()
    upstream = Upstream(Settings(), base_url=server.base_url, api_key="anything")
    reply = upstream.open(REQUEST)
    told: list[str] = []
    reply.follow(told.append, lambda _: None)
    until(lambda: told)
    reply.close()
    assert ended(server, aborted=1)
    upstream.close()
    server.stop()


def test_nobody_else_may_ask_the_private_one(server: SimulatorServer) -> None:
    stranger = Upstream(Settings(), base_url=server.base_url, api_key="guessed")
    assert failure(stranger.models).error_code == "UPSTREAM_AUTH"
    stranger.close()


def test_stats_are_shown_to_tests(server: SimulatorServer, upstream: Upstream) -> None:
    read(upstream)
    with urlopen(server.base_url.replace("/v1", "/stats")) as answer:
        assert json.load(answer)["finished"] == 1
