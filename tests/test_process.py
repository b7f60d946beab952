"""A real gunicorn that is killed and reloaded: what was promised holds."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from gevent.event import Event

from tests.reading import Reading, until_shown
from tests.scripted_upstream import STREAM_HEAD, End, ScriptedUpstream, Step, chunk, delta
from tests.server import RunningServer
from tests.streaming.wire import Client
from tests.turns.house import until

PARTS = [f"part {number} " for number in range(8)]


def _settings(upstream: ScriptedUpstream, **more: str) -> dict[str, str]:
    """With a fixed list of models: upstream is asked for answers alone."""
    return {"OPENAI_BASE_URL": upstream.base_url, "CHATAPP_MODELS": "gpt-6-luna", **more}


def _slowly(steps: list[Event]) -> list[Step]:
    """A script that sends one part, waits for its event, sends the next."""
    script: list[Step] = [STREAM_HEAD]
    for part, step in zip(PARTS, steps, strict=True):
        script += [chunk(delta(part)), step]
    return [*script, chunk(delta("", "stop")), End.CLOSE]


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    Reading.close_all()


@pytest.fixture
def steps() -> list[Event]:
    return [Event() for _ in PARTS]


def test_a_killed_process_leaves_interrupted_replies_with_their_text(
    tmp_path: Path, steps: list[Event]
) -> None:
    with ScriptedUpstream(_slowly(steps)) as upstream:
        with RunningServer(tmp_path, _settings(upstream)) as server:
            reader = Reading(server)
            turn = reader.start_turn()
            live = reader.follow(turn["stream_url"])
            steps[0].set()
            shown = until_shown(live, PARTS[0] + PARTS[1])
            until(lambda: reader.replies(turn["session_id"])[0]["content"] == shown.text())
            steps[1].set()
            shown = until_shown(live, "".join(PARTS[:3]))
            server.kill()
            server.start()

            reply = reader.replies(turn["session_id"])[0]
            assert (reply["status"], reply["error_code"]) == ("interrupted", "INTERRUPTED")
            assert shown.text().startswith(reply["content"])
            assert len(shown.text()) - len(reply["content"]) <= 2048

            ended = reader.follow_to_the_end(turn["stream_url"], shown.last_id)
            assert ended.names() == ["snapshot", "usage", "failure", "done"]
            assert ended.text() == reply["content"]
            assert ended.frames[-2].json()["code"] == "INTERRUPTED"

            again = reader.http.get(turn["stream_url"], headers={"Last-Event-ID": ended.last_id})
            assert again.status_code == 204

            fresh = reader.start_turn(sessionId=turn["session_id"])
            assert fresh["session_id"] == turn["session_id"], "the conversation is free"


def test_a_worker_that_stood_still_is_replaced_at_once(tmp_path: Path, steps: list[Event]) -> None:
    """The master ends a worker whose event loop no longer answers by SIGABRT: no farewell, no drain."""
    with ScriptedUpstream(_slowly(steps)) as upstream:
        with RunningServer(tmp_path, _settings(upstream)) as server:
            reader = Reading(server)
            turn = reader.start_turn()
            until_shown(reader.follow(turn["stream_url"]), PARTS[0])
            (worker,) = server.worker_pids()
            os.kill(worker, signal.SIGABRT)
            until(lambda: worker not in server.worker_pids() and server.worker_pids(), 20)
            reader = Reading(server)
            assert reader.replies(turn["session_id"])[0]["status"] == "interrupted"
            assert reader.start_turn(sessionId=turn["session_id"])["session_id"] == turn["session_id"]


def test_a_reload_loses_nothing(tmp_path: Path, steps: list[Event]) -> None:
    """The old worker goes on; a reader that lands on the new one follows the saved text to the end."""
    with ScriptedUpstream(_slowly(steps)) as upstream:
        with RunningServer(tmp_path, _settings(upstream)) as server:
            reader = Reading(server)
            turn = reader.start_turn()
            old = reader.follow(turn["stream_url"])
            until_shown(old, PARTS[0])
            before = server.worker_pids()
            server.hup()
            until(lambda: set(server.worker_pids()) - set(before), 20)
            late = _follow_on_the_new_worker(Reading(server), turn["stream_url"])
            assert reader.replies(turn["session_id"])[0]["status"] == "streaming", "its owner lives"
            for step in steps:
                step.set()
            *_, on_old = old
            *_, on_new = late
            assert on_old.text() == on_new.text() == "".join(PARTS)
            assert on_old.names()[-1] == on_new.names()[-1] == "done"
            assert on_new.names()[0] == "snapshot"
            reply = reader.replies(turn["session_id"])[0]
            assert (reply["content"], reply["status"]) == ("".join(PARTS), "complete")


def _follow_on_the_new_worker(reader: Reading, url: str) -> Iterator[Client]:
    """A reading that began with a snapshot: the process that serves it is not the one that answers."""
    limit = time.monotonic() + 20
    while time.monotonic() < limit:
        reading = reader.follow(url)
        client = next(reading)
        while not client.frames:
            client = next(reading)
        if client.names()[0] == "snapshot":
            return reading
        time.sleep(0.1)
    raise AssertionError("the old worker still takes new connections")


def test_a_command_never_touches_replies_that_a_server_owns(tmp_path: Path, steps: list[Event]) -> None:
    with ScriptedUpstream(_slowly(steps)) as upstream:
        with RunningServer(tmp_path, _settings(upstream)) as server:
            reader = Reading(server)
            turn = reader.start_turn()
            until_shown(reader.follow(turn["stream_url"]), PARTS[0])
            server.flask("db", "upgrade")
            server.create_user("another@example.org", "long enough")
            server.flask("token", "create", "another@example.org")
            assert reader.replies(turn["session_id"])[0]["status"] == "streaming"
            for step in steps:
                step.set()
            assert reader.follow_to_the_end(turn["stream_url"]).text() == "".join(PARTS)


@pytest.mark.parametrize("path", ["/api/v1/chat", "/api/chat/stream"])
def test_a_hang_up_is_noticed_at_once_and_closes_upstream(path: str, tmp_path: Path) -> None:
    """In silence, where no write could tell: heartbeats are ten minutes apart here."""
    script: list[Step] = [STREAM_HEAD, chunk(delta("a")), End.HANG]
    with ScriptedUpstream(script) as upstream:
        with RunningServer(tmp_path, _settings(upstream, OPENAI_SSE_HEARTBEAT_MS="600000")) as server:
            body = json.dumps({"message": "Hello"}).encode()
            head = (
                f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.token}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
                client.sendall(head.encode() + body)
                seen = b""
                while b'"a"' not in seen:
                    seen += client.recv(65536)
            left_at = time.monotonic()
            assert upstream.requests[0].hung_up.wait(1), "upstream is closed within a second"
            assert upstream.requests[0].hung_up_at is not None
            assert upstream.requests[0].hung_up_at - left_at < 1
            session_id = seen.partition(b"X-Session-Id: ")[2].partition(b"\r\n")[0].decode()
            reader = Reading(server)
            until(lambda: reader.replies(session_id)[0]["status"] == "partial")
            reply = reader.replies(session_id)[0]
            assert (reply["content"], reply["finish_reason"]) == ("a", "cancelled")
