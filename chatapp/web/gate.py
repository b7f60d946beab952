"""The gate: what happens to every request before its view, in this order."""

from __future__ import annotations

from socket import socket

from flask import Flask, request

from chatapp.errors import NotFound
from chatapp.web.access import (
    CSRF_FIELD,
    SAFE_METHODS,
    demand_csrf,
    demand_csrf_header,
    demand_sign_in,
    is_stream,
    is_untouched,
)
from chatapp.web.body import read_body
from chatapp.web.body_size import bound_body
from chatapp.web.identity import current_account
from chatapp.web.services import services
from chatapp.web.streams.place import take_place

_FORMS = frozenset({"pages"})
SLOW_READER_S = 70
"""Seconds for which one write may wait for a reader that does not read. Longer than gunicorn waits for the next
request of a kept connection, so that an idle one ends as gunicorn ends it."""


def _pass() -> None:
    client: socket | None = request.environ.get("gunicorn.socket")
    if client is not None:
        client.settimeout(SLOW_READER_S)
    if is_untouched() or request.method == "OPTIONS":
        return
    if "\0" in request.path:
        raise NotFound  # no database can hold it, so nothing has that name
    turnstile = services().turnstile
    turnstile.go_through()
    services().answering.ready()
    demand_sign_in()
    if read_body(services().settings.body_s, bound_body()):
        turnstile.go_through()
    if request.blueprint not in _FORMS:
        demand_csrf_header()
    elif request.method not in SAFE_METHODS:
        demand_csrf(request.form.get(CSRF_FIELD))
    if is_stream():
        take_place(current_account().id)


def init_gate(app: Flask) -> None:
    app.before_request(_pass)
