"""Gunicorn with the shipped configuration: starting, refusing to start, reloading, and requests that dribble."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.deploy.dribble import dribble
from tests.deploy.lockstep import LockstepUpstream, Stream
from tests.server import ROOT, RunningServer


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "http"), ("WEB_CONCURRENCY", "3"), ("SECRET_KEY", "short"), ("CHATAPP_ENV", "staging")],
)
def test_a_bad_setting_stops_the_start_with_one_line(tmp_path: Path, name: str, value: str) -> None:
    done = start_with(tmp_path, name, value)

    assert done.returncode != 0
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("chatapp cannot start: ")
    assert name in done.stderr


def test_what_only_the_worker_can_refuse_stops_the_start_too(tmp_path: Path) -> None:
    done = start_with(tmp_path, "OPENAI_API_KEY", "not a key")

    assert done.returncode != 0
    assert done.stderr.count("chatapp cannot start: OPENAI_API_KEY") == 1
    assert "Traceback" not in done.stderr


def start_with(folder: Path, name: str, value: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "wsgi:app"],
        cwd=ROOT,
        env=RunningServer(folder).environment | {name: value},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_head_that_dribbles_is_closed(tmp_path: Path) -> None:
    with RunningServer(tmp_path, arguments=["--keep-alive", "1"]) as server:
        with socket.create_connection(("127.0.0.1", server.port), 20) as client:
            assert dribble(client), "gunicorn still takes the head in"
        assert "Traceback" not in server.log_text()


def test_a_body_that_dribbles_is_answered_408_and_closed(tmp_path: Path) -> None:
    with RunningServer(tmp_path, {"CHATAPP_BODY_S": "0.5"}) as server:
        begun = (
            f"POST /api/v1/chat HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {server.token}\r\n"
            'Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"message": "'
        )
        with socket.create_connection(("127.0.0.1", server.port), 20) as client:
            assert dribble(client, begun.encode()), "gunicorn still takes the body in"
        server.wait_for_log('"POST /api/v1/chat HTTP/1.1" 408')


def test_a_path_cannot_write_log_lines_of_its_own(tmp_path: Path) -> None:
    with RunningServer(tmp_path) as server:
        with socket.create_connection(("127.0.0.1", server.port), 20) as client:
            client.sendall(b"GET /a%0Aforged?token=SECRET HTTP/1.1\r\nHost: a\r\nSCRIPT_NAME: /x\r\n\r\n")
            assert client.recv(1024).startswith(b"HTTP/1.1 404")
        server.stop()

        assert '"GET /a%0Aforged HTTP/1.1" 404' in server.log_text()
        assert "SECRET" not in server.log_text()


def test_a_reload_cuts_no_stream(tmp_path: Path) -> None:
    with LockstepUpstream() as upstream:
        settings = {"OPENAI_BASE_URL": upstream.url, "OPENAI_API_KEY": "key-for-the-test"}
        with RunningServer(tmp_path, settings) as server, begin(server, upstream) as stream:
            [old] = server.worker_pids()
            upstream.give("before")
            assert stream.next_event("token") == {"text": "before"}

            server.hup()
            wait_for_a_new_worker(server, old)

            upstream.give(" and after")
            assert stream.next_event("token") == {"text": " and after"}
            upstream.end()
            assert stream.next_event("done") == {"finish_reason": "stop"}


def begin(server: RunningServer, upstream: LockstepUpstream) -> Stream:
    body = {"message": "Speak.", "model": "gpt-4o-mini"}
    stream = Stream(server.port, "/api/v1/chat", body, {"Authorization": f"Bearer {server.token}"})
    upstream.wait_until_asked()
    return stream


def wait_for_a_new_worker(server: RunningServer, old: int) -> None:
    """Until a second worker is there beside the old one, which has a stream to finish."""
    deadline = time.monotonic() + 20
    while len(server.worker_pids()) < 2:
        assert time.monotonic() < deadline, server.log_text()
        time.sleep(0.05)
    assert old in server.worker_pids(), "the old worker left in the middle of a stream"
