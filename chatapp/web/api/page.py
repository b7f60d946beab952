"""Pages of a list: `limit` and an opaque `cursor` in, `items` and `next_cursor` out."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from flask import Response, request
from flask.json import dumps

from chatapp.errors import FieldError, ValidationFailed
from chatapp.turns.conversations import Place
from chatapp.web.pieces import Pieces
from chatapp.web.services import services

LIMIT = 100
_DEFAULT = 50
_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)


def asked_limit() -> int:
    """How many items are wanted. Raises ValidationFailed."""
    written = request.args.get("limit", str(_DEFAULT))
    if not (written.isascii() and written.isdigit() and 1 <= int(written[:4]) <= LIMIT and len(written) < 4):
        raise ValidationFailed([FieldError("limit", f"A whole number from 1 to {LIMIT}.")])
    return int(written)


def asked_place(name: str = "cursor") -> Place | None:
    """The end of the page before this one, from the query's `name`. Raises ValidationFailed."""
    written = request.args.get(name)
    if not written:
        return None
    try:
        moment, _, session_id = base64.urlsafe_b64decode(written.encode()).decode().partition(" ")
        updated_at = datetime.fromisoformat(moment)
        if updated_at.tzinfo is None or "\0" in session_id:
            raise _bad_cursor()
        return Place(updated_at.astimezone(UTC), session_id)
    except (ValueError, OverflowError):
        raise _bad_cursor() from None


def cursor_of(place: Place) -> str:
    return base64.urlsafe_b64encode(f"{place.updated_at.isoformat()} {place.session_id}".encode()).decode()


def asked_message() -> str:
    """The last message of the page before this one. Raises ValidationFailed."""
    written = request.args.get("cursor", "")
    if len(written) > 64 or not (written == "" or (written.isascii() and written.isalnum())):
        raise _bad_cursor()
    return written


def asked_id() -> str | None:
    """The same where the items' own identifiers tell their order. Raises ValidationFailed."""
    written = request.args.get("cursor")
    if not written:
        return None
    if not _ID.fullmatch(written):
        raise _bad_cursor()
    return written


def listed(items: Iterable[Any], next_cursor: str | None) -> Response:
    """What `jsonify` gives, made in pieces: a hundred long messages are megabytes. No transaction may be open."""
    written = ",".join(Pieces(services().turnstile).between(map(_compact, items)))
    body = f'{{"items":[{written}],"next_cursor":{_compact(next_cursor)}}}\n'
    return Response(body, mimetype="application/json")


def _compact(value: Any) -> str:
    return dumps(value, separators=(",", ":"))


def _bad_cursor() -> ValidationFailed:
    return ValidationFailed([FieldError("cursor", "This is no cursor that was given out here.")])
