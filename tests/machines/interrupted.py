"""An interrupted turn: what its readers are told, and what is saved of it."""

from __future__ import annotations

from typing import Any

from tests.machines.paced_answer import PacedAnswer
from tests.reading import Reading
from tests.streaming.wire import Client, Frame
from tests.turns.house import until

ENDING = ["snapshot", "usage", "failure", "done"]


def told(client: Client) -> list[Frame]:
    """Everything but heartbeats, which each connection has of its own."""
    return [frame for frame in client.frames if frame.name != "heartbeat"]


def until_saved(reading: Reading, session_id: str, text: str) -> None:
    until(lambda: reading.replies(session_id)[-1]["content"] == text)


def assert_interrupted(client: Client, reply: dict[str, Any], answer: PacedAnswer) -> None:
    """What was sent, what the client put together and what is saved belong together."""
    assert (reply["status"], reply["finish_reason"]) == ("interrupted", "error")
    assert reply["error_code"] == "INTERRUPTED"
    assert client.text() == reply["content"]
    assert answer.text.startswith(reply["content"])
    *_, failure, done = told(client)
    assert (failure.json()["code"], failure.json()["retryable"]) == ("INTERRUPTED", True)
    assert done.json() == {"finish_reason": "error"}
