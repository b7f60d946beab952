"""Requests that no client should send, byte for byte, at the real server: each refused or answered, none a failure of
ours, none twice understood, and the server goes on. The log repeats nothing of what could not be parsed."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator

import pytest

from tests.server import RunningServer

CANARY = b"CANARY"
BODY = b'{"email":"nobody@example.org","password":"CANARY"}'
CHUNK = b"%x\r\n%b\r\n" % (len(BODY), BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
SMUGGLED = b"GET /api/v1/voices HTTP/1.1\r\nHost: a\r\n\r\n"
_STATUS = re.compile(rb"^HTTP/1\.1 (\d{3}) ", re.MULTILINE)


def get(target: bytes, headers: bytes = b"", method: bytes = b"GET", version: bytes = b"HTTP/1.1") -> bytes:
    return b"%b %b %b\r\nHost: a\r\nConnection: close\r\n%b\r\n" % (method, target, version, headers)


def post(headers: bytes, body: bytes = BODY, *, closes: bool = True) -> bytes:
    """Asks for a token; the body is as long as `headers` say, or not."""
    close = b"Connection: close\r\n" if closes else b""
    line = b"POST /api/v1/auth/token HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    return line + close + headers + b"\r\n" + body


def length(text: str) -> bytes:
    return f"Content-Length: {text}\r\n".encode()


LONG = str(len(BODY))
REQUESTS: dict[str, tuple[bytes, set[int]]] = {
    # Too much of everything
    "a long header": (get(b"/api/health", b"X-Long: " + b"x" * 20_000 + b"\r\n"), {431}),
    "many headers": (get(b"/api/health", b"".join(b"X-%d: y\r\n" % n for n in range(200))), {431}),
    "sixty long headers": (get(b"/api/health", b"".join(b"X-%d: %b\r\n" % (n, b"y" * 8000)
                                                          for n in range(60))), {200, 431}),
    "a long query": (get(b"/api/health?" + b"x" * 50_000), {414}),
    "a long path": (get(b"/api/" + b"x" * 4000), {404}),
    "a length of 20 digits": (post(length("9" * 20)), {413}),
    "chunks over the limit": (post(CHUNKED, (b"10000\r\n" + b" " * 65536 + b"\r\n") * 5 + b"0\r\n\r\n"), {413}),
    # Where a body ends
    "length and chunks": (post(length("5") + CHUNKED, b"0\r\n\r\n" + SMUGGLED, closes=False), {400}),
    "chunks and length": (post(CHUNKED + length("5"), b"0\r\n\r\n" + SMUGGLED, closes=False), {400}),
    "two lengths": (post(length(LONG) + length("5"), closes=False), {400}),
    "a list of lengths": (post(length(f"{LONG}, {LONG}"), closes=False), {400}),
    "a signed length": (post(length(f"+{LONG}"), closes=False), {400}),
    "a negative length": (post(length("-1"), closes=False), {400}),
    "a hexadecimal length": (post(length("0x1c"), closes=False), {400}),
    "a length in other digits": (post(length("\uff12\uff18"), closes=False), {400}),
    "a chunk extension": (post(CHUNKED, CHUNK.replace(b"\r\n", b";a=b\r\n", 1) + b"0\r\n\r\n"), {401, 400}),
    "a trailer": (post(CHUNKED, CHUNK + b"0\r\nX-Trailer: a\r\n\r\n"), {401, 400}),
    "a trailer that signs in": (post(CHUNKED, CHUNK + b"0\r\nAuthorization: Bearer CANARY\r\n\r\n"), {401, 400}),
    "a chunk of no size": (post(CHUNKED, b"zz\r\n" + CHUNK, closes=False), {400}),
    "a chunk of negative size": (post(CHUNKED, b"-1\r\n" + CHUNK, closes=False), {400}),
    "a chunk of size 0x1c": (post(CHUNKED, b"0x" + CHUNK, closes=False), {400}),
    "a chunk that is longer": (post(CHUNKED, b"1\r\n" + BODY + b"\r\n0\r\n\r\n", closes=False), {400}),
    "an unknown coding": (post(b"Transfer-Encoding: xchunked\r\n", CHUNK, closes=False), {400, 501}),
    "chunks not last": (post(b"Transfer-Encoding: chunked, identity\r\n", CHUNK, closes=False), {400}),
    "chunks twice": (post(CHUNKED * 2, CHUNK, closes=False), {400}),
    "a blank before the colon": (post(b"Transfer-Encoding : chunked\r\n", CHUNK, closes=False), {400}),
    "a vertical tab": (post(b"Transfer-Encoding:\x0bchunked\r\n", CHUNK, closes=False), {400}),
    "an underscore": (post(b"Transfer_Encoding: chunked\r\n", CHUNK, closes=False), {400}),
    "no length": (post(b"", closes=False), {400}),
    "a folded header": (get(b"/api/health", b"X-Folded: a\r\n b\r\n"), {400}),
    "a header without a colon": (get(b"/api/health", b"Authorization Bearer CANARY\r\n"), {400}),
    "two hosts": (get(b"/api/health", b"Host: b\r\n"), {400}),
    # What is to be expected
    "100-continue": (post(length(LONG) + b"Expect: 100-continue\r\n"), {100, 401}),
    "another expectation": (post(length(LONG) + b"Expect: tea\r\n"), {417}),
    "a compressed body": (post(length(LONG) + b"Content-Encoding: gzip\r\n"), {415}),
    "another protocol": (get(b"/api/health", b"Upgrade: h2c\r\nHTTP2-Settings: x\r\n"), {200}),
    # Raw control characters
    "an escape in a header": (get(b"/api/health", b"X-Request-Id: req_\x1b[31mabcdefgh\r\n"), {400}),
    "a return in a header": (get(b"/api/health", b"X-Request-Id: a\rX-Forged: yes\r\n"), {400}),
    "a zero in a header": (get(b"/api/health", b"X-Request-Id: a\0\r\n"), {400}),
    "an escape in the path": (get(b"/\x1b[31m"), {400}),
    "a C1 control in the path": (get(b"/\x9b31m\x85\xe2\x80\xa8"), {400, 404}),
    "a delete in the path": (get(b"/a\x7f"), {400}),
    "a quote in the path": (get(b'/a"%20200'), {404}),
    "a broken path": (get(b"/%ff%c0%af%00%0d%0aX-Forged:%20yes"), {404}),
    # Methods and targets
    "TRACE": (get(b"/api/health", method=b"TRACE"), {405}),
    "CONNECT to a path": (get(b"/api/health", method=b"CONNECT"), {405}),
    "CONNECT to a host": (get(b"a:443", method=b"CONNECT"), {404, 400}),
    "a made-up method": (get(b"/api/health", method=b"BREW"), {405}),
    "a small method": (get(b"/api/health", method=b"get"), {400}),
    "a method with an escape": (get(b"/api/health", method=b"G\x1bET"), {400}),
    "HEAD of a POST": (get(b"/api/v1/chat", method=b"HEAD"), {405}),
    "OPTIONS of all": (get(b"*", method=b"OPTIONS"), {404, 200}),
    "GET of all": (get(b"*"), {400}),
    "a whole address": (get(b"http://u:CANARY@evil.example/api/v1/voices?token=CANARY#CANARY"), {401}),
    "an address alone": (get(b"http://evil.example?token=CANARY"), {308, 303, 404}),
    "an address cut short": (get(b"http://[::1/CANARY"), {400}),
    "a fragment": (get(b"/nowhere#CANARY"), {404}),
    "two slashes": (get(b"//api/v1/voices"), {401}),
    "a way back": (get(b"/api/health/../v1/voices"), {404}),
    "a way back, escaped": (get(b"/api/health%2f..%2fv1/voices"), {404}),
    "a relative path": (get(b"api/health"), {400}),
    "a script's name": (get(b"/api/v1/voices", b"SCRIPT_NAME: /api\r\nSCRIPT-NAME: /api\r\n"), {401}),
    "another user's address": (get(b"/api/v1/voices", b"X-Forwarded-Prefix: /api\r\n"), {401}),
    "HTTP 9": (get(b"/", version=b"HTTP/9.9"), {400}),
    "HTTP 0.9": (b"GET /CANARY\r\n\r\n", {400}),
    "HTTP 2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400}),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + CANARY + b"\r\n\r\n", {400}),
    "a proxy's greeting": (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + get(b"/api/health"), {400}),
    "a body alone": (BODY + b"\r\n\r\n", {400}),
}  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("wire")) as server:
        yield server


def answers(server: RunningServer, request: bytes) -> bytes:
    """All that comes back until the server closes."""
    arrived = b""
    with socket.create_connection(("127.0.0.1", server.port), 30) as client:
        try:
            client.sendall(request)
            client.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has closed already, and may have said why
        try:
            while piece := client.recv(65536):
                arrived += piece
        except ConnectionResetError:
            pass
    return arrived


@pytest.mark.parametrize("name", REQUESTS)
def test_a_hostile_request_is_refused_and_the_server_goes_on(server: RunningServer, name: str) -> None:
    request, expected = REQUESTS[name]
    arrived = answers(server, request)
    statuses = [int(status) for status in _STATUS.findall(arrived)]
    assert statuses, arrived
    assert set(statuses[:2] if statuses[0] == 100 else statuses[:1]) <= expected, arrived[:500]
    assert all(status in (400, 501) for status in statuses[2 if statuses[0] == 100 else 1 :]), arrived
    head = arrived.partition(b"\r\n\r\n")[0].lower()
    assert b"\r\nx-forged" not in head
    assert b"traceback" not in arrived.lower()
    assert _STATUS.findall(answers(server, get(b"/api/health"))) == [b"200"]


def test_the_log_is_whole_and_repeats_nothing(server: RunningServer) -> None:
    for request, _ in REQUESTS.values():
        answers(server, request)
    answers(server, get(b"/the-last-one"))
    server.wait_for_log("/the-last-one")
    log = server.log_text()
    assert CANARY.decode() not in log
    assert "Traceback" not in log
    assert [line for line in log.splitlines() if not line.isprintable()] == []
    assert "x-forged" not in log.lower().replace("%0ax-forged", "")
