"""Pages of a list: `limit` and an opaque `cursor` in, `items` and `next_cursor` out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Response, request
from flask.json import dumps

from chatapp.errors import FieldError, ValidationFailed
from chatapp.store.identifier import ID_PATTERN
from chatapp.turns.continued import SESSION_ID_PATTERN
from chatapp.turns.conversations import Place
from chatapp.web.openapi.parameter import Parameter
from chatapp.web.pieces import Pieces
from chatapp.web.services import services

LIMIT = 100
_DEFAULT = 50
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_PLACE = f"[0-9]{{1,16}}-{SESSION_ID_PATTERN.strip('^$')}"
_ID = ID_PATTERN.strip("^$")

LIMIT_PARAMETER = Parameter(
    "limit",
    "query",
    {"type": "integer", "minimum": 1, "maximum": LIMIT, "default": _DEFAULT},
    "How many items a page has at most.",
)


def _cursor(pattern: str) -> Parameter:
    schema = {"type": "string", "pattern": f"^({pattern})?$"}
    return Parameter(
        "cursor", "query", schema, "The `next_cursor` of the page before this one. It is opaque."
    )


PLACE_CURSOR, ID_CURSOR = _cursor(_PLACE), _cursor(_ID)


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
    if not re.fullmatch(_PLACE, written):
        raise _bad_cursor()
    microseconds, _, session_id = written.partition("-")
    return Place(_EPOCH + int(microseconds) * _MICROSECOND, session_id)


def cursor_of(place: Place) -> str:
    """The place as `asked_place` reads it: whatever has this shape is a place, so that the shape says all."""
    return f"{(place.updated_at - _EPOCH) // _MICROSECOND}-{place.session_id}"


def asked_message() -> str:
    """The last message of the page before this one. Raises ValidationFailed."""
    return asked_id() or ""


def asked_id() -> str | None:
    """The same where the items' own identifiers tell their order. Raises ValidationFailed."""
    written = request.args.get("cursor")
    if not written:
        return None
    if not re.fullmatch(_ID, written):
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
