"""The simulator as a plain WSGI application: no framework, no server, no greenlets of its own."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from chatapp.upstream.simulator.api_error import ApiError
from chatapp.upstream.simulator.body import (
    MODELS,
    completion_of,
    embedding_request_of,
    read_object,
)
from chatapp.upstream.simulator.completion import Answer
from chatapp.upstream.simulator.embedding import embedding_of
from chatapp.upstream.simulator.fault import Fault, fault_of, refuse
from chatapp.upstream.simulator.pace import Clock, Pace
from chatapp.upstream.simulator.stats import Stats
from chatapp.upstream.simulator.text import tokens_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

HUNG_UP = "simulator.hung_up"
"""Environ key: a callable that tells whether the client has left, if the server can know."""

_JSON = ("Content-Type", "application/json")


class Simulator:
    """OpenAI's API for chat, models and embeddings, and `GET /stats` for tests."""

    def __init__(
        self,
        pace: Pace | None = None,
        *,
        api_key: str | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """With an `api_key`, requests must carry it. `sleep` waits for so many seconds."""
        self.stats = Stats()
        self._pace = pace or Pace()
        self._api_key = api_key
        self._sleep = sleep
        self._routes: dict[str, tuple[str, Callable[..., Iterable[bytes]]]] = {
            "/v1/chat/completions": ("POST", self._complete),
            "/v1/models": ("GET", self._list_models),
            "/v1/embeddings": ("POST", self._embed),
            "/stats": ("GET", self._show_stats),
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return self._answer(environ, start_response)
        except ApiError as error:
            return _respond(start_response, error.body, error.status, error.headers)

    def _answer(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path, method = environ.get("PATH_INFO", ""), environ["REQUEST_METHOD"]
        if path not in self._routes:
            raise ApiError(404, f"Unknown request URL: {method} {path}.", code="unknown_url")
        wanted, respond = self._routes[path]
        if method != wanted:
            raise ApiError(405, f"Not allowed to {method} on {path}.", headers=(("Allow", wanted),))
        if path.startswith("/v1/"):
            self._authorize(environ)
        return respond(environ, start)

    def _authorize(self, environ: WSGIEnvironment) -> None:
        given = environ.get("HTTP_AUTHORIZATION", "")
        if self._api_key and not hmac.compare_digest(given.encode(), f"Bearer {self._api_key}".encode()):
            raise ApiError(401, "Incorrect API key provided.", code="invalid_api_key")

    def _complete(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        self.stats.begin()
        try:
            answer, request = self._open(environ)
            body = None if request.stream else answer.whole()
        except BaseException as error:
            self.stats.end(whole=isinstance(error, ApiError))
            raise
        if body is None:
            start("200 OK", [("Content-Type", "text/event-stream; charset=utf-8")])
            return self._counted(answer.events())
        self.stats.end(whole=True)
        return _send(start, body, 200)

    def _open(self, environ: WSGIEnvironment) -> tuple[Answer, Any]:
        fault = fault_of(environ.get("HTTP_X_TEST_SCENARIO"))
        request = completion_of(read_object(environ))
        refuse(fault, request.model)
        clock = Clock(self._sleep, environ.get(HUNG_UP, _never))
        if fault is Fault.TIMEOUT:
            clock.wait_for_hang_up()
        return Answer(request, self._pace, clock, fault), request

    def _counted(self, events: Iterator[bytes]) -> Iterator[bytes]:
        whole = False
        try:
            yield from events
            whole = True
        finally:
            self.stats.end(whole=whole)

    def _list_models(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        data = [{"id": model, "object": "model", "created": 0, "owned_by": "simulator"} for model in MODELS]
        return _respond(start, {"object": "list", "data": data})

    def _embed(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        request = embedding_request_of(read_object(environ))
        count = sum(1 for text in request.texts for _ in tokens_of(text))
        data = [
            {
                "object": "embedding",
                "index": index,
                "embedding": embedding_of(text, request.dimensions),
            }
            for index, text in enumerate(request.texts)
        ]
        usage = {"prompt_tokens": count, "total_tokens": count}
        return _respond(start, {"object": "list", "data": data, "model": request.model, "usage": usage})

    def _show_stats(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        return _respond(start, asdict(self.stats))


def _never() -> bool:
    return False


def _respond(
    start: StartResponse,
    found: object,
    status: int = 200,
    headers: tuple[tuple[str, str], ...] = (),
) -> Iterable[bytes]:
    return _send(start, json.dumps(found).encode(), status, headers)


def _send(
    start: StartResponse, body: bytes, status: int, headers: tuple[tuple[str, str], ...] = ()
) -> Iterable[bytes]:
    line = f"{status} {HTTPStatus(status).phrase}"
    start(line, [_JSON, ("Content-Length", str(len(body))), *headers])
    return [body]
