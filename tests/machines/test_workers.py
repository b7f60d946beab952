"""One server with two workers: turns and readers land on either. One is killed; all are told whole."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.machines.event_source import EventSource
from tests.machines.ground import Ground
from tests.machines.interrupted import ENDING, assert_interrupted, told
from tests.machines.workers import Workers
from tests.turns.house import until

ATTEMPTS = 200
"""Connections that are opened at most until one of them lands where it should."""


class ReadTurn:
    """A turn that readers on both workers follow."""

    def __init__(self, ground: Ground, workers: Workers, stack: ExitStack) -> None:
        self.started, self.answer = ground.start_turn()
        self.worker = workers.answering(self.started["turn_id"])
        self.readers: dict[int, EventSource] = {}
        for _ in range(ATTEMPTS):
            reader = stack.enter_context(EventSource(ground.reading(), self.started["stream_url"]))
            until(lambda reader=reader: reader.port)  # type: ignore[misc]
            self.readers.setdefault(workers.serving(reader.port), reader)
            if len(self.readers) == 2:
                return
        raise AssertionError("one worker takes no reader")

    def speak(self) -> None:
        self.answer.speak()
        until(lambda: all(each.client.text() == self.answer.text for each in self.readers.values()), 20)

    def saved(self, ground: Ground) -> dict[str, Any]:
        [reply] = ground.reading().replies(self.started["session_id"])
        return reply


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_a_worker_is_killed_and_its_turns_end_as_saved(workers: Ground, stack: ExitStack) -> None:
    [server] = workers.servers
    seen = Workers(server)
    until(lambda: len(seen.pids()) == 2, 20)
    before = seen.pids()
    mine, others = _a_turn_on_each(workers, seen, stack)
    for _ in range(3):
        mine.speak()
        others.speak()
    saved = mine.answer.text
    until(lambda: mine.saved(workers)["content"] == saved)
    mine.speak()

    os.kill(mine.worker, signal.SIGKILL)

    for worker, reader in mine.readers.items():
        ended = reader.read_to_the_end()
        reply = mine.saved(workers)
        assert reply["content"].startswith(saved)
        assert_interrupted(ended, reply, mine.answer)
        assert [frame.name for frame in told(ended)] == ["token"] * 4 + ENDING
        assert reader.connections == (2 if worker == mine.worker else 1)

    others.speak()
    others.answer.finish()
    for reader in others.readers.values():
        ended = reader.read_to_the_end()
        assert ended.text() == others.answer.text
        assert "snapshot" not in ended.names(), "nothing was lost, so nobody is told anew"
        assert ended.frames[-1].json() == {"finish_reason": "stop"}
    reply = others.saved(workers)
    assert (reply["content"], reply["status"]) == (others.answer.text, "complete")

    until(lambda: len(seen.pids() - before) == 1, 20)
    _assert_it_serves(workers, seen, (seen.pids() - before).pop())


def _a_turn_on_each(ground: Ground, workers: Workers, stack: ExitStack) -> list[ReadTurn]:
    turns: dict[int, ReadTurn] = {}
    for _ in range(ATTEMPTS):
        turn = ReadTurn(ground, workers, stack)
        turns.setdefault(turn.worker, turn)
        if len(turns) == 2:
            return list(turns.values())
    raise AssertionError("one worker takes no turn")


def _assert_it_serves(ground: Ground, workers: Workers, worker: int) -> None:
    """Turns that land on it are answered whole."""
    for _ in range(ATTEMPTS):
        turn, answer = ground.start_turn()
        answer.finish()
        client = ground.reading().follow_to_the_end(turn["stream_url"])
        assert client.text() == answer.text
        if workers.answering(turn["turn_id"]) == worker:
            return
    raise AssertionError("the new worker takes no turn")
