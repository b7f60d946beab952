"""CORS: other origins that may call the API, matched whole, with credentials, never `*`."""

from __future__ import annotations

import re

from flask import Flask, Response, request
from flask_cors import CORS

from chatapp.web.error_answers import is_api
from chatapp.web.refusal import refused

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
    # Registered before the extension, so that it runs after it.
    app.after_request(_tell)
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


def _tell(response: Response) -> Response:
    """Says that the answer depends on the origin, also to one that is not listed, and logs that one."""
    if is_api():
        response.vary.add("Origin")
        origin = request.headers.get("Origin")
        if origin and origin.partition("://")[2] != request.host and not response.access_control_allow_origin:
            refused("origin", "not listed")
    return response
