"""The pool: who gets which connection, how many there are, and that none is lost."""

from __future__ import annotations

import gc
import random
import socket
import sys
import weakref
from collections.abc import Iterator

import gevent
import httpx2
import pytest

from chatapp.upstream.connection import Connection
from chatapp.upstream.origin import Origin
from chatapp.upstream.pool import Pool
from tests.upstream.calls import Stop

HERE = Origin("http", "a.example", 80)
THERE = Origin("https", "a.example", 443)


class Network:
    """Makes connections to itself."""

    def __init__(self) -> None:
        self.far: list[socket.socket] = []
        self.delay_s: float | None = None
        self.refuses = False

    def connect(self) -> Connection:
        if self.delay_s is not None:
            gevent.sleep(self.delay_s)
        if self.refuses:
            raise httpx2.ConnectError("nobody is there")
        near, far = socket.socketpair()
        self.far.append(far)
        return Connection(near)

    def open(self) -> int:
        """How many of its connections are open at the near end."""
        return sum(not _has_ended(far) for far in self.far)


def _has_ended(far: socket.socket) -> bool:
    far.settimeout(0.0)
    try:
        while far.recv(1 << 20):
            pass
        return True
    except BlockingIOError:
        return False
    except OSError:
        return True


@pytest.fixture
def network() -> Iterator[Network]:
    network = Network()
    yield network
    for far in network.far:
        far.close()


def free(pool: Pool, network: Network) -> int:
    """How many connections can still be taken."""
    taken: list[Connection] = []
    try:
        while True:
            taken.append(pool.take(HERE, 0, network.connect))
    except httpx2.PoolTimeout:
        return len(taken)
    finally:
        for connection in taken:
            pool.give_back(connection, reusable=False)


def test_a_connection_that_can_serve_again_does(network: Network) -> None:
    pool = Pool(2, 2, 60)
    first = pool.take(HERE, 0, network.connect)
    second = pool.take(HERE, 0, network.connect)
    assert first is not second
    pool.give_back(second, reusable=True)
    pool.give_back(first, reusable=True)
    # The one that was used last is the likeliest to be alive.
    assert pool.take(HERE, 0, network.connect) is first
    assert pool.take(HERE, 0, network.connect) is second
    assert len(network.far) == 2
    pool.close()


def test_a_connection_leads_to_its_origin_alone(network: Network) -> None:
    pool = Pool(9, 9, 60)
    for origin in (HERE, THERE, HERE._replace(port=81), HERE._replace(host="b.example")):
        pool.give_back(pool.take(origin, 0, network.connect), reusable=True)
    assert (len(network.far), network.open()) == (4, 4)
    pool.give_back(pool.take(THERE, 0, network.connect), reusable=True)
    assert len(network.far) == 4
    pool.close()


@pytest.mark.parametrize("spoiled", ["not reusable", "closed", "failed"])
def test_what_cannot_serve_again_is_closed(network: Network, spoiled: str) -> None:
    pool = Pool(1, 1, 60)
    connection = pool.take(HERE, 0, network.connect)
    if spoiled == "closed":
        connection.close()
    if spoiled == "failed":
        with pytest.raises(httpx2.WriteTimeout):
            connection.send(b"x" * 10_000_000, 0.01)
    pool.give_back(connection, reusable=spoiled != "not reusable")
    assert network.open() == 0
    assert pool.take(HERE, 0, network.connect) is not connection
    pool.close()


@pytest.mark.parametrize("arrived", [b"", b"x", b"HTTP/1.1 408 Timeout\r\nContent-Length: 0\r\n\r\n"])
def test_a_connection_that_said_something_while_it_waited_is_not_used_again(
    network: Network, arrived: bytes
) -> None:
    pool = Pool(1, 1, 60)
    connection = pool.take(HERE, 0, network.connect)
    pool.give_back(connection, reusable=True)
    if arrived:
        network.far[0].sendall(arrived)
    else:
        network.far[0].shutdown(socket.SHUT_WR)
    assert pool.take(HERE, 0, network.connect) is not connection
    assert _has_ended(network.far[0])
    pool.close()


def test_a_connection_that_waited_for_too_long_is_not_used_again(network: Network) -> None:
    pool = Pool(2, 2, 0.01)
    connection = pool.take(HERE, 0, network.connect)
    pool.give_back(connection, reusable=True)
    gevent.sleep(0.02)
    assert pool.take(HERE, 0, network.connect) is not connection
    assert _has_ended(network.far[0])
    pool.close()


def test_connections_that_waited_for_too_long_go_when_another_comes_back(network: Network) -> None:
    pool = Pool(3, 3, 0.01)
    for connection in [pool.take(origin, 0, network.connect) for origin in (HERE, THERE)]:
        pool.give_back(connection, reusable=True)
    gevent.sleep(0.02)
    pool.give_back(pool.take(HERE._replace(port=81), 0, network.connect), reusable=True)
    assert [_has_ended(far) for far in network.far[:2]] == [True, True]
    pool.close()


def test_no_more_are_kept_than_are_wanted_and_the_oldest_go(network: Network) -> None:
    pool = Pool(5, 2, 60)
    taken = [pool.take(origin, 0, network.connect) for origin in (HERE, THERE, HERE, THERE, HERE)]
    for connection in taken:
        pool.give_back(connection, reusable=True)
    assert [_has_ended(far) for far in network.far] == [True, True, True, False, False]
    assert pool.take(THERE, 0, network.connect) is taken[3]
    assert pool.take(HERE, 0, network.connect) is taken[4]
    pool.close()


