"""The verdict, from when what arrived."""

from __future__ import annotations

import pytest

from chatapp.doctor.arrivals import Arrivals
from chatapp.doctor.buffering import Course, Kind, verdict_of

TOKEN_BYTES = 70


def course(
    times: list[float],
    *,
    first_bytes_s: float = 0.01,
    end_s: float | None = None,
    torn_pauses: int = 0,
    steady: bool = True,
) -> Course:
    end = end_s if end_s is not None else (times[-1] if times else first_bytes_s)
    arrivals = Arrivals(times, [(at, TOKEN_BYTES) for at in [first_bytes_s, *times]])
    return Course(first_bytes_s, end, arrivals, torn_pauses, steady)


def paced(count: int, per_s: float, begin: float = 0.3) -> list[float]:
    return [begin + number / per_s for number in range(count)]


def bursts(count: int, each: int, pause_s: float, begin: float = 1.0) -> list[float]:
    return [begin + burst * pause_s + number * 0.0001 for burst in range(count) for number in range(each)]


@pytest.mark.parametrize("steady", [True, False])
@pytest.mark.parametrize(
    "times",
    [
        paced(200, 40),
        paced(40, 1),  # slow: a pause before each
        paced(500, 500),
        [*paced(50, 40), *paced(50, 40, begin=3.0)],  # one hiccup of more than a second
        [at for start in paced(50, 20) for at in (start, start + 0.0001, start + 0.0002)],  # three at a time
    ],
)
def test_tokens_one_after_the_other(times: list[float], steady: bool) -> None:
    verdict = verdict_of(course(times, steady=steady))
    assert verdict.kind is Kind.NONE or (verdict.kind is Kind.BURSTS and not verdict.sure)


def test_a_steady_stream_is_free_of_doubt() -> None:
    assert verdict_of(course(paced(200, 40))).kind is Kind.NONE
    assert verdict_of(course(paced(40, 1))).kind is Kind.NONE


@pytest.mark.parametrize("steady", [True, False])
def test_all_at_the_end_is_held_back_whatever_the_model(steady: bool) -> None:
    verdict = verdict_of(course([5.0 + n / 1e5 for n in range(200)], first_bytes_s=5.0, steady=steady))
    assert verdict.kind is Kind.HELD_BACK
    assert verdict.sure


def test_a_held_answer_that_downloads_slowly_is_held_back_too() -> None:
    times = [5.0 + n / 400 for n in range(200)]
    assert verdict_of(course(times, first_bytes_s=5.0)).kind is Kind.HELD_BACK


@pytest.mark.parametrize("steady", [True, False])
def test_a_beginning_that_is_let_through_leaves_a_doubt_with_real_models(steady: bool) -> None:
    verdict = verdict_of(course([5.0 + n / 1e5 for n in range(200)], steady=steady))
    assert verdict.kind is Kind.HELD_BACK
    assert verdict.sure is steady


@pytest.mark.parametrize("steady", [True, False])
def test_bursts_that_tear_events_are_full_buffers(steady: bool) -> None:
    verdict = verdict_of(course(bursts(4, 50, 1.5), torn_pauses=3, steady=steady))
    assert verdict.kind is Kind.FULL_BUFFERS
    assert verdict.sure
    assert f"about {50 * TOKEN_BYTES} bytes and 1.50 s apart" in verdict.sentence


@pytest.mark.parametrize("steady", [True, False])
def test_bursts_of_whole_events_leave_a_doubt_with_real_models(steady: bool) -> None:
    verdict = verdict_of(course(bursts(5, 20, 1.0), steady=steady))
    assert verdict.kind is Kind.BURSTS
    assert verdict.sure is steady


def test_one_pause_is_no_proof() -> None:
    assert not verdict_of(course(bursts(2, 50, 3.0))).sure


@pytest.mark.parametrize("times", [[], [0.3], paced(5, 40), paced(200, 2000)])
def test_little_or_fast_answers_say_nothing(times: list[float]) -> None:
    assert verdict_of(course(times)).kind is Kind.UNKNOWN


def test_the_histogram_counts_every_gap() -> None:
    arrivals = Arrivals([0.0, 0.002, 0.032, 0.062, 3.0], [])
    lines = arrivals.histogram()
    assert [line.split()[:4] for line in (lines[0], lines[-1])] == [
        ["<", "5", "ms", "1"],
        ["<", "5.00", "s", "1"],
    ]
    assert sum(int(line.split()[3]) for line in lines) == len(arrivals.gaps)
    assert max(lines, key=len).count("█") == 40


def test_percentiles() -> None:
    arrivals = Arrivals([0.0, 0.01, 0.02, 0.03, 1.03], [])
    assert arrivals.summary() == "median 10 ms, p90 1.00 s, p99 1.00 s, longest 1.00 s"
