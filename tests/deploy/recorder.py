"""A tiny HTTP server that remembers what reached it: what a proxy passes on, seen from behind."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


class Recorder:
    """Answers everything with 200, or with the status in its path; a context manager."""

    def __init__(self) -> None:
        self.headers: dict[str, list[str]] = {}
        handler = type("Handler", (_Handler,), {"recorder": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    recorder: Recorder

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
        """Says nothing: a test's output is for failures."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def do_GET(self) -> None:
        names = {name.lower() for name in self.headers}
        self.recorder.headers = {name: self.headers.get_all(name, []) for name in names}
        status = self.path.rpartition("/")[2]
        body = b"<h1>the application's own answer</h1>"
        self.send_response(int(status) if status.isdigit() else 200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Request-Id", "req_application01")
        self.end_headers()
        self.wfile.write(body)
