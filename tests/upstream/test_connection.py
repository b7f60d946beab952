"""One connection: what it reads, how it ends, and that ending it ends it, plain and within TLS."""

from __future__ import annotations

import gc
import os
import socket
import ssl
import struct
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

import gevent
import httpx2
import pytest

from chatapp.upstream.connection import Connection
from tests.upstream.calls import Stop, until
from tests.upstream.certificates import client_tls, server_tls
from tests.upstream.pairs import connected, connected_by_tls, sees_the_end

Pair = Callable[[], AbstractContextManager[tuple[Connection, socket.socket]]]

both_kinds = pytest.mark.parametrize("pair", [connected, connected_by_tls], ids=["plain", "tls"])


def is_noisy(connection: Connection) -> bool:
    return not connection.is_quiet()


@both_kinds
def test_bytes_go_out_and_come_in_until_the_end(pair: Pair) -> None:
    with pair() as (connection, far):
        connection.send(b"question", 10)
        assert far.recv(100) == b"question"
        far.sendall(b"answer")
        assert connection.receive() == b"answer"
        far.shutdown(socket.SHUT_WR)
        assert connection.receive() == b""


@both_kinds
def test_reading_waits_for_longer_than_writing_may_take(pair: Pair) -> None:
    with pair() as (connection, far):
        connection.send(b"question", 0.01)
        reading = gevent.spawn(connection.receive)
        gevent.sleep(0.1)
        far.sendall(b"late")
        assert reading.get(timeout=10) == b"late"


@both_kinds
def test_a_request_that_nobody_takes_is_given_up(pair: Pair) -> None:
    with pair() as (connection, _far):
        with pytest.raises(httpx2.WriteTimeout):
            connection.send(b"x" * 10_000_000, 0.05)
        assert not connection.sound


@both_kinds
def test_a_request_to_nobody_fails(pair: Pair) -> None:
    with pair() as (connection, far):
        far.close()
        with pytest.raises(httpx2.WriteError):
            connection.send(b"x" * 10_000_000, 10)
        assert not connection.sound


@both_kinds
def test_closing_ends_a_request_that_is_being_sent(pair: Pair) -> None:
    with pair() as (connection, far):
        sending = gevent.spawn(connection.send, b"x" * 10_000_000, None)
        gevent.sleep(0.02)
        assert not sending.ready()
        connection.close()
        with pytest.raises(httpx2.WriteError):
            sending.get(timeout=10)
        assert sees_the_end(far)


@both_kinds
def test_closing_wakes_the_one_who_reads(pair: Pair) -> None:
    with pair() as (connection, far):
        reading = gevent.spawn(connection.receive)
        gevent.sleep(0.01)
        connection.close()
        connection.close()
        with pytest.raises(httpx2.ReadError):
            reading.get(timeout=10)
        with pytest.raises(httpx2.ReadError):
            connection.receive()
        assert sees_the_end(far)


@both_kinds
def test_closing_in_the_moment_in_which_something_arrives(pair: Pair) -> None:
    # Both become readable in the same turn of the loop; whichever wakes first closes the other.
    with pair() as (left, left_far), pair() as (right, right_far):

        def race(own: Connection, other: Connection) -> str:
            try:
                own.receive()
            except httpx2.ReadError:
                return "closed"
            other.close()
            return "read"

        racing = [gevent.spawn(race, left, right), gevent.spawn(race, right, left)]
        gevent.sleep(0.01)
        for far in (left_far, right_far):
            far.sendall(b"x")
        assert sorted(each.get(timeout=10) for each in racing) == ["closed", "read"]


@both_kinds
def test_whatever_is_thrown_into_a_reader_goes_through(pair: Pair) -> None:
    with pair() as (connection, far):
        reading = gevent.spawn(connection.receive)
        gevent.sleep(0.01)
        reading.kill(Stop, timeout=10)
        assert isinstance(reading.value, Stop)
        far.sendall(b"later")
        assert connection.receive() == b"later"


@both_kinds
def test_it_is_quiet_until_something_arrives(pair: Pair) -> None:
    with pair() as (connection, far):
        assert connection.is_quiet()
        far.sendall(b"x")
        until(partial(is_noisy, connection))
    with pair() as (connection, far):
        far.close()
        until(partial(is_noisy, connection))


def test_a_reset_is_an_error_and_no_quiet() -> None:
    for is_read in (True, False):
        with socket.create_server(("127.0.0.1", 0)) as listening:
            near = socket.create_connection(listening.getsockname())
            far, _ = listening.accept()
        connection = Connection(near)
        far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        far.close()
        if is_read:
            with pytest.raises(httpx2.ReadError):
                connection.receive()
            assert not connection.sound
        else:
            until(partial(is_noisy, connection))
        connection.close()


@both_kinds
def test_closing_frees_the_descriptor_and_the_object(pair: Pair) -> None:
    gc.disable()
    try:
        with pair() as (connection, far):
            far.sendall(b"x")
            assert connection.receive() == b"x"
            connection.close()
            assert sees_the_end(far)
            held = weakref.ref(connection)
            del connection
        assert held() is None
    finally:
        gc.enable()


def test_tls_records_that_arrived_together_are_read_without_waiting_for_more() -> None:
    with connected_by_tls() as (connection, far):
        sent = [b"a" * 16_384 * 2, *[b"%d," % number for number in range(30)], b"end"]
        for record in sent:
            far.sendall(record)
        found = b""
        while not found.endswith(b"end"):
            found += connection.receive()
        assert found == b"".join(sent)


def test_a_tls_record_in_pieces_is_waited_for() -> None:
    near, far = socket.socketpair()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    peer = server_tls("far.example").wrap_bio(incoming, outgoing, server_side=True)

    def shake() -> None:
        while True:
            try:
                peer.do_handshake()
                break
            except ssl.SSLWantReadError:
                far.sendall(outgoing.read())
                incoming.write(far.recv(65536))
        far.sendall(outgoing.read())

    shaking = gevent.spawn(shake)
    connection = Connection(client_tls().wrap_socket(near, server_hostname="far.example"))
    shaking.get(timeout=10)
    peer.write(b"whole")
    reading = gevent.spawn(connection.receive)
    for byte in outgoing.read():
        assert not reading.ready()
        far.sendall(bytes([byte]))
        gevent.sleep(0)
    assert reading.get(timeout=10) == b"whole"
    connection.close()
    far.close()


def test_the_tickets_of_tls_1_3_are_no_noise() -> None:
    with connected_by_tls() as (connection, far):
        assert far.version() == "TLSv1.3"
        # OpenSSL's server sends two tickets after the handshake, which nobody has read yet.
        assert connection.is_quiet()
        far.sendall(b"x")
        assert connection.receive() == b"x"
        assert connection.is_quiet()


def test_a_tls_connection_that_ends_without_a_farewell_has_ended() -> None:
    with connected_by_tls() as (connection, far):
        far.sendall(b"x")
        with socket.socket(fileno=os.dup(far.fileno())) as raw:
            raw.shutdown(socket.SHUT_WR)
        assert connection.receive() == b"x"
        assert connection.receive() == b""


def test_garbage_within_tls_is_an_error() -> None:
    with connected_by_tls() as (connection, far):
        with socket.socket(fileno=os.dup(far.fileno())) as raw:
            raw.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with pytest.raises(httpx2.ReadError):
            connection.receive()
