"""The streamed response is a plain generator: any WSGI server that waits on patched sockets can serve it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from flask import Flask
from gevent import pywsgi
from gevent.event import Event
from werkzeug.serving import make_server as make_development_server

from chatapp.app import create_app
from chatapp.config import load_settings
from tests.scripted_upstream import STREAM_HEAD, End, ScriptedUpstream, Step, chunk, delta
from tests.streaming.wire import Client
from tests.turns.house import until


class ThreadingServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the standard library's
        """Says nothing."""


@contextmanager
def _wsgiref(app: Flask) -> Iterator[int]:
    server = make_server("127.0.0.1", 0, app, server_class=ThreadingServer, handler_class=QuietHandler)
    with _served(server) as port:
        yield port


@contextmanager
def _werkzeug(app: Flask) -> Iterator[int]:
    server = make_development_server("127.0.0.1", 0, app, threaded=True)
    with _served(server) as port:
        yield port


@contextmanager
def _served(server: Any) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def _gevent(app: Flask) -> Iterator[int]:
    server = pywsgi.WSGIServer(("127.0.0.1", 0), app, log=None)
    server.start()
    try:
        yield int(server.server_port or 0)
    finally:
        server.stop(timeout=1)


SERVERS = {"wsgiref": _wsgiref, "werkzeug": _werkzeug, "gevent": _gevent}


@pytest.mark.parametrize("kind", SERVERS)
def test_tokens_come_one_by_one_under_any_server(kind: str, sqlite_url: str, tmp_path: Any) -> None:
    """In lockstep: upstream sends the next token when the client has the one before."""
    steps = [Event() for _ in range(4)]
    script: list[Step] = [STREAM_HEAD]
    for number, step in enumerate(steps):
        script += [chunk(delta(str(number))), step]
    script += [chunk(delta("", "stop")), End.CLOSE]
    with ScriptedUpstream(script) as upstream:
        variables = {"OPENAI_BASE_URL": upstream.base_url, "CHATAPP_MODELS": "gpt-6-luna"}
        where = {"CHATAPP_DATA": str(tmp_path / "data"), "DATABASE_URL": sqlite_url}
        app = create_app(load_settings({**where, **variables}))
        parts = app.extensions["chatapp"]
        token = parts.api_tokens.issue(parts.accounts.create("a@example.org", "long enough"), "test").token
        try:
            with SERVERS[kind](app) as port:
                client = _read_in_lockstep(port, token, steps)
        finally:
            parts.stop()
    assert client.text() == "0123"
    assert client.names()[-1] == "done"


def _read_in_lockstep(port: int, token: str, steps: list[Event]) -> Client:
    client, waiting = Client(), list(steps)
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request("POST", "/api/v1/chat", json.dumps({"message": "Hello"}), headers)
    answer = connection.getresponse()
    assert answer.status == 200
    while piece := answer.read1():
        client.feed(piece)
        while waiting and len(client.text()) > len(steps) - len(waiting):
            waiting.pop(0).set()
    connection.close()
    return client


def test_a_hang_up_is_noticed_by_the_next_heartbeat_where_no_socket_is_given(
    sqlite_url: str, tmp_path: Any
) -> None:
    with ScriptedUpstream([STREAM_HEAD, chunk(delta("a")), End.HANG]) as upstream:
        variables = {"OPENAI_BASE_URL": upstream.base_url, "CHATAPP_MODELS": "gpt-6-luna"}
        where = {"CHATAPP_DATA": str(tmp_path / "data"), "DATABASE_URL": sqlite_url}
        app = create_app(load_settings({**where, **variables, "OPENAI_SSE_HEARTBEAT_MS": "100"}))
        parts = app.extensions["chatapp"]
        token = parts.api_tokens.issue(parts.accounts.create("a@example.org", "long enough"), "test").token
        try:
            with _gevent(app) as port:
                connection = HTTPConnection("127.0.0.1", port, timeout=10)
                headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
                connection.request("POST", "/api/v1/chat", json.dumps({"message": "Hello"}), headers)
                answer = connection.getresponse()
                until(lambda: b'"a"' in answer.read1())
                answer.close()
                connection.close()
                assert upstream.requests[0].hung_up.wait(2)
        finally:
            parts.stop()
