"""Opens connections to upstream: the name, TCP, TLS."""

from __future__ import annotations

import socket
import ssl

import gevent
import httpx2

from chatapp.upstream.connection import Connection
from chatapp.upstream.origin import Origin


class Connector:
    """Opens connections. Servers are verified by the certificates that the machine, or `SSL_CERT_FILE`, trusts."""

    def __init__(self) -> None:
        self._tls: ssl.SSLContext | None = None

    def prepare_tls(self) -> ssl.SSLContext:
        """Reads those certificates, unless it has; otherwise the first connection does. Raises OSError."""
        if self._tls is None:
            self._tls = httpx2.create_ssl_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls

    def connect(self, origin: Origin, patience_s: float | None) -> Connection:
        """A new connection, within `patience_s` seconds for all of it. Raises ConnectTimeout and ConnectError.

        Whatever is thrown in meanwhile closes the socket and goes on its way.
        """
        try:
            with gevent.Timeout(patience_s, httpx2.ConnectTimeout("upstream cannot be reached in time")):
                return self._connected(origin)
        except (OSError, UnicodeError) as error:  # the latter for a host that cannot be a name
            raise httpx2.ConnectError(str(error)) from error

    def _connected(self, origin: Origin) -> Connection:
        client = socket.create_connection((origin.host, origin.port))
        try:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if origin.scheme == "https":
                # Shaking hands is a step of its own, so that a handshake which is broken off is closed below.
                client = wrapped = self._wrapped(client, origin.host)
                wrapped.do_handshake()
            return Connection(client)
        except BaseException:
            client.close()
            raise

    def _wrapped(self, client: socket.socket, host: str) -> ssl.SSLSocket:
        tls = self.prepare_tls()
        return tls.wrap_socket(client, server_hostname=host, do_handshake_on_connect=False)
