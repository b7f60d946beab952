"""Headers that every answer carries: what the browser may load, frame, sniff and tell others."""

from __future__ import annotations

from flask import Flask, Response, request

from chatapp.web.access import is_stream

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "font-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)


def _protect(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", POLICY)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    # A stream's address can hold a stream token.
    headers.setdefault("Referrer-Policy", "no-referrer" if is_stream() else "same-origin")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    if request.is_secure:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if (response.status_code, request.method) == (200, "OPTIONS") or response.status_code == 204:
        headers.pop("Content-Type", None)  # of nothing
    if request.endpoint != "static":
        headers.setdefault("Cache-Control", "no-store")
    return response


def init_security_headers(app: Flask) -> None:
    app.after_request(_protect)
