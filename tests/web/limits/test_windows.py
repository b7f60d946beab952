"""Moving windows in memory: against the plainest way to count, and in bounded memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapp.web.limits.windows import Windows
from tests.hand_clock import HandClock

STEPS = st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 40), st.integers(1, 3)), max_size=40)


@given(STEPS, st.integers(1, 5))
def test_what_counts_is_what_happened_within_the_window(
    steps: list[tuple[str, float, int]], limit: int
) -> None:
    clock, length_s = HandClock(), 60
    windows, happened = Windows(clock), {"a": list[float](), "b": list[float]()}
    for key, pause_s, amount in steps:
        clock.wait(pause_s)
        counted = [moment for moment in happened[key] if moment > clock.now - length_s]
        fits = len(counted) + amount <= limit
        assert windows.acquire(key, limit, length_s, amount) is fits
        counted += [clock.now] * amount if fits else []
        happened[key] = counted
        assert windows.stand(key) == (counted[0] if counted else clock.now, len(counted))


def test_nothing_is_negative_and_the_next_is_let_in_when_the_oldest_leaves() -> None:
    clock = HandClock()
    windows = Windows(clock)
    assert [windows.acquire("k", 2, 10) for _ in range(4)] == [True, True, False, False]
    oldest, count = windows.stand("k")
    assert (oldest, count) == (clock.now, 2)
    clock.wait(9.99)
    assert not windows.acquire("k", 2, 10)
    clock.wait(0.01)
    assert windows.acquire("k", 2, 10)


def test_keys_that_count_no_more_are_forgotten_by_and_by() -> None:
    clock = HandClock()
    windows = Windows(clock)
    for number in range(2000):
        assert windows.acquire(f"k{number}", 1, 10)
        clock.wait(1)
    assert len(windows) < 40


@pytest.mark.parametrize("most", [1, 10])
def test_a_flood_of_keys_makes_the_oldest_forgotten(most: int) -> None:
    windows = Windows(HandClock(), most_keys=most)
    for number in range(100):
        assert windows.acquire(f"k{number}", 1, 3600)
    assert len(windows) == most
    assert not windows.acquire("k99", 1, 3600)
    assert windows.acquire("k0", 1, 3600)


def test_a_clock_that_is_set_back_locks_nobody_out() -> None:
    clock = HandClock()
    windows = Windows(clock)
    assert windows.acquire("k", 1, 60)
    clock.wait(-3600)
    assert windows.stand("k") == (clock.now, 0)
    assert windows.acquire("k", 1, 60)
    assert not windows.acquire("k", 1, 60)
