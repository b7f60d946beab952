"""What is counted by: an address, an account that need not exist. Nothing in Redis shows an e-mail."""

from __future__ import annotations

import re
from hashlib import blake2b
from ipaddress import IPv6Address, IPv6Network, ip_address

from flask import request

from chatapp.accounts.account import kept_email

_NETWORK = 64
"""Bits of an IPv6 address that a customer is given at least; the rest is theirs to choose."""
_WITH_PORT = re.compile(r"\[(.+)\](?::[0-9]+)?|([0-9.]+):[0-9]+")
"""As some proxies write who asked: `192.0.2.1:50412`, `[2001:db8::1]:50412`."""


def address_key(address: str | None) -> str:
    """The address, an IPv6 one as its network. What is no address is one key for all: a socket that has none, or
    what a trusted proxy has made up."""
    told = address or ""
    if written := _WITH_PORT.fullmatch(told):
        told = written[1] or written[2]
    try:
        found = ip_address(told.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(IPv6Network((found, _NETWORK), strict=False).network_address)
    return str(found)


def asking_address() -> str:
    """The key of this request's address."""
    return address_key(request.remote_addr)


def account_key(email: str, secret: str) -> str:
    """The key of who has this e-mail, or would have it: the same for every way of writing it that signs in the same
    account. Without `secret` nobody can tell whose it is."""
    told = kept_email(email).encode("utf-8", "surrogatepass")
    return blake2b(told, key=secret.encode()[:64], digest_size=16).hexdigest()
