"""An OpenAI-compatible upstream of several models, each of which says a piece of text only when told to."""

from __future__ import annotations

import json
import queue
import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

_END = object()
_BREAK = object()


class Choir:
    """A context manager. What is given to a model is sent to whoever asks it, or will."""

    def __init__(self) -> None:
        self.pieces: defaultdict[str, queue.Queue[object]] = defaultdict(queue.Queue)
        handler = type("Handler", (_Handler,), {"choir": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end(*self.pieces)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def give(self, model: str, text: str) -> None:
        """Sends one delta."""
        self.pieces[model].put(text)

    def end(self, *models: str) -> None:
        """Ends these answers as whole ones."""
        for model in models:
            self.pieces[model].put(_END)

    def forget(self) -> None:
        """Takes back what nobody has asked for."""
        self.pieces.clear()

    def break_off(self, model: str) -> None:
        """Closes the connection in the middle of the answer."""
        self.pieces[model].put(_BREAK)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    choir: Choir

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
        """Says nothing: a test's output is for failures."""

    def do_GET(self) -> None:
        self.send_error(404)

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.close_connection = True
        pieces = self.choir.pieces[asked["model"]]
        while isinstance(piece := pieces.get(), str):
            self._chunk(_event({"content": piece}, None))
        if piece is _END:
            self._chunk(_event({}, "stop") + b"data: [DONE]\n\n")
            self._chunk(b"")

    def _chunk(self, data: bytes) -> None:
        try:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()
        except OSError:
            self.close_connection = True


def _event(delta: dict[str, object], finish_reason: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"
