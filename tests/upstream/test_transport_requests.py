"""The transport in a plain client: what goes out on the wire, and what does not."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from chatapp.upstream.connector import Connector
from chatapp.upstream.pool import Pool
from chatapp.upstream.transport import StreamTransport
from tests.upstream.mounted import mounted
from tests.upstream.servers import Recorder


def test_a_request_as_it_goes_on_the_wire() -> None:
    with Recorder() as server, mounted() as client:
        client.headers.clear()
        client.post(f"http://{server.authority}/v1/chat?a=b", content=b"{}", headers={"X-One": "1"})
        client.get(f"http://{server.authority}")
    assert server.heard == (
        b"POST /v1/chat?a=b HTTP/1.1\r\nHost: %(host)b\r\nX-One: 1\r\nContent-Length: 2\r\n\r\n{}"
        b"GET / HTTP/1.1\r\nHost: %(host)b\r\n\r\n" % {b"host": server.authority.encode()}
    )


def test_a_path_beyond_ascii_is_encoded_and_a_fragment_is_not_sent() -> None:
    with Recorder() as server, mounted() as client:
        client.get(f"http://{server.authority}/é a/%2F?ü=ö#secret")
    assert server.heard.startswith(b"GET /%C3%A9%20a/%2F?%C3%BC=%C3%B6 HTTP/1.1\r\n")
    assert b"secret" not in server.heard


def test_a_name_and_password_in_the_address_are_not_sent() -> None:
    with Recorder() as server:
        transport = StreamTransport(Pool(1, 1, 60), Connector())
        transport.handle_request(httpx2.Request("GET", f"http://somebody:secret@{server.authority}/")).read()
        transport.close()
    assert b"Host: %b\r\n" % server.authority.encode() in server.heard
    assert not any(word in server.heard for word in (b"somebody", b"secret", b"@"))


def test_an_ipv6_address() -> None:
    # One that leads to 127.0.0.1, for machines that have no other.
    with Recorder() as server, mounted() as client:
        address = f"[::ffff:127.0.0.1]:{server.authority.partition(':')[2]}"
        assert client.get(f"http://{address}/").content == b"hello"
    assert f"Host: {address}\r\n".encode() in server.heard


@pytest.mark.parametrize("sized", [False, True])
def test_a_body_that_is_made_piece_by_piece_gets_its_length(sized: bool) -> None:
    def pieces() -> Iterator[bytes]:
        yield from (b"one", b"", b"two")

    headers = {"Content-Length": "6"} if sized else {}
    with Recorder() as server, mounted() as client:
        assert (
            client.post(f"http://{server.authority}", content=pieces(), headers=headers).content == b"hello"
        )
    assert b"Content-Length: 6\r\n" in server.heard
    assert server.heard.endswith(b"\r\n\r\nonetwo")
    assert b"chunked" not in server.heard


@pytest.mark.parametrize("length", ["0", "1", "99"])
def test_a_length_that_is_wrong_is_set_right(length: str) -> None:
    with Recorder() as server, mounted() as client:
        client.post(f"http://{server.authority}", content=b"body", headers={"Content-Length": length})
    assert server.heard.count(b"Content-Length") == 1
    assert b"Content-Length: 4\r\n" in server.heard


def test_a_body_that_is_empty_says_so_where_one_is_expected() -> None:
    with Recorder() as server, mounted() as client:
        client.post(f"http://{server.authority}")
        client.post(f"http://{server.authority}", content=iter([]))
        client.get(f"http://{server.authority}")
    assert server.heard.count(b"Content-Length: 0\r\n") == 2


def test_a_body_that_cannot_be_made_takes_no_connection() -> None:
    def broken() -> Iterator[bytes]:
        yield b"one"
        raise LookupError

    with Recorder() as server, mounted() as client:
        for _ in range(2):
            with pytest.raises(LookupError):
                client.post(f"http://{server.authority}", content=broken())
        assert server.heard == b""
        assert client.get(f"http://{server.authority}").content == b"hello"


BAD = [b"a\r\nX-Evil: 1", b"a\nb", b"a\rb", b"a\0b", b"a\x7f", b"a\x1bb"]


@pytest.mark.parametrize("value", BAD)
def test_a_header_that_would_not_stay_one_is_refused_before_anything_is_sent(value: bytes) -> None:
    with Recorder() as server, mounted() as client:
        for name, text in ((b"X-One", value), (value, b"1"), (b"", b"1"), (b"X One", b"1"), (b"X:", b"1")):
            with pytest.raises(httpx2.LocalProtocolError):
                client.get(f"http://{server.authority}", headers=[(name, text)])
        assert server.heard == b""
        assert (
            client.get(f"http://{server.authority}", headers=[(b"X-One", b"\tcaf\xe9 ")]).content == b"hello"
        )


@pytest.mark.parametrize("method", ["GET\r\nX-Evil: 1", "GET /x", "", "GÉT", "GET\0"])
def test_a_method_that_is_none_is_refused_before_anything_is_sent(method: str) -> None:
    with Recorder() as server, mounted() as client:
        with pytest.raises(httpx2.LocalProtocolError):
            client.request(method, f"http://{server.authority}")
        assert server.heard == b""


def test_an_address_cannot_break_its_line() -> None:
    with Recorder() as server, mounted() as client:
        address = httpx2.URL(f"http://{server.authority}").join("/a b?c d")
        client.get(address, params={"q": "\r\nX-Evil: 1 HTTP/1.1"})
        for character in "\r\n\0":
            with pytest.raises(httpx2.InvalidURL):
                client.get(f"http://{server.authority}/{character}")
    assert server.heard.count(b"\r\n\r\n") == 1
    assert b"\nX-Evil" not in server.heard
    assert server.heard.split(b"\r\n")[0].count(b" ") == 2


def test_what_leads_nowhere_is_refused() -> None:
    with mounted() as client:
        for _ in range(2):
            with pytest.raises(httpx2.UnsupportedProtocol):
                client.get("ftp://127.0.0.1/")
