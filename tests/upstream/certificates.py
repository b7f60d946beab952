"""A certificate authority made for the tests, and the two ends of a TLS connection."""

from __future__ import annotations

import ssl
from functools import cache
from pathlib import Path
from typing import Any

import trustme


@cache
def authority() -> trustme.CA:
    return trustme.CA()


def server_tls(*names: str, issuer: trustme.CA | None = None, **certificate: Any) -> ssl.SSLContext:
    """For a server that calls itself so, with a certificate of `authority()` or of another."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["h2", "http/1.1"])
    (issuer or authority()).issue_cert(*names, **certificate).configure_cert(context)
    return context


def client_tls() -> ssl.SSLContext:
    """For a client that trusts `authority()` alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority().configure_trust(context)
    return context


def trust_file(folder: Path) -> str:
    """The path of a file for SSL_CERT_FILE: it trusts `authority()` alone."""
    path = folder / "authority.pem"
    authority().cert_pem.write_to_path(str(path))
    return str(path)
