"""Real servers for the tests of several processes. They take a while to start, so these tests share them."""

from __future__ import annotations

from collections.abc import Iterator

import gevent
import pytest

from tests.machines.ground import SHARED, Ground
from tests.postgresql_server import PostgresqlServer
from tests.reading import Reading
from tests.scripted_upstream import ScriptedUpstream
from tests.server import RunningServer
from tests.valkey import RunningValkey

TEST_S = 180
"""Heartbeats keep a reader waiting for ever; a test that waits for what never comes has failed."""


def _patience() -> gevent.Timeout:
    return gevent.Timeout(TEST_S, AssertionError("waited in vain"))


@pytest.fixture(scope="package")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as running:
        yield running


@pytest.fixture(scope="package")
def pair(
    upstream: ScriptedUpstream,
    postgresql: PostgresqlServer,
    shared_valkey: RunningValkey,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Ground]:
    """Two servers that stand for two machines: they share a database and a Valkey, and no folder."""
    settings = {
        **SHARED,
        "OPENAI_BASE_URL": upstream.base_url,
        "DATABASE_URL": postgresql.make_database("machines", "chatapp_template"),
        "REDIS_URL": shared_valkey.url,
    }
    servers = [RunningServer(tmp_path_factory.mktemp("machine"), settings) for _ in range(2)]
    gevent.joinall([gevent.spawn(server.start) for server in servers], raise_error=True)
    yield Ground(servers, settings, upstream)
    gevent.joinall([gevent.spawn(server.stop) for server in servers], raise_error=True)


@pytest.fixture
def machines(pair: Ground) -> Iterator[Ground]:
    """The two machines, both alive."""
    pair.begin()
    with _patience():
        yield pair
    Reading.close_all()


@pytest.fixture(scope="package")
def crowd(
    upstream: ScriptedUpstream, shared_valkey: RunningValkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ground]:
    settings = {
        **SHARED,
        "OPENAI_BASE_URL": upstream.base_url,
        "REDIS_URL": shared_valkey.url,
        "WEB_CONCURRENCY": "2",
    }
    with RunningServer(tmp_path_factory.mktemp("workers"), settings) as server:
        yield Ground([server], settings, upstream)


@pytest.fixture
def workers(crowd: Ground) -> Iterator[Ground]:
    """One server on SQLite with two workers."""
    crowd.begin()
    with _patience():
        yield crowd
    Reading.close_all()
