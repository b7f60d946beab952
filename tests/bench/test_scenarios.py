"""The scenarios with loads too small to measure anything: each starts, counts, and reports."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from bench import valkey
from bench.contender import CONTENDERS, Chatapp, Nginx, NoServer, PlainView
from bench.load import FEW_PACED
from bench.mark import VOICES_COST, VOICES_DELAY, VOICES_FIRST, verdicts
from bench.scenarios import (
    fairness,
    hang_up,
    idle,
    long_conversation,
    long_reply,
    ramp,
    readers,
    reads,
    redis,
    switches,
    thousand,
    voices,
)
from bench.scenarios.idle import Crowd
from bench.scenarios.readers import Audience
from bench.scenarios.switches import AS_IT_IS, Switch
from bench.validation import validate

pytestmark = pytest.mark.skipif(not shutil.which(os.environ.get("CC", "cc")), reason="no C compiler")
without_nginx = pytest.mark.skipif(not Nginx.program(), reason="no nginx")


def test_readers_hear_every_token_of_their_turn(tmp_path: Path) -> None:
    results = readers.measure(tmp_path, 1, readers.TINY)

    assert [result.audience for result in results] == [Audience(2, 0), Audience(2, 1), Audience(2, 2)]
    assert [result.heard and result.heard.tokens for result in results] == [None, 20, 40]
    assert all(result.server_s > 0 for result in results)

    text = readers.report(results)
    assert "| 2 | 0 | " in text
    assert "| 2 | 2 | " in text
    assert "CPU that a second reader adds" in text


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
    assert "with a turn of its own, 20 streams" in text


def test_what_needs_too_many_files_is_left_out_in_one_line(tmp_path: Path) -> None:
    text = idle.section(tmp_path, 1, tiny=True, files=100).text

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
    assert f"in a long conversation, {plan.long} messages and {plan.short}" in text


@without_nginx
def test_steady_streams_are_compared_with_nginx(tmp_path: Path) -> None:
    runs = thousand.measure(tmp_path, 1, thousand.TINY)

    assert [run.server for run in runs] == [NoServer.name, Chatapp.name, Nginx.name]
    assert {run.heard.tokens for run in runs} == {44}
    assert all(run.server_s > 0 and run.opening_s > 0 for run in runs[1:])

    text = thousand.report(runs)
    assert f"| {Chatapp.name} | " in text
    assert len(text.split("Mark, ")) == 3
    assert [chart.name for chart in thousand.charts(runs)] == ["cost", "delay"]


@without_nginx
def test_every_server_climbs_the_ramp_until_it_breaks(tmp_path: Path) -> None:
    runs = ramp.measure(tmp_path, 1, ramp.TINY)

    first = [run.server for run in runs if run.load == ramp.TINY[0]]
    assert first == [NoServer.name, *(each.name for each in CONTENDERS)]
    for name in first[1:]:
        (held,) = ramp.knees(name, runs)
        assert held in (0, 2, 4)
        assert f"| {name} | " in ramp.report(runs)
    assert [chart.name for chart in ramp.charts(runs)] == ["core", "delay"]


def test_several_voices_answer_on_one_connection(tmp_path: Path) -> None:
    plan = voices.TINY
    results = voices.measure(tmp_path, 1, plan)

    assert [(result.server, result.load) for result in results] == [
        (NoServer.name, plan.single),
        *((Chatapp.name, load) for load in plan.loads),
    ]
    assert [result.heard.tokens for result in results] == [100, 100, 100, 3, 15]
    for words in results[-2:]:
        assert 0 < words.heard.first_token_p50_ms <= words.heard.all_began_p50_ms
    text = voices.report(results)
    assert "| 2 people × 5 turns of one voice | " in text
    assert "| 2 people × a turn of 5 voices | " in text
    assert [each.promise for each in verdicts(text)] == [
        VOICES_COST.promise,
        f"{VOICES_FIRST.promise}, the first voice",
        f"{VOICES_FIRST.promise}, the last voice",
        VOICES_DELAY.promise,
    ]
    assert "<svg" in voices.chart(results).svg


def test_replies_of_every_length_are_heard(tmp_path: Path) -> None:
    results = long_reply.measure(tmp_path, 1, long_reply.TINY)

    assert [result.load for result in results] == list(long_reply.TINY.loads)
    assert all(result.us_per_token > 0 for result in results)
    text = long_reply.report(results)
    assert "| 400 tokens, paced | " in text
    assert "400 tokens, flat out, to 40 tokens, flat out" in text
    assert "<svg" in long_reply.chart(results).svg


@without_nginx
def test_hang_ups_reach_upstream_whatever_stands_between(tmp_path: Path) -> None:
    results = hang_up.measure(tmp_path, 1, hang_up.TINY)

    beside = hang_up.TINY.beside.name
    assert [(result.server, result.beside) for result in results] == [
        *((each.name, None) for each in CONTENDERS),
        *((each.name, beside) for each in CONTENDERS if each is not PlainView),
    ]
    for result in results:
        assert len(result.after_ms) == 3
        assert 0 < min(result.after_ms) <= result.p99_ms
    text = hang_up.report(results)
    assert f"| {Chatapp.name} | {beside} | " in text
    assert "until upstream hears of a hang-up, p99, beside nothing" in text


def test_paced_streams_run_beside_every_disturbance(tmp_path: Path) -> None:
    results = fairness.measure(tmp_path, 1, fairness.TINY)

    assert [result.run.server for result in results] == [NoServer.name, *[Chatapp.name] * 5]
    assert {result.run.heard.tokens for result in results} == {63}
    told = {result.disturbance: result.told for result in results}
    for name, done in told.items():
        assert (name == fairness.NOTHING) == (not done)
        assert f"| {name} | {done} | " in fairness.report(results)
    assert "<svg" in fairness.chart(results).svg


def test_who_has_much_looks_at_it_beside_who_has_little(tmp_path: Path) -> None:
    plan = reads.TINY
    results = reads.measure(tmp_path, 1, plan)

    assert [(result.held, result.requests) for result in results] == [
        (held, plan.requests) for _ in range(5) for held in (plan.few, plan.many)
    ]
    assert all(result.server_s > 0 for result in results)
    validated = list(validate(tmp_path, plan.validations))
    assert all(each.us > 0 for each in validated)
    text = reads.report(results, validated)
    assert f"| messages, from the middle | {plan.many} | " in text
    assert text.count("Mark, ") == 5 + len(validated) == 8
    assert "<svg" in reads.chart(results).svg


def test_a_setting_takes_turns_with_chatapp_as_it_is(tmp_path: Path) -> None:
    other = Switch("less patience", {"CHATAPP_SILENCE_S": "59"})
    results = switches.measure(tmp_path, 1, switches.TINY, [other])

    turns = [AS_IT_IS.name, other.name] * switches.TIMES_A_ROUND
    assert [result.switch for result in results] == turns * len(switches.TINY)
    text = switches.report(results)
    for load in switches.TINY:
        assert f"### {load.name}" in text
    assert text.count("| less patience | ") == len(switches.TINY)
    assert len(switches.charts(results)) == len(switches.TINY)
