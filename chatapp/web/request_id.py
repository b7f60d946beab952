"""Request ids: one per request, kept when the client's own is well-formed, told in every answer and log line."""

from __future__ import annotations

import re
import secrets

from flask import Flask, Response, g, request

HEADER = "X-Request-Id"
_GIVEN = re.compile(r"req_[A-Za-z0-9]{8,64}", re.ASCII)


def request_id() -> str:
    """This request's id."""
    if "request_id" not in g:
        given = request.headers.get(HEADER, "")
        g.request_id = given if _GIVEN.fullmatch(given) else f"req_{secrets.token_hex(12)}"
    return str(g.request_id)


def _tell(response: Response) -> Response:
    response.headers[HEADER] = request_id()
    return response


def init_request_id(app: Flask) -> None:
    app.after_request(_tell)
