"""Figures as they are printed."""

from __future__ import annotations

from bench.load import Heard, Load
from bench.scenarios import idle, long_conversation, readers, redis
from bench.scenarios.idle import Crowd
from bench.scenarios.readers import Audience
from bench.table import spread, table

TOKENS = 1000


def heard(tokens: int, done: int = 1) -> Heard:
    return Heard(done, 0, 0, 0, 0, tokens, 1.0, 0.1, 1.0, 2.0, 3.0, 4.0)


def test_a_spread_is_the_median_with_the_least_and_the_greatest() -> None:
    assert spread([3, 1, 20]) == "3.00 (1.00 to 20.0)"
    assert spread([1234.5]) == "1,234"


def test_a_table_has_a_head_and_its_rows() -> None:
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |\n"


def test_a_second_reader_is_compared_with_one_reader_of_the_same_round() -> None:
    reply = Load("a turn", streams=1, at_once=1, tokens=TOKENS, gap_ms=20)
    results = [
        readers.Result(
            number, Audience(1, each), reply, heard(TOKENS * each, each), 0.01 * each, server_s, 0.1
        )
        for number, each, server_s in [(1, 1, 0.1), (1, 2, 0.12), (2, 1, 0.2), (2, 2, 0.24)]
    ]

    text = readers.report(results)

    assert "| 1 | 2 | 180 (120 to 240) | 90.0 (60.0 to 120) | 30.0 (20.0 to 40.0) | 0.20 | 10.0 |" in text
    assert "Mark, kept: CPU that a second reader adds to a token." in text


def test_redis_is_compared_with_memory_of_the_same_round() -> None:
    load = Load("paced", streams=1, at_once=1, tokens=TOKENS, gap_ms=20)
    results = [
        redis.Result(1, log, load, heard(TOKENS), server_s, 0.1, 0.005, commands)
        for log, server_s, commands in [(redis.MEMORY, 0.05, 0), (redis.REDIS, 0.075, 2000)]
    ]

    text = redis.report(results)

    assert f"| {redis.REDIS} | 75.0 | 1.50 | 75.0 | 1.00 | 4.00 | 5.00 | 2.00 |" in text
    assert "Mark, missed: CPU per token with the log in Redis." in text


def test_there_is_no_mark_for_a_redis_that_is_not_used() -> None:
    load = Load("paced", streams=1, at_once=1, tokens=TOKENS, gap_ms=20)
    results = [
        redis.Result(1, log, load, heard(TOKENS), 0.05, 0.1, 0.005, 0) for log in (redis.MEMORY, redis.REDIS)
    ]

    text = redis.report(results)

    assert redis.UNHEEDED in text
    assert "Mark, " not in text


def test_the_memory_of_a_stream_is_what_all_have_added() -> None:
    results = [idle.Result(1, Crowd(1000, 1000), 102_400, 172_400, 3.0, 0.02, 0.01)]

    text = idle.report(results)

    assert "| 1,000 | a turn for each | 70.0 | 100 | 168 | 3.00 | 2% | 1% |" in text
    assert "Mark, missed: memory per idle stream with a turn of its own, 1,000 streams." in text


def test_a_long_conversation_is_compared_with_a_short_one_of_the_same_round() -> None:
    results = [
        long_conversation.Result(1, messages, 10, server_s, 1.0)
        for messages, server_s in [(5, 0.05), (5000, 0.1)]
    ]

    text = long_conversation.report(results)

    assert "| 5,000 | 10.0 | 2.00 | 100 |" in text
    assert "Mark, missed: CPU per message in a long conversation, 5,000 messages and 5." in text
