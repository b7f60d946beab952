"""Promises: kept or missed, written down and read back."""

from __future__ import annotations

import pytest

from bench.mark import FLAT_OUT, IDLE, MARKS, NOT_MEASURED, Mark, Verdict, summary, verdicts

CHEAP = Mark("cheap", 2, "µs")


def test_a_mark_is_kept_or_missed_by_the_median() -> None:
    kept = "Mark, kept: cheap. It is 2.00 (1.00 to 9.00) µs, and may be 2.00 µs.\n"
    assert CHEAP.line([1, 2, 9]) == kept
    assert CHEAP.line([1, 3, 9]).startswith("Mark, missed: cheap.")


def test_nothing_is_said_of_what_was_not_measured() -> None:
    assert CHEAP.line([]) == ""


@pytest.mark.parametrize(("figure", "verdict"), [(1.5, "kept"), (20_000.0, "missed")])
def test_what_a_section_says_is_read_back(figure: float, verdict: str) -> None:
    section = f"## What it costs\n\nMuch.\n\n{CHEAP.line([figure], 'at noon, in 1.5 s.')}\nMore.\n"

    measured = {1.5: "1.50 µs", 20_000.0: "20,000 µs"}[figure]
    assert verdicts(section) == [
        Verdict("cheap, at noon, in 1.5 s.", measured, "2.00 µs", verdict, "What it costs")
    ]


def test_the_summary_lists_every_mark_and_each_of_its_cases() -> None:
    idle = f"## Memory, idle\n\n{IDLE.line([30.0], 'ten streams')}\n{IDLE.line([50.0], 'a hundred streams')}"

    lines = summary({"idle": idle}).splitlines()[2:]

    assert len(lines) == len(MARKS) + 1
    assert f"| {FLAT_OUT.promise} | 5.00 µs |  | {NOT_MEASURED} |  |" in lines
    link = "[Memory, idle](#memory-idle)"
    assert f"| {IDLE.promise}, ten streams | 40.0 KiB | 30.0 KiB | **kept** | {link} |" in lines
    assert f"| {IDLE.promise}, a hundred streams | 40.0 KiB | 50.0 KiB | **missed** | {link} |" in lines


def test_no_promise_can_be_taken_for_a_case_of_another() -> None:
    promises = [mark.promise for mark in MARKS]
    assert len(set(promises)) == len(promises)
    assert not [
        (one, other)
        for one in promises
        for other in promises
        if other.startswith(f"{one}, ") and one != other
    ]
