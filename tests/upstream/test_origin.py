"""Where addresses lead."""

from __future__ import annotations

import httpx2
import pytest

from chatapp.upstream.origin import Origin


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("http://a.example", ("http", "a.example", 80)),
        ("https://a.example/v1?q#f", ("https", "a.example", 443)),
        ("HTTPS://A.Example:443", ("https", "a.example", 443)),
        ("https://a.example:80", ("https", "a.example", 80)),
        ("http://a.example:0", ("http", "a.example", 0)),
        ("http://user:secret@a.example", ("http", "a.example", 80)),
        ("http://[::1]:8000/v1", ("http", "::1", 8000)),
        ("http://bücher.example", ("http", "xn--bcher-kva.example", 80)),
    ],
)
def test_addresses(address: str, origin: tuple[str, str, int]) -> None:
    assert Origin.of(httpx2.URL(address)) == origin


@pytest.mark.parametrize(
    "address", ["ftp://a.example", "a.example", "/v1", "http:///v1", "http://", "unix:/x", ""]
)
def test_addresses_that_lead_nowhere(address: str) -> None:
    with pytest.raises(httpx2.UnsupportedProtocol):
        Origin.of(httpx2.URL(address))
