"""A disk that is full: no message is taken that cannot be kept, and when there is room again nobody has to do a
thing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from chatapp.store.database import DatabaseUnavailable
from tests.reading import Reading
from tests.scripted_upstream import ScriptedUpstream, answer
from tests.server import RunningServer
from tests.small_disk import SmallDisk
from tests.streaming.wire import Client
from tests.turns.house import until
from tests.web.streams.paced_answer import PacedAnswer

SENTENCE = DatabaseUnavailable().message
_CSRF = re.compile(r'name="csrf_token" value="([^"]+)"')


@pytest.fixture
def reader() -> Iterator[None]:
    yield
    Reading.close_all()


@contextmanager
def _signed_in(server: RunningServer) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=server.url, timeout=20, trust_env=False) as browser:
        _submit(browser, "/sign-in", "/sign-in", email=server.email, password=server.password)
        yield browser


def _submit(browser: httpx2.Client, page: str, path: str, **fields: str) -> httpx2.Response:
    found = _CSRF.search(browser.get(page).text)
    assert found
    return browser.post(path, data={"csrf_token": found[1], **fields})


def _send_all(reading: Reading, browser: httpx2.Client) -> list[httpx2.Response]:
    """What is answered to a message that is sent in each of the ways there are."""
    paths = ("/api/v1/chat", "/api/chat/stream", "/api/v1/turns")
    answers = [reading.http.post(path, json={"message": "Hello"}) for path in paths]
    return [*answers, _submit(browser, "/", "/messages", message="Hello")]


def _shown(stream: Iterator[Client], text: str) -> None:
    assert any(client.text() == text for client in stream), "the stream ended early"


@pytest.mark.usefixtures("reader")
def test_a_full_disk(tmp_path: Path) -> None:
    sent = PacedAnswer("one ", "two")
    with ScriptedUpstream(sent.script, answer("three")) as upstream, SmallDisk(tmp_path / "disk") as disk:
        settings = {
            "OPENAI_BASE_URL": upstream.base_url,
            "CHATAPP_MODELS": "gpt-6-luna",
            "CHATAPP_DATA": str(disk.folder / "data"),
        }
        with RunningServer(tmp_path, settings, within=disk.enter) as server:
            reading = Reading(server)
            with _signed_in(server) as browser:
                turn = reading.start_turn()
                stream = reading.follow(turn["stream_url"])
                sent.give()
                _shown(stream, "one ")
                until(lambda: reading.replies(turn["session_id"])[0]["content"] == "one ")

                disk.fill()
                refused = _send_all(reading, browser)
                assert [each.status_code for each in refused] == [503] * 4
                assert all(int(each.headers["Retry-After"]) > 0 for each in refused)
                assert [each.json()["message"] for each in refused[:3]] == [SENTENCE] * 3
                assert SENTENCE in refused[3].text
                sent.give()
                _shown(stream, "one two")
                sent.give()
                *_, ended = stream
                assert ended.names() == ["token", "token", "usage", "failure", "done"]
                assert ended.frames[-2].json()["code"] == "NOT_SAVED"
                assert ended.frames[-1].json() == {"finish_reason": "error"}
                reply = reading.replies(turn["session_id"])[0]
                assert (reply["content"], reply["status"]) == ("one ", "streaming")
                assert len(reading.http.get("/api/v1/conversations").json()["items"]) == 1

                disk.free()
                until(lambda: reading.replies(turn["session_id"])[0]["status"] == "complete")
                assert reading.replies(turn["session_id"])[0]["content"] == ended.text() == sent.text
                again = reading.start_turn(sessionId=turn["session_id"])
                assert reading.follow_to_the_end(again["stream_url"]).text() == "three"
                statuses = [each.status_code for each in _send_all(reading, browser)]
                assert statuses == [200, 200, 202, 303]
