"""The socket under an answer: every read has an end in time, and a time of its own."""

from __future__ import annotations

import io
import socket
import ssl
import time

from chatapp.doctor.address import Address
from chatapp.doctor.deadline import Deadline
from chatapp.doctor.plain import plain, seconds
from chatapp.doctor.trouble import Unreachable

_CONNECT_S = 10.0


class TimedReader(io.RawIOBase):
    """The bytes of a connection. `last_at` is when the last of them came."""

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._connection = connection
        self._deadline = deadline
        self.last_at = time.monotonic()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Raises TooLong."""
        self._connection.settimeout(self._deadline.left())
        try:
            count = self._connection.recv_into(buffer)
        except TimeoutError:
            raise self._deadline.over() from None
        self.last_at = time.monotonic()
        return count


class Plug:
    """What http.client takes for a socket: it only wants to read from it."""

    def __init__(self, reader: TimedReader) -> None:
        self._reader = reader

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self._reader, 65_536)


def connect(address: Address, tls: ssl.SSLContext, deadline: Deadline) -> socket.socket:
    """A connection, with TLS where the address wants it. Raises Unreachable with the reason."""
    patience = min(_CONNECT_S, deadline.left())
    try:
        connection = socket.create_connection((address.host, address.port), patience)
    except socket.gaierror:
        raise Unreachable(f"the name {plain(address.host)} is not known") from None
    except TimeoutError:
        raise Unreachable(f"no connection to {address} within {seconds(patience)}") from None
    except OSError as error:
        raise Unreachable(f"no connection to {address}: {plain(error.strerror or error)}") from None
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return _secured(connection, address, tls, deadline) if address.secure else connection


def _secured(
    connection: socket.socket, address: Address, tls: ssl.SSLContext, deadline: Deadline
) -> socket.socket:
    try:
        connection.settimeout(min(_CONNECT_S, deadline.left()))
        return tls.wrap_socket(connection, server_hostname=address.host)
    except ssl.SSLCertVerificationError as error:
        connection.close()
        raise Unreachable(f"the certificate is not to be trusted: {plain(error.verify_message)}") from None
    except (OSError, ValueError) as error:
        connection.close()
        reason = getattr(error, "reason", None) or type(error).__name__
        raise Unreachable(f"no TLS with {address}: {plain(reason)}") from None
