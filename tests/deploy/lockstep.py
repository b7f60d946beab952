"""An OpenAI-compatible upstream that sends a piece of text only when told to, and a reader to match."""

from __future__ import annotations

import http.client
import json
import queue
import select
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

PATIENCE_S = 20
_END = object()
_CUT = object()


class LedAnswer:
    """An answer that is sent piece by piece, as `give` hands them over; when it has ended there can be another."""

    def __init__(self) -> None:
        self._pieces: queue.Queue[object] = queue.Queue()
        self._asked = threading.Semaphore(0)
        self._hung_up = threading.Event()

    def give(self, text: str) -> None:
        """Sends one delta to whoever is being answered."""
        self._pieces.put(text)

    def end(self) -> None:
        """Ends the answer as a whole one."""
        self._pieces.put(_END)

    def cut(self) -> None:
        """Breaks the answer off."""
        self._pieces.put(_CUT)

    def wait_until_asked(self) -> None:
        assert self._asked.acquire(timeout=PATIENCE_S), "nobody asked upstream for an answer"

    def hung_up(self, within_s: float) -> bool:
        """Whether the caller of the answer left before its end, or does so in this time."""
        return self._hung_up.wait(within_s)

    def begin(self) -> None:
        """Forgets the answer before."""
        self._hung_up.clear()
        while not self._pieces.empty():
            self._pieces.get_nowait()
        self._asked.release()

    def next_piece(self) -> object | None:
        try:
            return self._pieces.get(timeout=0.02)
        except queue.Empty:
            return None

    def note_hang_up(self) -> None:
        self._hung_up.set()


class LockstepUpstream(LedAnswer):
    """Answers one chat completion at a time; a context manager."""

    def __init__(self) -> None:
        super().__init__()
        handler = type("Handler", (AnswerHandler,), {"answer_to": lambda handler, asked: self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"


class AnswerHandler(BaseHTTPRequestHandler):
    """Serves chat completions by the answers that `answer_to` finds for them."""

    protocol_version = "HTTP/1.1"

    def answer_to(self, asked: Mapping[str, Any]) -> LedAnswer:
        raise NotImplementedError

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
        """Says nothing: a test's output is for failures."""

    def do_GET(self) -> None:
        self._answer({"object": "list", "data": [{"id": "gpt-4o-mini", "object": "model"}]})

    def do_POST(self) -> None:
        answer = self.answer_to(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        answer.begin()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in self._pieces(answer):
            self._chunk(answer, piece)
        self.close_connection = True

    def _pieces(self, answer: LedAnswer) -> Iterator[bytes]:
        while not self._caller_left():
            piece = answer.next_piece()
            if piece is _CUT:
                return
            if piece is _END:
                yield _event({}, "stop")
                yield b"data: [DONE]\n\n"
                yield b""
                return
            if piece is not None:
                yield _event({"content": piece}, None)
        answer.note_hang_up()

    def _caller_left(self) -> bool:
        readable, _, _ = select.select([self.connection], [], [], 0)
        if not readable:
            return False
        try:
            return not self.connection.recv(1)
        except OSError:
            return True

    def _chunk(self, answer: LedAnswer, data: bytes) -> None:
        try:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        except OSError:
            answer.note_hang_up()

    def _answer(self, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _event(delta: dict[str, object], finish_reason: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini"}
    return b"data: " + json.dumps(chunk | {"choices": [choice]}).encode() + b"\n\n"


class Stream:
    """One reader of an event stream; reads no further than it is asked to. Without a body it asks by GET."""

    def __init__(
        self, port: int, path: str, body: Mapping[str, object] | None, headers: Mapping[str, str]
    ) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        if body is None:
            self._connection.request("GET", path, headers=headers)
        else:
            sent = {"Content-Type": "application/json", **headers}
            self._connection.request("POST", path, json.dumps(body), sent)
        self.response = self._connection.getresponse()
        self.last_id = ""
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hang_up()

    def next_event(self, name: str) -> Any:
        """The data of the next event of that name; what comes before it is skipped."""
        while True:
            for frame in self._frames():
                lines = frame.decode().split("\n")
                self.last_id = next((line[4:] for line in lines if line.startswith("id: ")), self.last_id)
                if f"event: {name}" in lines:
                    return json.loads(next(line for line in lines if line.startswith("data: "))[6:])
            data = self.response.read1(65_536)
            assert data, f"the stream ended before {name!r}"
            self._buffer += data

    def hang_up(self) -> None:
        self.response.close()
        self._connection.close()

    def _frames(self) -> Iterator[bytes]:
        while b"\n\n" in self._buffer:
            frame, _, self._buffer = self._buffer.partition(b"\n\n")
            yield frame
