"""Where a reader says it stands."""

from __future__ import annotations

from flask import request


def asked_position() -> str | None:
    """What the reader sends as its place: the header wins over the query."""
    return request.headers.get("Last-Event-ID") or request.args.get("last_event_id") or None
