"""CORS: other origins that may call the API, matched whole, with credentials, never `*`."""

from __future__ import annotations

import re

from flask import Flask
from flask_cors import CORS

_METHODS = ["GET", "POST", "PATCH", "DELETE", "OPTIONS"]
_ALLOWED = [
    "Authorization",
    "Content-Type",
    "Last-Event-ID",
    "Idempotency-Key",
    "X-Request-Id",
    "X-CSRFToken",
]
_EXPOSED = [
    "X-Request-Id",
    "X-Session-Id",
    "X-Turn-Id",
    "Retry-After",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
]


def init_cors(app: Flask, origins: tuple[str, ...]) -> None:
    if not origins:
        return
    # The extension reads an origin with certain characters as a pattern: give it patterns that match whole.
    whole = [re.compile(rf"\A{re.escape(origin)}\Z") for origin in origins]
    CORS(
        app,
        resources={r"/api/.*": {}, r"/generations/.*": {}},
        origins=whole,
        methods=_METHODS,
        allow_headers=_ALLOWED,
        expose_headers=_EXPOSED,
        supports_credentials=True,
        vary_header=True,
    )
