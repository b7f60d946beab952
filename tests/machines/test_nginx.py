"""Two machines behind Debian's nginx with the shipped file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest

from tests.deploy.proxy import Nginx
from tests.machines.event_source import EventSource
from tests.machines.ground import Ground
from tests.machines.interrupted import assert_interrupted, told, until_saved
from tests.scripted_upstream import End, ScriptedUpstream
from tests.server import free_port
from tests.turns.house import until

READERS = 4
pytestmark = pytest.mark.skipif(not Nginx.path(), reason="no nginx")


def nginx_before(folder: Path, ports: Sequence[int]) -> Nginx:
    """With a line for each of `ports`, as its comments say."""
    [first, *_] = ports
    lines = "\n        ".join(f"server 127.0.0.1:{port};" for port in ports)
    return Nginx(folder / "nginx", first, {f"server 127.0.0.1:{first};": lines})


@pytest.fixture
def nginx(machines: Ground, tmp_path: Path) -> Iterator[Nginx]:
    with nginx_before(tmp_path, [server.port for server in machines.servers]) as running:
        yield running


def test_readers_whose_machine_dies_go_on_through_another(machines: Ground, nginx: Nginx) -> None:
    here, there = machines.servers
    turn, answer = machines.start_turn(here.url)
    reading = machines.reading(there.url)
    with ExitStack() as stack:
        readers = [
            stack.enter_context(EventSource(machines.reading(nginx.url), turn["stream_url"]))
            for _ in range(READERS)
        ]
        for _ in range(4):
            answer.speak()
            until(lambda: all(each.client.text() == answer.text for each in readers), 20)
        saved = answer.text
        until_saved(reading, turn["session_id"], saved)
        answer.speak()
        until(lambda: all(each.client.text() == answer.text for each in readers), 20)
        here.kill()

        other, its_answer = machines.start_turn(nginx.url)
        its_answer.finish()
        for _ in range(READERS):
            client = machines.reading(nginx.url).follow_to_the_end(other["stream_url"])
            assert client.text() == its_answer.text, "whoever comes now is served as ever"
        ends = [each.read_to_the_end() for each in readers]

    [reply] = reading.replies(turn["session_id"])
    assert reply["content"].startswith(saved)
    for ended in ends:
        assert_interrupted(ended, reply, answer)
        assert ended.names().count("snapshot") == 1
        assert [frame.name for frame in told(ended)].count("token") == 5, "nothing is told twice"
    assert any(each.connections > 1 for each in readers), "some were reading from the machine that died"
    assert any(each.connections == 1 for each in readers), "some were not"


@pytest.mark.parametrize(("method", "asked"), [("GET", 2), ("DELETE", 2), ("POST", 1), ("PATCH", 1)], ids=str)
def test_what_may_have_been_processed_is_sent_again_only_if_that_does_no_harm(
    method: str, asked: int, tmp_path: Path
) -> None:
    """Both machines take the request in and die."""
    with ScriptedUpstream([End.CLOSE]) as one, ScriptedUpstream([End.CLOSE]) as two:
        ports = [int(each.base_url.split(":")[2].split("/")[0]) for each in (one, two)]
        with nginx_before(tmp_path, ports) as nginx:
            answer = _ask(nginx, method)
    assert answer.status_code == 502
    assert answer.json()["code"] == "BAD_GATEWAY"
    assert len(one.requests + two.requests) == asked


def test_what_was_not_sent_yet_goes_to_the_machine_that_lives(tmp_path: Path) -> None:
    """Also a message, and however often one of the two is tried in vain."""
    answer = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}"
    with ScriptedUpstream([answer]) as living:
        port = int(living.base_url.split(":")[2].split("/")[0])
        with nginx_before(tmp_path, [free_port(), port, free_port()]) as nginx:
            assert [_ask(nginx, "POST").status_code for _ in range(6)] == [202] * 6
    assert [json.loads(request.body) for request in living.requests] == [{"message": "Hello"}] * 6


def _ask(nginx: Nginx, method: str) -> httpx2.Response:
    body = {"message": "Hello"} if method in ("POST", "PATCH") else None
    with httpx2.Client(trust_env=False, timeout=20) as http:
        return http.request(method, f"{nginx.url}/api/v1/turns", json=body)
