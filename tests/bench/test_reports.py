"""What is made of runs: compared within their round, and told by medians."""

from __future__ import annotations

from bench.limit import Usage
from bench.load import Heard, Load
from bench.scenarios import fairness, hang_up, long_reply, ramp, switches, thousand
from bench.steady import Run


def run(number: int, server: str, load: Load, server_s: float, delay_p99_ms: float, seconds: float) -> Run:
    heard = Heard(load.streams, 0, 0, 0, 0, load.all_tokens, 12.0, 0.5, 1, 2, 3, delay_p99_ms, seconds)
    return Run(number, server, load, heard, 0.2, server_s, server_s / seconds, 0.3, late_ms=1)


def paused(streams: int, tokens: int = 101) -> Load:
    return Load(f"{streams} streams", streams, streams, tokens, gap_ms=20, paused=True)


def test_steady_runs_are_compared_within_their_round() -> None:
    load = paused(10)  # 1,000 tokens after the first ones
    runs = [
        run(number, server, load, factor * cost, delay, 2.0)
        for number, factor in [(1, 0.01), (2, 0.03)]
        for server, cost, delay in [("no server", 0, 1), ("chatapp", 3, 10), ("nginx", 1, 2)]
    ]

    text = thousand.report(runs)

    cells = "60.0 (30.0 to 90.0) | 3.00 |  | 20.0 | 0.00 | 9.00 | 3% | 30%"
    assert f"| chatapp | {cells} |" in text
    assert "Mark, missed: CPU per token, 1,000 streams × 50 tokens/s. It is 3.00 × nginx" in text
    assert "Mark, kept: added delay of 1,000 streams × 50 tokens/s on one core, p99. It is 9.00 ms" in text


def test_the_ramp_tells_what_held_and_what_broke_it() -> None:
    runs = [
        run(1, server, paused(streams), server_s, delay_p99_ms, 2.0)
        for server, streams, server_s, delay_p99_ms in [
            *[("no server", 100, 0.0, 1.0), ("no server", 200, 0.0, 2.0), ("no server", 300, 0.0, 40.0)],
            *[("chatapp", 100, 1.0, 5.0), ("chatapp", 200, 1.8, 60.0)],
            *[("nginx", 100, 0.2, 2.0), ("nginx", 200, 0.4, 3.0), ("nginx", 300, 0.5, 80.0)],
        ]
    ]

    text = ramp.report(runs)

    assert ramp.knees("chatapp", runs) == [100]
    assert "| chatapp | 100 | 50% | 4.00 | 200: 58.0 ms, core 90% |" in text
    assert "| nginx | 300 | 25% | 40.0 | the ramp's end |" in text


def test_a_disturbance_is_told_by_what_the_streams_have_more() -> None:
    load = paused(100)
    results = [
        fairness.Result(fairness.NOTHING, run(1, "no server", load, 0, 2, 2.0), ""),
        fairness.Result(fairness.NOTHING, run(1, "chatapp", load, 1, 5, 2.0), ""),
        fairness.Result("noise", run(1, "chatapp", load, 1, 33, 2.0), "7 answers"),
    ]

    text = fairness.report(results)

    assert "| noise | 7 answers | 0.00 | 31.0 | 50% | 30% |" in text
    assert "Mark, kept: added delay of 100 streams × 50 tokens/s, p99, beside nothing. It is 3.00 ms" in text
    assert "Mark, missed: added delay of 100 streams × 50 tokens/s, p99, beside noise. It is 31.0 ms" in text


def test_hang_ups_are_told_by_median_and_p99() -> None:
    after_ms = [1.0] * 98 + [6.0, 70.0]
    text = hang_up.report([hang_up.Result(1, "chatapp", None, after_ms, 0.1, 0.1)])

    assert "| chatapp | nothing | 1.00 | 6.00 | 70.0 | 10% | 10% |" in text
    assert "Mark, missed: time until upstream hears of a hang-up, p99, beside nothing." in text


def test_a_long_reply_is_compared_with_its_beginning_and_with_a_short_one() -> None:
    usage, plan = Usage(0.99, 0.3), long_reply.FULL
    results = [
        long_reply.Result(1, plan.short_paced, 40.0, usage, [40.0] * 4),
        long_reply.Result(1, plan.long_paced, 42.0, usage, [40.0, 41.0, 43.0, 48.0]),
        long_reply.Result(1, plan.short_flat, 5.0, usage),
        long_reply.Result(1, plan.long_flat, 4.0, usage),
    ]

    text = long_reply.report(results)

    assert "| 20,000 tokens, paced | 42.0 | 1.05 |" in text
    assert "| 20,000 tokens, flat out | 4.00 | 0.80 |" in text
    assert "| 4 | 48.0 |" in text
    promise = "CPU per token late in a long reply"
    assert f"Mark, missed: {promise}, its last quarter to its first. It is 1.20" in text
    assert f"Mark, kept: {promise}, 20,000 tokens, paced, to 2,000 tokens, paced. It is 1.05" in text


def test_a_setting_is_compared_with_chatapp_as_it_is_in_the_same_round() -> None:
    load, usage = Load("flat", 1, 1, 1000), Usage(0.99, 0.3)
    results = [
        switches.Result(number, name, load, cost, 1.0, usage)
        for number, name, cost in [
            *[(1, "as it is", 4.0), (1, "lean", 3.0), (1, "as it is", 6.0), (1, "lean", 2.0)],
            *[(2, "as it is", 10.0), (2, "lean", 8.0)],
        ]
    ]

    assert switches.ratios("lean", results) == [0.5, 0.8]
    assert "| lean | 3.00 (2.00 to 8.00) | 0.65 (0.50 to 0.80) |" in switches.report(results)
    (chart,) = switches.charts(results)
    assert "lean" in chart.svg
