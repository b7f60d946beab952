"""What goes to a reader's socket past the server: the same bytes, in the same order, and none in the wrong place."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import NamedTuple

import gevent
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapp.streaming.dialect import EVENTS, Dialect
from chatapp.streaming.event import Event, done, snapshot, spoken_by, token, voice_done
from chatapp.streaming.event_log import EventLog
from chatapp.streaming.subscriber import Subscriber
from chatapp.streaming.voice_dialect import VoiceDialect
from chatapp.streaming.waiter import Waiter
from chatapp.web.markdown.render_thread import SHORT
from chatapp.web.pages.blocks_dialect import BlocksDialect
from chatapp.web.streams.socket_waiter import SocketWaiter, waiter_for
from chatapp.web.streams.waiter import GreenletWaiter
from tests.streaming.wire import unchunked
from tests.upstream.calls import until

LARGE = "x" * 60_000


class Line:
    """A server that writes what a subscriber yields in chunks, and the client at the other end."""

    def __init__(self, *, direct: bool, dialect: Dialect = EVENTS) -> None:
        self.server, self.client = socket.socketpair()
        self.server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.log = EventLog("0" * 20)
        self.yielded = 0
        waiter: Waiter = SocketWaiter(self.server) if direct else GreenletWaiter()
        self.subscriber = Subscriber(self.log, dialect, None, _no_snapshot, waiter=waiter)
        self.serving = gevent.spawn(self._serve)
        self.received = b""
        self.reading: gevent.Greenlet[[], None] | None = None

    def _serve(self) -> None:
        for item in self.subscriber.frames():
            self.yielded += 1
            self.server.sendall(b"%X\r\n%b\r\n" % (len(item), item))
        self.server.sendall(b"0\r\n\r\n")
        self.server.close()

    def read(self) -> None:
        """From now on, in the background."""
        self.reading = gevent.spawn(self._read)

    def _read(self) -> None:
        while data := self.client.recv(65536):
            self.received += data

    def whole(self) -> bytes:
        """The body, once all of it has come."""
        assert self.reading is not None
        self.reading.join(10)
        self.serving.get(timeout=10)
        return unchunked(self.received)

    def close(self) -> None:
        self.serving.kill()
        if self.reading is not None:
            self.reading.kill()
        self.server.close()
        self.client.close()


def _no_snapshot() -> Event:
    raise AssertionError("nobody lost their place")


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line(direct=True)
    yield line
    line.close()


@given(st.lists(st.tuples(st.sampled_from(["", "a", "é\n", LARGE]), st.booleans()), max_size=12))
def test_the_bytes_are_those_that_the_server_would_have_written(steps: list[tuple[str, bool]]) -> None:
    """Texts of every size, with and without time to send each before the next one comes."""
    bodies = []
    for direct in (False, True):
        line = Line(direct=direct)
        line.read()
        for text, pause in steps:
            line.log.append(token(text))
            if pause:
                gevent.sleep(0)
                gevent.sleep(0)
        line.log.append(done("stop"))
        bodies.append(line.whole())
        line.close()
    assert bodies[0] == bodies[1]


def test_news_does_not_wake_the_greenlet(line: Line) -> None:
    line.read()
    until(lambda: line.yielded)
    for number in range(20):
        line.log.append(token(str(number)))
        until(lambda: line.received.count(b"event: token") == number + 1)  # noqa: B023
    line.log.append(done("stop"))
    assert line.whole().count(b"event: token") == 20
    assert line.yielded == 2, "the opening and the end"


def test_a_heartbeat_does_not_cut_into_a_half_sent_frame(line: Line) -> None:
    until(lambda: line.yielded)
    line.log.append(token(LARGE))  # more than the socket takes
    gevent.sleep(0.01)
    line.subscriber.beat(1e9, 0)
    line.log.append(token("after it"))
    gevent.sleep(0.01)
    line.subscriber.beat(2e9, 0)
    line.log.append(done("stop"))
    line.read()
    body = line.whole()
    assert body.index(LARGE.encode()) < body.index(b"after it") < body.index(b"event: done")
    assert all(frame.startswith((b"id: ", b": ")) for frame in body.split(b"\n\n")[:-1])


def test_a_slow_reader_is_sent_what_has_come_meanwhile_in_one(line: Line) -> None:
    until(lambda: line.yielded)
    line.log.append(token(LARGE))
    gevent.sleep(0.01)
    for number in range(50):
        line.log.append(token(str(number)))
        gevent.sleep(0)
    line.log.append(done("stop"))
    line.read()
    assert line.whole().count(b"event: token") == 51
    assert line.yielded == 2


def test_a_reader_who_is_gone_ends_the_stream(line: Line) -> None:
    until(lambda: line.yielded)
    line.client.close()
    for _ in range(3):  # the first one may still find room
        line.log.append(token("to nobody"))
        gevent.sleep(0.01)
    line.serving.join(10)
    assert isinstance(line.serving.exception, OSError)
    assert not line.log.readers


def test_a_hang_up_ends_the_stream_without_another_frame(line: Line) -> None:
    line.read()
    until(lambda: line.yielded)
    line.log.append(token("before"))
    line.subscriber.hang_up()
    assert b"before" not in line.whole()


def test_a_greenlet_that_is_killed_is_left_alone(line: Line) -> None:
    until(lambda: line.yielded)
    line.log.append(token("never sent"))
    line.serving.kill()
    gevent.sleep(0.01)
    assert not line.log.readers


def test_a_log_that_is_replaced_is_told_by_the_greenlet(line: Line) -> None:
    line.read()
    until(lambda: line.yielded)
    successor = EventLog("1" * 20)
    line.subscriber._snapshot = lambda: snapshot([])
    line.log.append(token("a"))
    line.log.replace_by(successor)
    until(lambda: b"event: snapshot" in line.received)
    successor.append(done("error"))
    assert b'"error"' in line.whole()


def test_the_stream_of_a_voice_ends_with_it_though_another_voice_is_silent() -> None:
    line = Line(direct=True, dialect=VoiceDialect("muse"))
    line.read()
    until(lambda: line.yielded)
    line.log.append(spoken_by("muse", token("all that I say")))
    until(lambda: b"all that I say" in line.received)
    line.log.append(spoken_by("muse", voice_done("stop")))
    assert line.whole().endswith(b'event: done\ndata: {"finish_reason":"stop"}\n\n')
    assert not line.log.closed, "the turn goes on"
    line.close()


def test_what_has_to_be_waited_for_is_made_by_the_greenlet() -> None:
    """A long block of a page is rendered in a native thread, which the event loop cannot wait for."""
    line = Line(direct=True, dialect=BlocksDialect())
    line.read()
    until(lambda: line.yielded)
    line.log.append(token("word " * SHORT))
    line.log.append(token("\n\nThe next."))
    until(lambda: b"word</p>" in line.received)
    line.log.append(done("stop"))
    assert line.whole().endswith(b"<p>The next.</p>\n")
    line.close()


class Broken(NamedTuple):
    """A sleeper's own error must not end up in the event loop, where nobody would hear of it."""

    error: Exception

    def arrived(self) -> bytes | None:
        raise self.error


