"""Body sizes: how large a request's body may be, by what its view takes."""

from __future__ import annotations

from collections.abc import Callable

from flask import current_app, request

from chatapp.web.access import View

BODY = 8 * 1024
"""Bytes of a body, where a view says nothing else: a few short fields."""
MESSAGE = 256 * 1024
"""Of one with a message: 4000 characters, each escaped as two halves, or as four bytes in a form, are 48,000. A message
that is too long is still told so as such, by its field; a body of this size costs next to nothing to refuse."""
VOICE = 64 * 1024
"""Of one with a voice: a prompt of 4000 characters, a description and a name, escaped in the same way, are 50,880."""
TOML = 256 * 1024
"""Of one with voices as TOML, 64 KiB of text: as a form that escapes every byte, it is 192 KiB."""
PASSWORDS = 32 * 1024
"""Of one with passwords: two of 1024 characters, each escaped in the same way, are 24,576."""
NOTHING = 1024
"""Of a request that needs none, and may have an empty object or a form's token."""
_MOST = "takes_at_most"


def takes(most_bytes: int) -> Callable[[View], View]:
    """Marks a view whose request has a body of at most so many bytes. A larger one is refused before it is read:
    by its length, or where it tells none as soon as more has come."""

    def mark(view: View) -> View:
        setattr(view, _MOST, most_bytes)
        return view

    return mark


def bound_body() -> int:
    """Bounds this request's body, of whatever type it is, by what its view takes; how many bytes that is.

    One that tells no length may be read a byte further: Werkzeug ends it at its bound without a word, and it would
    look as if that were all."""
    view = current_app.view_functions.get(request.endpoint or "")
    most: int = getattr(view, _MOST, BODY)
    request.max_content_length = most if request.content_length is not None else most + 1
    return most
