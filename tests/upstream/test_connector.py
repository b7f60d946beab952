"""Opening connections: whom they reach, whom they trust, and what is left of those that are not finished."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import gevent
import httpx2
import pytest
import trustme

from chatapp.upstream.connector import Connector
from chatapp.upstream.origin import Origin
from tests.scripted_upstream import ScriptedUpstream
from tests.upstream.calls import Stop
from tests.upstream.certificates import server_tls, trust_file
from tests.upstream.mounted import mounted
from tests.upstream.pairs import sees_the_end
from tests.upstream.servers import HELLO


@contextmanager
def listening() -> Iterator[tuple[socket.socket, int]]:
    """A listening socket, and its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with gevent.Timeout(30):
            yield listener, listener.getsockname()[1]


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", trust_file(tmp_path))


@pytest.mark.parametrize("host", ["127.0.0.1", "::ffff:127.0.0.1", "localhost"])
def test_addresses_and_names_are_reached(host: str) -> None:
    with listening() as (listener, port):
        connection = Connector().connect(Origin("http", host, port), 10)
        far, _ = listener.accept()
        connection.send(b"x", 10)
        assert far.recv(10) == b"x"
        connection.close()
        far.close()


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..example", ".example"])
def test_names_that_dns_does_not_know_as_such(host: str) -> None:
    with pytest.raises(httpx2.ConnectError):
        Connector().connect(Origin("http", host, 1), 10)


def test_nobody_at_that_port() -> None:
    with listening() as (_, port):
        pass
    for number in (port, 0, 65536):
        with pytest.raises(httpx2.ConnectError):
            Connector().connect(Origin("http", "127.0.0.1", number), 10)


@contextmanager
def full() -> Iterator[int]:
    """The port of a server that takes no more connections: the next one waits for ever."""
    with listening() as (listener, port):
        listener.listen(0)
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        yield port
        for filler in fillers:
            filler.close()


def test_patience_with_a_server_that_does_not_accept() -> None:
    with full() as port, pytest.raises(httpx2.ConnectTimeout):
        Connector().connect(Origin("http", "127.0.0.1", port), 0.02)


def test_a_stop_while_it_is_not_accepted_goes_through() -> None:
    with full() as port:
        connecting = gevent.spawn(Connector().connect, Origin("http", "127.0.0.1", port), None)
        gevent.sleep(0.02)
        assert not connecting.ready()
        connecting.kill(Stop, timeout=10)
        assert isinstance(connecting.value, Stop)


def test_patience_with_a_server_that_shakes_no_hands() -> None:
    with listening() as (listener, port):
        with pytest.raises(httpx2.ConnectTimeout):
            Connector().connect(Origin("https", "127.0.0.1", port), 0.02)
        far, _ = listener.accept()
        assert sees_the_end(far)
        far.close()


def test_patience_is_for_all_of_a_handshake_however_it_dribbles() -> None:
    with listening() as (listener, port):
        connecting = gevent.spawn(Connector().connect, Origin("https", "127.0.0.1", port), 0.3)
        far, _ = listener.accept()
        # The head of a long record, and never the end of it.
        far.sendall(b"\x16\x03\x03\x40\x00")
        while not connecting.ready():
            try:
                far.sendall(b"\x02")
            except OSError:
                break
            gevent.sleep(0.02)
        with pytest.raises(httpx2.ConnectTimeout):
            connecting.get(timeout=10)
        far.close()


def test_a_stop_amid_the_handshake_hangs_up_though_its_traceback_is_held() -> None:
    with listening() as (listener, port):
        connecting = gevent.spawn(Connector().connect, Origin("https", "127.0.0.1", port), None)
        far, _ = listener.accept()
        assert far.recv(1)
        connecting.kill(Stop, timeout=10)
        assert isinstance(connecting.value, Stop)
        assert sees_the_end(far)
        far.close()


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_server_that_is_trusted(host: str) -> None:
    with ScriptedUpstream(HELLO, tls=server_tls("localhost", "127.0.0.1")) as server, mounted() as client:
        address = server.base_url.replace("127.0.0.1", host)
        assert [client.get(address).content for _ in range(3)] == [b"hello"] * 3
        assert server.connections == 1


@pytest.mark.usefixtures("trusted")
def test_http_1_1_is_what_is_agreed_upon() -> None:
    with listening() as (listener, port):
        connecting = gevent.spawn(Connector().connect, Origin("https", "localhost", port), 10)
        far, _ = listener.accept()
        agreed = server_tls("localhost").wrap_socket(far, server_side=True)
        assert agreed.selected_alpn_protocol() == "http/1.1"
        connecting.get(timeout=10).close()
        agreed.close()


def refused(tls: ssl.SSLContext) -> str:
    """Why a server is not spoken to. It must not see a request."""
    with ScriptedUpstream(HELLO, tls=tls) as server, mounted() as client:
        for _ in range(2):  # the second shows that the first has taken nobody's place
            with pytest.raises(httpx2.ConnectError) as caught:
                client.get(server.base_url)
        assert server.requests == []
    return str(caught.value)


@pytest.mark.usefixtures("trusted")
def test_a_server_of_another_name_is_refused() -> None:
    assert "IP address mismatch" in refused(server_tls("127.0.0.2"))
    assert "IP address mismatch" in refused(server_tls("localhost"))


@pytest.mark.usefixtures("trusted")
def test_a_server_of_another_authority_is_refused() -> None:
    assert "certificate verify failed" in refused(server_tls("127.0.0.1", issuer=trustme.CA()))


def test_a_server_that_only_the_test_trusts_is_refused() -> None:
    assert "certificate verify failed" in refused(server_tls("127.0.0.1"))


@pytest.mark.usefixtures("trusted")
def test_a_certificate_of_yesterday_is_refused() -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    assert "expired" in refused(server_tls("127.0.0.1", not_after=yesterday))


def test_a_server_without_tls_is_refused() -> None:
    with listening() as (listener, port):
        connecting = gevent.spawn(Connector().connect, Origin("https", "127.0.0.1", port), 10)
        far, _ = listener.accept()
        far.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        with pytest.raises(httpx2.ConnectError):
            connecting.get(timeout=10)
        assert sees_the_end(far)
        far.close()


def test_a_tls_server_that_is_spoken_to_plainly_gives_no_answer() -> None:
    with ScriptedUpstream(HELLO, tls=server_tls("127.0.0.1")) as server, mounted() as client:
        for _ in range(2):
            with pytest.raises((httpx2.RemoteProtocolError, httpx2.ReadError)):
                client.get(server.base_url.replace("https", "http"))


def test_certificates_that_cannot_be_read_are_an_error_of_connecting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    with pytest.raises(OSError, match="No such file"):
        Connector().prepare_tls()
    refused(server_tls("127.0.0.1"))
