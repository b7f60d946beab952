"""Where the deployment is."""

from __future__ import annotations

import pytest

from chatapp.doctor.address import Address


@pytest.mark.parametrize(
    ("url", "shown", "authority", "port"),
    [
        ("https://Chat.Example.org", "https://chat.example.org", "chat.example.org", 443),
        ("https://chat.example.org:443/", "https://chat.example.org", "chat.example.org", 443),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000", "127.0.0.1:8000", 8000),
        ("http://[::1]:8000/chat/", "http://[::1]:8000/chat", "[::1]:8000", 8000),
        ("https://münchen.example", "https://xn--mnchen-3ya.example", "xn--mnchen-3ya.example", 443),
    ],
)
def test_an_address_as_it_is_used(url: str, shown: str, authority: str, port: int) -> None:
    address = Address.of(url)
    assert (str(address), address.authority, address.port) == (shown, authority, port)


@pytest.mark.parametrize(
    ("url", "in_the_clear"),
    [
        ("https://a.example", False),
        ("http://a.example", True),
        ("http://localhost", False),
        ("http://[::1]", False),
    ],
)
def test_who_can_read_along(url: str, in_the_clear: bool) -> None:
    assert Address.of(url).in_the_clear is in_the_clear
