"""Servers that are none, or mean harm: a clear sentence, and no traceback, whatever comes."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path

import gevent
import pytest

from chatapp.doctor.command_line import NOT_REACHED, WRONG, main
from tests.doctor.serving import Serve, saying, serving
from tests.server import free_port
from tests.upstream.certificates import server_tls, trust_file

HEALTH = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{"status":"ok"}'
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


def without_end(beginning: bytes, piece: bytes) -> Serve:
    def serve(client: socket.socket, _request: bytes) -> None:
        client.sendall(beginning)
        while True:
            client.sendall(piece)

    return serve


def dribbling(client: socket.socket, _request: bytes) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        client.sendall(b"a")
        gevent.sleep(0.05)


def silent(client: socket.socket, _request: bytes) -> None:
    client.recv(1)


def run(
    url: str, capsys: pytest.CaptureFixture[str], *options: str, impatient: bool = False
) -> tuple[int, str]:
    status = main([url, "--token", "secret-token", "--patience", "1" if impatient else "20", *options])
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    assert "secret-token" not in out + err
    return status, out


@pytest.mark.parametrize(
    ("serve", "sentence"),
    [
        (
            saying(b"HTTP/1.1 301 Moved\r\nLocation: https://elsewhere.example/\r\n\r\n"),
            "it redirects (301) to https",
        ),
        (
            saying(b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n<html>Hello</html>"),
            "it is no JSON: '<html>Hello",
        ),
        (saying(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"), "it is no JSON object"),
        (saying(b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"status":"up"}'), "another than chatapp's"),
        (saying(b"HTTP/1.1 200 OK\r\nContent-Length: 150\r\n\r\n{"), "it is no JSON"),
        (saying(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{"), "it is no JSON"),
        (saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), "breaks off"),
        (saying(b"SSH-2.0-OpenSSH_9.2\r\n"), "the answer is no HTTP"),
        (saying(b""), "the answer is no HTTP"),
        (saying(b"HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n"), "the answer is 502, not 200"),
        (without_end(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65_536), "has no end"),
        (without_end(b"HTTP/1.1 200 OK\r\nX-Long: ", b"x" * 65_536), "the answer is no HTTP"),
        (without_end(b"", b"X: y\r\n" * 100), "the answer is no HTTP"),
        (dribbling, "no end after 1.00 s (--patience)"),
        (silent, "no end after 1.00 s (--patience)"),
        (saying(b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 100_000), "it is no JSON"),
    ],
)
def test_what_is_no_chatapp_is_told_in_a_sentence(
    serve: Serve, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(serve) as url:
        status, said = run(url, capsys, impatient="no end after" in sentence)
    assert status == WRONG
    assert "✗ /api/health: " in said
    assert sentence in said


def test_a_redirect_is_not_followed(capsys: pytest.CaptureFixture[str]) -> None:
    heard: list[bytes] = []

    def to_itself(client: socket.socket, request: bytes) -> None:
        heard.append(request)
        client.sendall(b"HTTP/1.1 302 Found\r\nLocation: /api/health\r\nContent-Length: 0\r\n\r\n")

    with serving(to_itself) as url:
        run(url, capsys)
    assert len(heard) == 1


def test_nobody_there(capsys: pytest.CaptureFixture[str]) -> None:
    status, said = run(f"http://127.0.0.1:{free_port()}", capsys)
    assert status == NOT_REACHED
    assert "✗ no connection to http://127.0.0.1" in said


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("chat.example.org", "is no address"),
        ("ftp://chat.example.org", "is no address"),
        ("http://", "is no address"),
        ("http://127.0.0.1:port", "is no address"),
        ("http://127.0.0.1/\x1b[2J", "is no address"),
        ("http://me:secret-token@127.0.0.1", "needs none of them"),
        ("http://no-such-name.invalid", "is not known"),
    ],
)
def test_an_address_that_leads_nowhere(url: str, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, said = run(url, capsys)
    assert status == NOT_REACHED
    assert sentence in said
    assert "\x1b" not in said


def test_a_certificate_that_is_not_to_be_trusted(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with serving(saying(HEALTH), server_tls("elsewhere.example")) as url:
        status, said = run(url, capsys)
        assert status == NOT_REACHED
        assert "the certificate is not to be trusted" in said
        status, said = run(url, capsys, "--cafile", trust_file(tmp_path))
        assert status == NOT_REACHED
        assert "127.0.0.1" in said  # the name that the certificate lacks


def test_authorities_of_ones_own(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with serving(saying(HEALTH), server_tls("127.0.0.1")) as url:
        _status, said = run(url, capsys, "--cafile", trust_file(tmp_path))
    assert "✓ /api/health answers" in said
    status, said = run(url, capsys, "--cafile", str(tmp_path / "none.pem"))
    assert status == NOT_REACHED
    assert "--cafile cannot be read" in said


def test_a_server_without_tls_at_https(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(saying(HEALTH)) as url:
        status, said = run(url.replace("http", "https"), capsys, impatient=True)
    assert status == NOT_REACHED
    assert "no TLS with" in said


def like_chatapp(stream: bytes, then: Callable[[socket.socket], None] | None = None) -> Serve:
    """A server that is chatapp until it is asked for a stream; errors are left out."""

    def serve(client: socket.socket, request: bytes) -> None:
        if request.startswith(b"POST /api/v1/chat "):
            client.sendall(stream)
            if then:
                then(client)
            return
        found: dict[str, object] = {"status": "ok"}
        if request.startswith(b"GET /api/ready"):
            found = {
                "status": "\x1b]0;evil\x07ready",
                "checks": {"upstream": {"ok": True}, "\x1b[31m": {"ok": 0}},
            }
        if request.startswith(b"GET /api/v1/auth/ping"):
            found = {"ok": True}
        body = json.dumps(found).encode()
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    return serve


def flood(piece: bytes) -> Callable[[socket.socket], None]:
    def pour(client: socket.socket) -> None:
        while True:
            client.sendall(piece)

    return pour


@pytest.mark.parametrize(
    ("serve", "sentence"),
    [
        (like_chatapp(b"HTTP/1.1 200 OK\r\n\r\n<html>"), "✗ 200 with nothing in place of a stream"),
        (like_chatapp(EVENTS + b": hello\n\n"), "✗ `done` came never"),
        (like_chatapp(EVENTS + b"event: done\n\nevent: done\n\n"), "✗ `done` came 2 times"),
        (like_chatapp(EVENTS + b"event: done\n\nevent: token\nid: 1\n\n"), "✗ `done` came not last"),
        (like_chatapp(EVENTS, flood(b"x" * 65_536)), "an event of the stream has no end"),
        (
            like_chatapp(EVENTS, flood(b": hello\n\n" * 5000)),
            "the stream did not end well: no end after 1.00 s",
        ),
        (like_chatapp(EVENTS, lambda client: silent(client, b"")), "no end after 1.00 s"),
        (like_chatapp(EVENTS + b"id: 1\nevent: token\ndata: \xff[1,\n\nevent: done\n\n"), "✗ 200, but"),
        (
            like_chatapp(
                EVENTS + b'event: failure\ndata: {"code":"\\u001b[31mX","message":7}\n\nevent: done\n\n'
            ),
            "the answer failed: [31mX, “7”",
        ),
    ],
)
def test_a_stream_that_is_none(serve: Serve, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(serve) as url:
        status, said = run(url, capsys, "--scenario", "cut", impatient="no end after" in sentence)
    assert status == WRONG
    assert sentence in said
    assert not {"\x1b", "\x07"} & set(said)
