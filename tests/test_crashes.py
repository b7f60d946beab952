"""Servers that are killed at any moment, over and over: what was promised holds each time.

The moments and the texts come from a seed, which is printed; CHATAPP_TEST_SEED sets it.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import gevent
import pytest

from tests.follower import Follower
from tests.reading import Reading
from tests.scripted_upstream import DONE, LAST_CHUNK, STREAM_HEAD, ScriptedUpstream, Step, chunk, delta
from tests.server import RunningServer
from tests.turns.house import until

AT_ONCE = 3
BEHIND_BYTES = 2048
BEHIND_S = 3.0
"""A second is promised. What was seen in the two before it may be late on a machine that has too much to do."""
PATIENCE_S = 60
PAUSE_S = 0.04
"""Upstream pauses so long at most: 2 KB are far less than BEHIND_S."""


@pytest.fixture
def chance() -> random.Random:
    seed = os.environ.get("CHATAPP_TEST_SEED") or random.SystemRandom().randrange(1_000_000)
    print(f"CHATAPP_TEST_SEED={seed}")  # noqa: T201 - shown by pytest when a test fails
    return random.Random(int(seed))


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    Reading.close_all()


class Sent:
    """A known text, numbered so that no piece is like another, that upstream sends for about `seconds`."""

    def __init__(self, chance: random.Random, name: int, seconds: float) -> None:
        self.script: list[Step] = [STREAM_HEAD]
        pieces: list[str] = []
        while seconds > 0:
            filling = chance.choice("x\u00e4\u20ac\U0001f600\n") * chance.randrange(10, 40)
            pieces.append(f"<{name}.{len(pieces)}> {filling} ")
            pause = chance.uniform(0, PAUSE_S)
            seconds -= pause
            self.script += [chunk(delta(pieces[-1])), pause]
        self.script += [*map(chunk, (delta("", "stop"), DONE)), LAST_CHUNK]
        self.text = "".join(pieces)


class Rounds:
    """Rounds of AT_ONCE messages, each in the conversation of the one before it: that a conversation takes another
    message after a crash is what the next round is about."""

    def __init__(self, server: RunningServer, upstream: ScriptedUpstream, sent: list[Sent]) -> None:
        self.statuses: list[str] = []
        self._messages = count()
        self._server = server
        self._upstream = upstream
        self._sent = sent
        self._sessions: list[dict[str, str]] = [{} for _ in range(AT_ONCE)]
        self._ended: dict[str, list[Any]] = {}
        upstream.scripts = [each.script for each in sent]

    def run(self, moment: float, crash: Callable[[], None]) -> None:
        """One round, with a crash `moment` seconds after it has begun."""
        followers = [self._follower(number) for number in range(AT_ONCE)]
        turns = [gevent.spawn(each.run) for each in followers]
        gevent.sleep(moment)
        crashed_at = time.monotonic()
        crash()
        for number, (follower, running) in enumerate(zip(followers, turns, strict=True)):
            turn = running.get(timeout=PATIENCE_S)
            self._sessions[number] = {"sessionId": turn["session_id"]}
            self._check(follower, turn["session_id"], crashed_at)

    def check_that_all_is_as_it_was(self) -> None:
        """A reply that has an end keeps it, and its text."""
        reading = Reading(self._server)
        for session_id, ended in self._ended.items():
            assert reading.replies(session_id) == ended

    def _follower(self, number: int) -> Follower:
        message = f"message {next(self._messages)}"
        return Follower(self._server, message, message.replace(" ", "-"), **self._sessions[number])

    def _check(self, follower: Follower, session_id: str, crashed_at: float) -> None:
        replies = follower.replies(session_id)
        earlier = self._ended.get(session_id, [])
        assert replies[:-1] == earlier, "no reply changes, and no message is posted twice"
        self._ended[session_id] = replies
        status, saved = replies[-1]["status"], replies[-1]["content"]
        self.statuses.append(status)
        sent = self._sent_for(follower.message)

        assert status in ("complete", "interrupted")
        assert saved == sent if status == "complete" else sent.startswith(saved)
        assert follower.client.text() == saved
        self._check_what_was_seen(follower, saved, sent, crashed_at)

    def _check_what_was_seen(self, follower: Follower, saved: str, sent: str, crashed_at: float) -> None:
        seen, seen_before = follower.text_at(crashed_at), follower.text_at(crashed_at - BEHIND_S)
        assert sent.startswith(seen)
        promised = min(len(seen.encode()) - BEHIND_BYTES, len(seen_before.encode()))
        assert len(saved.encode()) >= promised, "more was lost than is promised"

    def _sent_for(self, message: str) -> str:
        """What upstream was asked to send for this message, once at most; nothing when it was never asked."""
        asked = [each.json()["messages"][-1]["content"] for each in self._upstream.requests]
        assert asked.count(message) <= 1, "upstream was asked twice"
        return self._sent[asked.index(message)].text if message in asked else ""


def _texts(chance: random.Random, rounds: int, seconds: float) -> list[Sent]:
    """Long ones and one that may end before the crash, for each round."""
    lengths = [chance.uniform(0.2, 2), *[seconds] * (AT_ONCE - 1)] * rounds
    return [Sent(chance, name, length) for name, length in enumerate(lengths)]


def _settings(upstream: ScriptedUpstream, **more: str) -> dict[str, str]:
    return {"OPENAI_BASE_URL": upstream.base_url, "CHATAPP_MODELS": "gpt-6-luna", **more}


def test_a_server_that_is_killed_at_any_moment_keeps_its_promises(
    tmp_path: Path, chance: random.Random
) -> None:
    moments = [chance.uniform(*between) for between in ((0, 0.2), (0.2, 2), (3.5, 4.5), (3.5, 4.5))]
    chance.shuffle(moments)
    with ScriptedUpstream() as upstream, RunningServer(tmp_path, _settings(upstream)) as server:
        rounds = Rounds(server, upstream, _texts(chance, len(moments), 6))

        def crash() -> None:
            server.kill()
            server.start()

        for moment in moments:
            rounds.run(moment, crash)
        rounds.check_that_all_is_as_it_was()
        assert "interrupted" in rounds.statuses


def test_workers_that_are_killed_at_any_moment_keep_the_promises(
    tmp_path: Path, chance: random.Random, redis_url: str
) -> None:
    """One dies first, whose readers go on with the other; later both."""
    with ScriptedUpstream() as upstream:
        settings = _settings(upstream, WEB_CONCURRENCY="2", REDIS_URL=redis_url)
        with RunningServer(tmp_path, settings) as server:
            rounds = Rounds(server, upstream, _texts(chance, 2, 6))

            def crash(workers: int) -> None:
                for pid in chance.sample(server.worker_pids(), workers):
                    os.kill(pid, signal.SIGKILL)

            until(lambda: len(server.worker_pids()) == 2, PATIENCE_S)
            rounds.run(chance.uniform(0.5, 3), lambda: crash(1))
            until(lambda: len(server.worker_pids()) == 2, PATIENCE_S)
            rounds.run(chance.uniform(3.5, 4.5), lambda: crash(2))
            rounds.check_that_all_is_as_it_was()
            assert "interrupted" in rounds.statuses
