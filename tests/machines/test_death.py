"""A machine dies in mid-answer: who reads through another one is told, and keeps what was saved."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

from tests.machines.ground import Ground
from tests.machines.interrupted import ENDING, assert_interrupted, told, until_saved
from tests.reading import until_shown
from tests.streaming.wire import Client

NOTICED_S = 20
"""The product promises 15 s; a loaded machine is allowed some more."""


def test_a_turn_is_read_live_through_another_machine_and_outlives_its_own(machines: Ground) -> None:
    here, there = machines.servers
    turn, answer = machines.start_turn()
    on_a = machines.reading(here.url).follow(turn["stream_url"])
    reading = machines.reading(there.url)
    on_b = reading.follow(turn["stream_url"])
    for _ in range(4):
        answer.speak()
        first, second = until_shown(on_a, answer.text), until_shown(on_b, answer.text)
        assert told(first) == told(second), "the same events under the same ids, one by one"
    saved = answer.text
    until_saved(reading, turn["session_id"], saved)
    answer.speak()
    lost = ["", first.last_id, until_shown(on_b, answer.text).last_id]
    here.kill()

    noticed_after_s = _until_snapshot(on_b)
    sys.stdout.write(f"noticed after {noticed_after_s:.1f} s\n")
    assert noticed_after_s < NOTICED_S
    *_, ended = on_b
    [reply] = reading.replies(turn["session_id"])
    assert reply["content"].startswith(saved)
    assert_interrupted(ended, reply, answer)
    assert [frame.name for frame in told(ended)] == ["token"] * 5 + ENDING

    for place in lost:
        again = reading.follow_to_the_end(turn["stream_url"], place)
        assert [frame.name for frame in told(again)] == ENDING
        assert_interrupted(again, reply, answer)
    at_the_end = {"Last-Event-ID": ended.last_id}
    assert reading.http.get(turn["stream_url"], headers=at_the_end).status_code == 204

    following, next_answer = machines.start_turn(there.url, sessionId=turn["session_id"])
    next_answer.finish()
    assert reading.follow_to_the_end(following["stream_url"]).text() == next_answer.text
    assert reading.replies(turn["session_id"])[-1]["content"] == next_answer.text


def _until_snapshot(reading: Iterator[Client]) -> float:
    """Seconds until the reader was told that its place is lost."""
    began = time.monotonic()
    for client in reading:
        waited_s = time.monotonic() - began
        if "snapshot" in client.names() or waited_s > NOTICED_S:
            return waited_s
    raise AssertionError("the stream ended without a word")