def test_an_error_is_thrown_into_who_sleeps(line: Line) -> None:
    waiter = SocketWaiter(line.server)
    sleeping = gevent.spawn(waiter.wait, Broken(ZeroDivisionError()).arrived)
    gevent.sleep(0)
    waiter.wake()
    sleeping.join(10)
    assert isinstance(sleeping.exception, ZeroDivisionError)


def test_only_a_plain_socket_of_the_servers_is_written_to(line: Line) -> None:
    request: dict[str, object] = {
        "gunicorn.socket": line.server,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REQUEST_METHOD": "GET",
    }
    tls = ssl.create_default_context().wrap_socket(
        socket.socket(), server_hostname="localhost", do_handshake_on_connect=False
    )
    others: list[dict[str, object]] = [
        {"SERVER_PROTOCOL": "HTTP/1.0"},
        {"SERVER_PROTOCOL": "HTTP/2"},
        {"REQUEST_METHOD": "HEAD"},
        {"gunicorn.socket": None},
        {"gunicorn.socket": tls},
    ]
    assert isinstance(waiter_for(request, direct=True), SocketWaiter)
    assert isinstance(waiter_for(request, direct=False), GreenletWaiter)
    for other in others:
        assert isinstance(waiter_for(request | other, direct=True), GreenletWaiter)
    tls.close()
