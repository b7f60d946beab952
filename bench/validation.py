"""How long a message's body takes to become validated values."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.process import cores, on_core
from chatapp.app import create_app
from chatapp.config import load_settings
from chatapp.web.api.message_body import MESSAGE_LENGTH, ChatBody
from chatapp.web.body import parsed
from chatapp.web.body_size import bound_body

_MESSAGES = {
    "a sentence": "Hello! What can you do?",
    f"{MESSAGE_LENGTH:,} letters": "w" * MESSAGE_LENGTH,
    "the longest": "\U0001f600" * MESSAGE_LENGTH,
}
_OTHERS = {
    "sessionId": "session-20250819-143022-a1b2",
    "voices": ["seeker"],
    "clientMessageId": "one-of-the-bench",
}


@dataclass(frozen=True, slots=True)
class Validated:
    """`message` says which; microseconds of CPU for one."""

    message: str
    us: float


def validate(folder: Path, times: int) -> Iterator[Validated]:
    """Validates each of some messages so many times, on the server's core."""
    settings = load_settings({"CHATAPP_DATA": str(folder / "validation"), "OPENAI_API_KEY": "bench"})
    app = create_app(settings)
    for name, message in _MESSAGES.items():
        body = json.dumps({"message": message, **_OTHERS}).encode()
        posted = app.test_request_context(
            "/api/v1/chat", method="POST", data=body, content_type="application/json"
        )
        with posted, on_core(cores()[0]):
            bound_body()
            parsed(ChatBody)
            began = time.thread_time()
            for _ in range(times):
                parsed(ChatBody)
            yield Validated(name, (time.thread_time() - began) / times * 1_000_000)
