"""Where a connection leads."""

from __future__ import annotations

from typing import NamedTuple

import httpx2

_PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """Requests to the same origin may share a connection, one after another."""

    scheme: str
    host: str
    """As names are looked up and certificates are made out: ASCII, an IPv6 address without brackets."""
    port: int

    @classmethod
    def of(cls, url: httpx2.URL) -> Origin:
        """Raises UnsupportedProtocol for what leads nowhere: another scheme, or no host."""
        host = url.raw_host.decode("ascii")
        if url.scheme not in _PORTS or not host:
            raise httpx2.UnsupportedProtocol("only http://… and https://… lead to upstream")
        return cls(url.scheme, host, _PORTS[url.scheme] if url.port is None else url.port)