def test_a_pool_may_keep_none(network: Network) -> None:
    pool = Pool(1, 0, 60)
    pool.give_back(pool.take(HERE, 0, network.connect), reusable=True)
    assert network.open() == 0


def test_no_more_are_in_use_than_there_may_be(network: Network) -> None:
    pool = Pool(2, 2, 60)
    first, _second = (pool.take(HERE, 0, network.connect) for _ in range(2))
    for patience_s in (0, 0.01):
        with pytest.raises(httpx2.PoolTimeout):
            pool.take(HERE, patience_s, network.connect)
    waiting = gevent.spawn(pool.take, HERE, None, network.connect)
    gevent.sleep(0.01)
    assert not waiting.ready()
    pool.give_back(first, reusable=True)
    assert waiting.get(timeout=10) is first
    pool.close()


def test_connections_that_wait_take_nobodys_place(network: Network) -> None:
    pool = Pool(1, 9, 60)
    for origin in (HERE, THERE):
        pool.give_back(pool.take(origin, 0, network.connect), reusable=True)
    assert network.open() == 2
    pool.close()


@pytest.mark.parametrize("reusable", [True, False])
def test_giving_back_twice_gives_back_once(network: Network, reusable: bool) -> None:
    pool = Pool(2, 2, 60)
    first = pool.take(HERE, 0, network.connect)
    second = pool.take(THERE, 0, network.connect)
    pool.give_back(first, reusable=reusable)
    pool.give_back(first, reusable=reusable)
    pool.give_back(first, reusable=not reusable)
    assert free(pool, network) == 1
    pool.give_back(second, reusable=False)
    assert free(pool, network) == 2
    pool.close()


def test_a_place_comes_back_when_nobody_is_reached(network: Network) -> None:
    pool = Pool(1, 1, 60)
    network.refuses = True
    for _ in range(3):
        with pytest.raises(httpx2.ConnectError):
            pool.take(HERE, 0, network.connect)
    network.refuses = False
    assert free(pool, network) == 1


def test_a_place_comes_back_from_who_is_stopped_while_connecting_or_waiting(network: Network) -> None:
    pool = Pool(1, 1, 60)
    network.delay_s = 60
    connecting = gevent.spawn(pool.take, HERE, None, network.connect)
    waiting = gevent.spawn(pool.take, HERE, None, network.connect)
    gevent.sleep(0.01)
    for each in (waiting, connecting):
        each.kill(Stop, timeout=10)
        assert isinstance(each.value, Stop)
    network.delay_s = None
    assert free(pool, network) == 1


def test_closing_closes_what_waits_and_what_is_in_use(network: Network) -> None:
    pool = Pool(2, 2, 60)
    connections = [pool.take(HERE, 0, network.connect) for _ in range(2)]
    pool.give_back(connections[0], reusable=True)
    reading = gevent.spawn(connections[1].receive)
    gevent.sleep(0.01)
    pool.close()
    with pytest.raises(httpx2.ReadError):
        reading.get(timeout=10)
    assert network.open() == 0
    pool.give_back(connections[1], reusable=True)
    pool.close()
    assert network.open() == 0


def test_a_connection_that_opens_after_the_close_is_closed_at_once(network: Network) -> None:
    pool = Pool(1, 1, 60)
    network.delay_s = 0.02
    late = gevent.spawn(pool.take, HERE, None, network.connect)
    later = gevent.spawn(pool.take, HERE, None, network.connect)
    gevent.sleep(0)
    pool.close()
    for each in (late, later):
        with pytest.raises(httpx2.ConnectError):
            each.get(timeout=10)
    assert network.open() == 0


def test_a_redirecting_upstream_leaves_nothing_behind(network: Network) -> None:
    gc.disable()
    try:
        pool = Pool(1, 1, 60)
        held = []
        for port in range(50):
            connection = pool.take(HERE._replace(port=port), 0, network.connect)
            held.append(weakref.ref(connection))
            pool.give_back(connection, reusable=port % 2 == 0)
            del connection
        assert sum(each() is not None for each in held) == 1
        pool.close()
        assert sum(each() is not None for each in held) == 0
    finally:
        gc.enable()


def test_whatever_happens_to_many_nothing_is_lost(network: Network) -> None:
    seed = random.randrange(2**32)
    sys.stderr.write(f"seed {seed}\n")
    luck = random.Random(seed)
    pool = Pool(5, 3, 60)
    network.delay_s = 0

    def use() -> None:
        connection = pool.take(luck.choice((HERE, THERE)), luck.choice((None, 0.001)), network.connect)
        try:
            gevent.sleep(luck.random() / 500)
        finally:
            pool.give_back(connection, reusable=luck.random() < 0.5)

    for _ in range(20):
        users = [gevent.spawn(use) for _ in range(20)]
        while not all(each.ready() for each in users):
            gevent.sleep(luck.random() / 1000)
            luck.choice(users).kill(Stop, block=False)
        assert network.open() <= 3
        for each in users:
            assert each.exception is None or isinstance(each.exception, httpx2.PoolTimeout)
    network.delay_s = None
    assert free(pool, network) == 5
    pool.close()
    assert network.open() == 0
