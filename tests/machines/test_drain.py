"""A machine is stopped while it answers: it finishes what it can, and tells the rest."""

from __future__ import annotations

from pathlib import Path

import gevent
import httpx2

from tests.machines.ground import Ground
from tests.machines.interrupted import assert_interrupted, told
from tests.reading import Reading, until_shown
from tests.server import RunningServer

GONE_S = 20


def begin_to_stop(server: RunningServer) -> gevent.Greenlet[..., None]:
    """SIGTERM; the greenlet ends when the server has."""
    return gevent.spawn(server.stop, graceful=True)


def test_a_machine_that_is_stopped_finishes_its_turns(machines: Ground) -> None:
    here, there = machines.servers
    turn, answer = machines.start_turn()
    reading = machines.reading(there.url)
    followed = [machines.reading(url).follow(turn["stream_url"]) for url in (here.url, there.url)]
    answer.speak(2)
    for each in followed:
        until_shown(each, answer.text)
    kept = [_kept_connection(machines, here.url) for _ in range(30)]

    stopping = begin_to_stop(here)
    refusal = _refusal(kept, turn["session_id"])
    assert refusal.json()["code"] == "DRAINING"
    assert int(refusal.headers["Retry-After"]) > 0
    for _ in range(3):
        answer.speak()
        for each in followed:
            until_shown(each, answer.text)
    answer.finish()

    ends = [list(each)[-1] for each in followed]
    assert told(ends[0]) == told(ends[1])
    assert "snapshot" not in ends[1].names()
    assert ends[1].text() == answer.text
    assert ends[1].frames[-1].json() == {"finish_reason": "stop"}
    [reply] = reading.replies(turn["session_id"])
    assert (reply["content"], reply["status"]) == (answer.text, "complete")
    Reading.close_all()  # idle connections would be waited for
    stopping.get(timeout=GONE_S)
    assert "Shutting down: Master" in here.log_text()


def _kept_connection(machines: Ground, url: str) -> httpx2.Client:
    """A client with one connection that is open and idle."""
    http = machines.reading(url).http
    assert http.get("/api/health").status_code == 200
    return http


def _refusal(kept: list[httpx2.Client], session_id: str) -> httpx2.Response:
    """The answer to a new message on one of the connections as soon as the server drains; before that, the
    conversation is still answering. While it drains, every connection is good for one request."""
    for http in kept:
        answer = http.post("/api/v1/turns", json={"message": "And?", "sessionId": session_id})
        if answer.status_code == 503:
            return answer
        assert answer.status_code == 409, answer.text
        gevent.sleep(0.1)
    raise AssertionError("the server takes new messages")


def test_a_turn_that_outlasts_the_drain_ends_with_its_text(machines: Ground, tmp_path: Path) -> None:
    there = machines.servers[1]
    with RunningServer(tmp_path, {**machines.settings, "CHATAPP_DRAIN_S": "1"}) as hasty:
        turn, answer = machines.start_turn(hasty.url)
        reading = machines.reading(there.url)
        followed = [machines.reading(url).follow(turn["stream_url"]) for url in (hasty.url, there.url)]
        answer.speak(3)
        for each in followed:
            until_shown(each, answer.text)

        stopping = begin_to_stop(hasty)

        ends = [list(each)[-1] for each in followed]
        [reply] = reading.replies(turn["session_id"])
        for ended in ends:
            assert_interrupted(ended, reply, answer)
        assert reply["content"] == answer.text, "nothing is lost of what had arrived"
        assert told(ends[0]) == told(ends[1])
        Reading.close_all()
        stopping.get(timeout=GONE_S)
        assert "Shutting down: Master" in hasty.log_text()
