"""Pages of other origins: one, on a port of its own, by any name of this machine, and beside it the scripts of
docs/clients as a reader would have copied them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from tests.clients.document import Document
from tests.server import ROOT

CLIENTS = ROOT / "docs/clients"
_PAGE = '<!doctype html><title>A page of another origin</title><link rel="icon" href="data:,">'


def scripts() -> dict[str, str]:
    """The files in docs/clients, and those that its pages tell to save."""
    found = {path.name: path.read_text("utf-8") for path in CLIENTS.glob("*.js")}
    for document in CLIENTS.glob("*.md"):
        files = Document.at(document).files
        found |= {name: text for name, text in files.items() if name.endswith(".js")}
    return found


class PageServer:
    """A context manager. To a browser `same_site` is the site of a server on 127.0.0.1, on another port and so another
    origin, and `other_site` is another site altogether."""

    def __init__(self) -> None:
        handler = type("Handler", (_Handler,), {"scripts": scripts()})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        port = self._server.server_address[1]
        self.same_site = f"http://127.0.0.1:{port}"
        self.other_site = f"http://localhost:{port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    scripts: Mapping[str, str]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
        """Says nothing: a test's output is for failures."""

    def do_GET(self) -> None:
        name = self.path.removeprefix("/")
        if name and name not in self.scripts:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/javascript" if name else "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write((self.scripts[name] if name else _PAGE).encode())
