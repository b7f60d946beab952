"""A server in front of the real one that is not well: it answers what a test says, loses answers, cuts them short."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

EVENT_STREAM = {"Content-Type": "text/event-stream; charset=utf-8"}
PATIENCE_S = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `cut` ends the connection before the body has ended; `held` leaves it open and silent instead."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: bool = False
    held: bool = False


class Trouble(Enum):
    LOST = auto()
    """The request goes on to the real server, which carries it out; its answer is lost."""
    GONE = auto()
    """The connection ends without an answer."""


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class TroubledServer:
    """Answers with one of `troubles` after the other, and then as the server at `url` does; a context manager."""

    def __init__(self, *troubles: Answer | Trouble, url: str = "http://127.0.0.1:1") -> None:
        self.requests: list[Request] = []
        self.troubles: list[Answer | Trouble] = list(troubles)
        self.ended = threading.Event()
        self.address = urlsplit(url)
        handler = type("Handler", (_Handler,), {"trouble": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()

    def headers_of(self, name: str) -> Sequence[str | None]:
        """What each request said under this name, in small letters."""
        return [request.headers.get(name) for request in self.requests]


class _Handler(BaseHTTPRequestHandler):
    trouble: TroubledServer

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
        """Says nothing: a test's output is for failures."""

    def do_OPTIONS(self) -> None:
        """A browser's question, which is no request that a test has to do with."""
        self._send(Answer(200))

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, body)
        self.trouble.requests.append(request)
        match self.trouble.troubles.pop(0) if self.trouble.troubles else None:
            case Answer() as trouble:
                self._send(trouble)
            case Trouble.LOST:
                with self._answer_of(request) as answer:
                    answer.read()
            case Trouble.GONE:
                pass
            case None:
                with self._answer_of(request) as answer:
                    self._pass_on(answer)
        self.close_connection = True

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self._allow_everybody()
        for name, value in answer.headers.items():
            self.send_header(name, value)
        missing = 1 if answer.cut or answer.held else 0
        if answer.status != http.HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(answer.body) + missing))
        self.end_headers()
        self.wfile.write(answer.body)
        self.wfile.flush()
        if answer.held:
            self.trouble.ended.wait(PATIENCE_S)

    def _allow_everybody(self) -> None:
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header(
            "Access-Control-Allow-Headers", "authorization, content-type, idempotency-key, last-event-id"
        )
        self.send_header("Access-Control-Expose-Headers", "Retry-After")

    @contextmanager
    def _answer_of(self, request: Request) -> Iterator[http.client.HTTPResponse]:
        address = self.trouble.address
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=PATIENCE_S)
        headers = {name: value for name, value in request.headers.items() if name != "host"}
        connection.request(
            request.method, request.path, request.body or None, {**headers, "Connection": "close"}
        )
        with closing(connection), connection.getresponse() as answer:
            yield answer

    def _pass_on(self, answer: http.client.HTTPResponse) -> None:
        self.send_response(answer.status)
        self._allow_everybody()
        self.send_header("Content-Type", answer.headers.get("Content-Type", ""))
        self.end_headers()
        while piece := answer.read1():
            self.wfile.write(piece)
