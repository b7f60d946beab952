"""The client on `requests` that docs/clients/python.md shows: its parser, and what it does on a bad line."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import SystemRandom
from typing import Any

import pytest
import requests

from tests.browser.cable import Cable
from tests.clients.document import Document
from tests.clients.event_streams import CASES, Case, cuts
from tests.clients.shell import PATH
from tests.clients.troubled_server import EVENT_STREAM, Answer, Trouble, TroubledServer
from tests.reading import Reading
from tests.server import ROOT, RunningServer

FILES = Document.at(ROOT / "docs/clients/python.md").files
SEED = SystemRandom().randrange(1 << 32)
OVER = Answer(200, EVENT_STREAM, b'id: a-9\nevent: done\ndata: {"finish_reason":"stop"}\n\n')
BEGUN = b'retry: 10\nid: a-0\n\nid: a-1\nevent: token\ndata: {"text":"one "}\n\nid: a-2\nevent: tok'


@pytest.fixture
def client() -> dict[str, Any]:
    """The module as the reader has saved it."""
    namespace: dict[str, Any] = {"__name__": "chatapp_stream"}
    exec(compile(FILES["chatapp_stream.py"], "chatapp_stream.py", "exec"), namespace)
    return namespace


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    Reading.close_all()


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_the_parser_does_not_care_where_bytes_are_cut(client: dict[str, Any], case: Case) -> None:
    sys.stdout.write(f"seed {SEED}\n")
    for way in cuts(case.sent, SEED):
        parser, told = client["EventStreamParser"](), []
        for piece in way:
            for kind, data in parser.push(piece):
                told.append((kind, data))
        assert told == [(kind, data) for kind, data, _id in case.told], way
        assert parser.last_event_id == case.last_id, way
        assert parser.retry_s == (case.retry_ms and case.retry_ms / 1000), way


def test_a_message_is_posted_once_although_its_answers_are_lost(
    client: dict[str, Any], server: RunningServer
) -> None:
    headers = {"Authorization": f"Bearer {server.token}"}
    troubles = Answer(503, {"Retry-After": "0"}), Trouble.LOST, Trouble.GONE
    client["time"] = Pauses()
    with TroubledServer(*troubles, url=server.url) as troubled:
        turn = client["start"](troubled.url, headers, "Once, simulate 1 token")
    assert len(troubled.requests) == 4
    assert len(set(troubled.headers_of("idempotency-key"))) == 1
    said = Reading(server).http.get(f"/api/v1/conversations/{turn['session_id']}/messages").json()["items"]
    assert [each["role"] for each in said] == ["user", "assistant"]
    assert titles(server).count("Once, simulate 1 token") == 1


def test_send_sh_posts_once_too(server: RunningServer, tmp_path: Path) -> None:
    Document.at(ROOT / "docs/clients/curl.md").save_files(tmp_path)
    troubles = Answer(503, {"Retry-After": "1"}), Trouble.LOST
    with TroubledServer(*troubles, url=server.url) as troubled:
        variables = {"URL": troubled.url, "TOKEN": server.token, "PATH": PATH}
        command = ["bash", "send.sh", 'Say "hello" & more']
        done = subprocess.run(
            command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=True
        )
    turn = json.loads(done.stdout)
    assert len(set(troubled.headers_of("idempotency-key"))) == 1
    assert len(troubled.requests) == 3
    said = Reading(server).http.get(f"/api/v1/conversations/{turn['session_id']}/messages").json()["items"]
    assert (said[0]["content"], len(said)) == ('Say "hello" & more', 2)
    assert titles(server).count('Say "hello" & more') == 1


def titles(server: RunningServer) -> list[str]:
    """Of all conversations: those begin as their first message."""
    return [each["title"] for each in Reading(server).http.get("/api/v1/conversations").json()["items"]]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422])
def test_a_refusal_is_not_asked_for_twice(client: dict[str, Any], status: int) -> None:
    for call in ("start", "follow"):
        with TroubledServer(Answer(status)) as troubled, pytest.raises(requests.HTTPError):
            list(client[call](troubled.url, {}, "")) if call == "follow" else client[call](
                troubled.url, {}, "Hi"
            )
        assert len(troubled.requests) == 1


def test_it_goes_on_from_the_last_whole_event(client: dict[str, Any]) -> None:
    client["time"] = pauses = Pauses()
    troubles: list[Answer | Trouble] = [
        Answer(200, EVENT_STREAM, BEGUN, cut=True),
        Trouble.GONE,
        Answer(429, {"Retry-After": "7"}),
        Answer(502),
        OVER,
    ]
    with TroubledServer(*troubles) as troubled:
        told = list(client["follow"](troubled.url, {}))
    assert told == [("token", '{"text":"one "}'), ("done", '{"finish_reason":"stop"}')]
    assert troubled.headers_of("last-event-id") == [None, "a-1", "a-1", "a-1", "a-1"]
    assert pauses.slept[2] == 7
    assert all(a <= b for a, b in zip([0.005, 0.01, 7, 0.04], pauses.slept, strict=True))


def test_what_asks_for_more_than_anybody_waits_is_not_obeyed(client: dict[str, Any]) -> None:
    client["time"] = pauses = Pauses()
    begun = BEGUN.replace(b"retry: 10", b"retry: " + b"9" * 5000)
    troubles = Answer(200, EVENT_STREAM, begun, cut=True), Answer(503, {"Retry-After": "9" * 5000})
    with TroubledServer(*troubles, OVER) as troubled:
        assert [event for event, _data in client["follow"](troubled.url, {})] == ["token", "done"]
    assert 15 <= pauses.slept[0] <= 30
    assert pauses.slept[1] == 86_400


def test_it_ends_where_nothing_comes_after_its_position(client: dict[str, Any]) -> None:
    with TroubledServer(Answer(204)) as troubled:
        assert list(client["follow"](troubled.url, {}, "a-9")) == []
    assert troubled.headers_of("last-event-id") == ["a-9"]


def test_a_silent_line_is_left(client: dict[str, Any]) -> None:
    client["PATIENCE"] = (10, 0.3)
    with TroubledServer(Answer(200, EVENT_STREAM, BEGUN, held=True), OVER) as troubled:
        assert [kind for kind, _data in client["follow"](troubled.url, {})] == ["token", "done"]


def test_what_is_put_together_over_a_line_that_is_cut_is_what_is_saved(
    client: dict[str, Any], server: RunningServer
) -> None:
    client["time"] = pauses = Pauses(0.05)
    headers = {"Authorization": f"Bearer {server.token}"}
    turn = client["start"](server.url, headers, "simulate 100 tokens")
    told = []
    with Cable(server) as cable:
        for event in client["follow"](cable.url + turn["stream_url"], headers):
            told.append(event)
            if len(told) in {1, 10, 40}:
                cable.cut()
                cable.mend()
    assert told[-1] == ("done", '{"finish_reason":"stop"}')
    assert pauses.slept, "the line was never lost"
    text = "".join(json.loads(data)["text"] for kind, data in told if kind == "token")
    [reply] = Reading(server).replies(turn["session_id"])
    assert text == reply["content"]


class Pauses:
    """In the place of the module `time`: notes how long was to be waited, and waits for `really_s` instead."""

    def __init__(self, really_s: float = 0) -> None:
        self.slept: list[float] = []
        self._really_s = really_s

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        time.sleep(self._really_s)
