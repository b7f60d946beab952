"""A message that is sent five times at once to a real server is one message, one generation, one call of upstream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.machines.paced_answer import PacedAnswer
from tests.reading import Reading
from tests.same_message import SentTogether
from tests.scripted_upstream import ScriptedUpstream
from tests.server import RunningServer

CHAT, PLAIN, TURNS = "/api/v1/chat", "/api/chat/stream", "/api/v1/turns"
TIMES = 5


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture
def server(database_url: str, upstream: ScriptedUpstream, tmp_path: Path) -> Iterator[RunningServer]:
    """On SQLite, and on PostgreSQL. Upstream is asked for answers alone, and no heartbeat comes between."""
    settings = {
        "DATABASE_URL": database_url,
        "OPENAI_BASE_URL": upstream.base_url,
        "CHATAPP_MODELS": "gpt-6-luna",
        "OPENAI_SSE_HEARTBEAT_MS": "600000",
    }
    with RunningServer(tmp_path, settings) as server:
        yield server
    Reading.close_all()


def test_five_at_once_are_one(server: RunningServer, upstream: ScriptedUpstream) -> None:
    reading = Reading(server)
    for number, (path, by_header, in_body) in enumerate(
        [
            (CHAT, None, "b_1"),
            (CHAT, "h-1", None),
            (CHAT, "a1", "a1"),
            (PLAIN, "p1", None),
            (TURNS, "t1", None),
        ]
    ):
        answer = PacedAnswer(f"answer {number}")
        upstream.scripts.append(answer.script)
        headers = {"Idempotency-Key": by_header} if by_header else {}
        body = {"message": "Count", **({"clientMessageId": in_body} if in_body else {})}
        with SentTogether(server, [server.url] * TIMES, path, body, headers) as together:
            together.send()
            together.until_all_are_told(b"turn_id" if path == TURNS else b"-0\n\n")
            text = answer.finish()
            together.read_to_the_end()
        session_id = assert_equal(together, path, text)
        assert_one(reading, session_id, text)
        assert len(upstream.requests) == number + 1, "upstream is called once"
    assert len(reading.http.get("/api/v1/conversations").json()["items"]) == number + 1
    assert_refused(reading, upstream)


def assert_equal(together: SentTogether, path: str, text: str) -> str:
    """All are answered alike, to the byte; the conversation that they are told."""
    [first, *others] = together.answers
    assert first.status == (202 if path == TURNS else 200)
    assert [each.status for each in others] == [first.status] * (TIMES - 1)
    assert [each.body for each in others] == [first.body] * (TIMES - 1)
    if path == TURNS:
        return str(first.json["session_id"])
    for name in ("X-Turn-Id", "X-Session-Id"):
        assert len({each.header(name) for each in together.answers}) == 1
    if path == CHAT:
        assert first.client.text() == text
        assert first.client.names()[-2:] == ["usage", "done"]
    return first.header("X-Session-Id")


def assert_one(reading: Reading, session_id: str, text: str) -> None:
    turn = reading.http.get(f"/api/v1/conversations/{session_id}/messages").json()["items"]
    assert [each["role"] for each in turn] == ["user", "assistant"]
    # The turn that is not bound to a connection is followed to its end here.
    reading.follow_to_the_end(f"/api/v1/turns/{turn[0]['turn_id']}/stream")
    [reply] = reading.replies(session_id)
    assert (reply["content"], reply["status"]) == (text, "complete")


def assert_refused(reading: Reading, upstream: ScriptedUpstream) -> None:
    """The same key for something else, by each way to give it, and two keys that differ."""
    asked = len(upstream.requests)

    def refusal(path: str, body: Mapping[str, Any], **headers: str) -> tuple[int, str]:
        answered = reading.http.post(path, json=body, headers=headers)
        return answered.status_code, answered.json()["code"]

    other = {"message": "Something else"}
    reused = (409, "MESSAGE_ID_REUSED")
    for path in (CHAT, PLAIN, TURNS):
        assert refusal(path, other, **{"Idempotency-Key": "b_1"}) == reused
    assert refusal(CHAT, {**other, "clientMessageId": "p1"}) == reused
    assert refusal(CHAT, {"message": "Count", "model": "gpt-6-luna"}, **{"Idempotency-Key": "t1"}) == reused
    differ = refusal(CHAT, {"message": "Count", "clientMessageId": "b_1"}, **{"Idempotency-Key": "h-1"})
    assert differ == (422, "VALIDATION_ERROR")
    assert len(upstream.requests) == asked
