"""The scenarios with loads too small to measure anything: each starts, counts, and reports."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from bench import valkey
from bench.load import FEW_PACED
from bench.scenarios import idle, long_conversation, readers, redis
from bench.scenarios.idle import Crowd
from bench.scenarios.readers import Audience

pytestmark = pytest.mark.skipif(not shutil.which(os.environ.get("CC", "cc")), reason="no C compiler")


def test_readers_hear_every_token_of_their_turn(tmp_path: Path) -> None:
    results = readers.measure(tmp_path, 1, readers.TINY)

    assert [result.audience for result in results] == [Audience(2, 0), Audience(2, 1), Audience(2, 2)]
    assert [result.heard and result.heard.tokens for result in results] == [None, 20, 40]
    assert all(result.server_s > 0 for result in results)

    text = readers.report(results)
    assert "| 2 | 0 | " in text
    assert "| 2 | 2 | " in text
    assert "a second reader costs less than a third" in text


def test_both_logs_carry_the_same_load(tmp_path: Path) -> None:
    program = valkey.program()
    assert program, valkey.MISSING

    results = redis.measure(tmp_path, 1, FEW_PACED, program)

    assert [result.log for result in results] == [redis.MEMORY, redis.REDIS]
    assert [result.heard.tokens for result in results] == [60, 60]

    text = redis.report(results)
    assert f"| {redis.MEMORY} | " in text
    assert f"| {redis.REDIS} | " in text
    assert (redis.UNHEEDED in text) == (results[1].commands == 0)


def test_idle_streams_are_counted_by_what_they_hold(tmp_path: Path) -> None:
    results = idle.measure(tmp_path, 1, idle.TINY)

    assert [result.crowd for result in results] == [Crowd(20, 20), Crowd(20, 1)]
    assert all(result.before_kib > 0 for result in results)

    text = idle.report(results)
    assert "| 20 | a turn for each | " in text
    assert "| 20 | one turn for all | " in text
    assert "for each of 20 idle streams" in text


def test_what_needs_too_many_files_is_left_out_in_one_line(tmp_path: Path) -> None:
    text = idle.section(tmp_path, 1, tiny=True, files=100)

    lines = [line for line in text.splitlines() if line.startswith("Not measured")]
    assert len(lines) == 2
    assert "20 streams, a turn for each" in lines[0]
    assert "the hard limit here is 100" in lines[0]


def test_conversations_of_both_lengths_are_posted_to(tmp_path: Path) -> None:
    plan = long_conversation.TINY
    results = long_conversation.measure(tmp_path, 1, plan)

    assert [(result.messages, result.posts) for result in results] == [
        (plan.short, plan.posts),
        (plan.long, plan.posts),
    ]
    assert all(result.server_s > 0 for result in results)

    text = long_conversation.report(results)
    assert f"| {plan.short} | " in text
    assert f"a message costs the same after {plan.long} messages as after {plan.short}" in text
