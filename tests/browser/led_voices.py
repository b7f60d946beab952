"""An upstream that answers for several voices at once; each says what a test gives it, when it gives it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from chatapp.turns.built_in_voices import BUILT_IN
from tests.deploy.lockstep import AnswerHandler, LedAnswer

MERGE = "merge"
"""Stands for the voice that merges the answers of the others."""


class LedVoices:
    """One answer for each built-in voice, told apart by its prompt, and one for merges; a context manager."""

    def __init__(self) -> None:
        self._answers = {key: LedAnswer() for key in (*BUILT_IN, MERGE)}
        self.said: dict[str, str] = {}
        """By voice: what it has said since it was asked last."""
        handler = type("Handler", (AnswerHandler,), {"answer_to": lambda handler, asked: self._of(asked)})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def wait_until_asked(self, *voices: str) -> None:
        """Until each of these is asked for an answer."""
        for voice in voices:
            self._answers[voice].wait_until_asked()
            self.said[voice] = ""

    def give(self, voice: str, text: str) -> None:
        self.said[voice] += text
        self._answers[voice].give(text)

    def end(self, *voices: str) -> None:
        for voice in voices:
            self._answers[voice].end()

    def end_all(self) -> None:
        """In case a test did not."""
        self.end(*self._answers)

    def cut(self, voice: str) -> None:
        self._answers[voice].cut()

    def hung_up(self, voice: str, within_s: float) -> bool:
        return self._answers[voice].hung_up(within_s)

    def _of(self, asked: Mapping[str, Any]) -> LedAnswer:
        prompt: str = asked["messages"][0]["content"]
        [key] = [key for key, voice in BUILT_IN.items() if prompt.startswith(voice.prompt)]
        return self._answers[key if prompt == BUILT_IN[key].prompt else MERGE]
