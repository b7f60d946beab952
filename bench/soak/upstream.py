"""Upstream: an OpenAI-compatible server in a process of its own that says what a message asks for.

    python -m bench.soak.upstream

prints its port, and serves until its standard input ends. `GET /stats` tells how often it was called.
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402  # patched first
import sys  # noqa: E402
from collections import Counter  # noqa: E402
from collections.abc import Iterable, Iterator  # noqa: E402
from typing import Any  # noqa: E402
from wsgiref.types import StartResponse, WSGIEnvironment  # noqa: E402

import gevent  # noqa: E402
from gevent.hub import get_hub  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402

from bench.soak.answer import Answer  # noqa: E402

MODEL = "soak"


class Upstream:
    """A WSGI application. It counts the calls for each answer: there should be one."""

    def __init__(self) -> None:
        self._calls: Counter[str] = Counter()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "POST":
            asked = json.loads(environ["wsgi.input"].read())
            answer = Answer.asked_for(asked["messages"][-1]["content"])
            if answer is None:
                start_response("400 Bad Request", [("Content-Type", "application/json")])
                return [b'{"error":{"message":"this is no message of the soak"}}']
            self._calls[answer.tag] += 1
            start_response("200 OK", [("Content-Type", "text/event-stream")])
            return _streamed(answer)
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(self._stats() if environ["PATH_INFO"] == "/stats" else _MODELS).encode()]

    def _stats(self) -> dict[str, int]:
        return {"calls": self._calls.total(), "repeated": self._calls.total() - len(self._calls)}


_MODELS = {"object": "list", "data": [{"id": MODEL, "object": "model"}]}


def _streamed(answer: Answer) -> Iterator[bytes]:
    for pause_s, piece in answer.pieces():
        if pause_s:
            gevent.sleep(pause_s)
        yield _event({"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]})
    yield _event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    yield _event({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": answer.words}})
    yield b"data: [DONE]\n\n"


def _event(found: dict[str, Any]) -> bytes:
    return b"data: %b\n\n" % json.dumps(found).encode()


def main() -> None:
    server = WSGIServer(("127.0.0.1", 0), Upstream(), log=None)
    server.start()
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    get_hub().threadpool.apply(sys.stdin.buffer.read)  # whoever started it has gone, or wants it to go
    server.stop(timeout=0)


if __name__ == "__main__":
    main()
