"""Resuming, stream tokens and stopping, at servers that do one of them wrongly."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from chatapp.doctor.report import Report
from chatapp.doctor.resume_check import cancel, resume
from chatapp.doctor.tidying import tidy
from chatapp.doctor.trouble import Unfit
from tests.doctor.conftest import site, wrongs
from tests.doctor.serving import serving

COUNT = 30
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nretry: 3000\nid: log-%d\n\n"


def frames(numbers: range) -> bytes:
    tokens = (b'id: log-%d\nevent: token\ndata: {"text":" %d"}\n\n' % (n, n) for n in numbers)
    return b"".join(tokens)


def done(reason: str = "stop") -> bytes:
    return b'id: log-%d\nevent: done\ndata: {"finish_reason":"%s"}\n\n' % (COUNT + 1, reason.encode())


@dataclass
class Turns:
    """A server with one turn, whose text is " 1 2 … 30"; each field is one thing that it can do wrongly."""

    doubled: int = 0
    left_out: int = 0
    snapshot: bool = False
    cut: bool = False
    after_the_end: int = 204
    token_opens: int = 1
    cancelled_as: str = "cancelled"
    removes: bool = True
    turn: dict[str, object] = field(
        default_factory=lambda: {
            "turn_id": "turn1",
            "session_id": "session-1",
            "stream_url": "/api/v1/turns/turn1/stream",
        }
    )
    cancelled: bool = False
    opened: int = 0

    def serve(self, client: socket.socket, request: bytes) -> None:
        line, _, rest = request.partition(b"\r\n")
        method, path, _ = line.decode().split(" ")
        if path.endswith("/stream"):
            self._stream(client, rest)
        elif "?token=" in path:
            self.opened += 1
            opens = self.opened <= self.token_opens
            client.sendall(HEAD % 0 + done() if opens else b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")
        else:
            status, found = self._answer(method, path)
            body = json.dumps(found).encode()
            client.sendall(b"HTTP/1.1 %d OK\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))

    def _stream(self, client: socket.socket, rest: bytes) -> None:
        position = b"Last-Event-ID: log-"
        if position not in rest:
            client.sendall(HEAD % 0 + frames(range(1, 11)))
            client.recv(1)  # until the reader leaves, or stops it
            return
        begin = int(rest.partition(position)[2].partition(b"\r")[0])
        if begin > COUNT:
            client.sendall(b"HTTP/1.1 %d OK\r\nContent-Length: 0\r\n\r\n" % self.after_the_end)
            return
        first = begin + 1 - self.doubled + self.left_out
        snapshot = b"event: snapshot\ndata: {}\n\n" if self.snapshot else b""
        ending = b"" if self.cut else done()
        client.sendall(HEAD % begin + snapshot + frames(range(first, COUNT + 1)) + ending)
        if self.cut:
            client.recv(1)

    def _answer(self, method: str, path: str) -> tuple[int, dict[str, object]]:
        if method == "DELETE":
            return (204, {}) if self.removes else (500, {})
        if path.endswith("/messages"):
            content = "".join(f" {number}" for number in range(1, COUNT + 1))
            return 200, {"items": [{"turn_id": "turn1", "role": "assistant", "content": content}]}
        if path.endswith("/stream-token"):
            return 200, {"sse_token": "abc"}
        return (202, self.turn) if path == "/api/v1/turns" else (200, {})


def found(turns: Turns, check: Callable[..., None] = resume, patience_s: float = 20) -> list[str]:
    report = Report(lambda _line: None)
    with serving(turns.serve) as url:
        there = site(url, "token", patience_s)
        check(there, report, "Hello")
        tidy(there, report)
    return wrongs(report)


def test_a_server_that_does_it_well() -> None:
    assert found(Turns()) == []


@pytest.mark.parametrize(
    ("turns", "sentence"),
    [
        (Turns(doubled=2), "resuming: events came twice"),
        (Turns(left_out=1), "resuming: 78 characters were read, and 81 are saved"),
        (Turns(snapshot=True), "resuming: the server had lost the place, and sent all of the text again"),
        (Turns(after_the_end=200), "a reader that has had the end is answered 200"),
        (Turns(token_opens=2), "a stream token opens the stream twice"),
        (Turns(token_opens=0), "a stream token does not open the stream"),
        (Turns(removes=False), "still there, and to be removed by hand: session-1"),
    ],
)
def test_what_is_wrong_is_named(turns: Turns, sentence: str) -> None:
    (wrong,) = found(turns)
    assert wrong.startswith(sentence)


def test_a_second_half_without_an_end() -> None:
    wrong = found(Turns(cut=True), patience_s=1)[0]
    assert wrong.startswith("resuming: the second half did not end well: no end after 1.00 s")


@pytest.mark.parametrize(
    "turn",
    [
        {},
        {"turn_id": "a/../b", "session_id": "s", "stream_url": "/x"},
        {"turn_id": "a", "session_id": "s", "stream_url": "http://elsewhere.example/"},
        {"turn_id": "a", "session_id": "s", "stream_url": "/x HTTP/1.1\r\nX: y"},
        {"turn_id": "a", "session_id": ["s"], "stream_url": "/x"},
    ],
)
def test_a_turn_that_is_none(turn: dict[str, object]) -> None:
    with pytest.raises(Unfit):
        found(Turns(turn=turn))


def test_an_answer_that_goes_on_though_it_was_cancelled() -> None:
    (wrong,) = found(Turns(), cancel, patience_s=1)
    assert wrong == "stopping: 200, and the answer ended as None"
