"""The soak in small: it starts, kills, compares and reports; and what it would call a fault is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.soak.answer import Answer
from bench.soak.flaws import Flaws, flaws_of
from bench.soak.plan import Plan
from bench.soak.report import report
from bench.soak.run import Soak

ANSWER = Answer("t1n1", words=12, rate=5)
WORDS = [f"t1n1·{number} " for number in range(12)]


def test_a_small_soak_loses_nothing(tmp_path: Path) -> None:
    plan = Plan(seconds=4, streams=5, seed=7, users=2, share=0.3, shortest_s=1, longest_s=4)

    result = Soak(tmp_path, plan).run()

    tally, text = result.tally, report(result)
    assert not tally.faults, text
    assert (tally.lost, tally.doubled, tally.reordered, tally.foreign, tally.wrong_saved) == (0, 0, 0, 0, 0)
    assert tally.kills == 1
    assert tally.turns >= 5
    assert tally.readers >= tally.turns
    assert tally.words > 0
    for line in (
        "| seed | 7 |",
        "| workers killed | 1 |",
        "| **lost words** | 0 |",
        "| **wrong saved texts** | 0 |",
    ):
        assert line in text
    assert "| memory of a worker, highest and slope | " in text


def test_an_answer_is_what_its_message_asks_for() -> None:
    assert Answer.asked_for(ANSWER.message) == ANSWER
    assert Answer.asked_for("Count to ten.") is None
    assert "".join(piece for _, piece in ANSWER.pieces()) == ANSWER.text == "".join(WORDS)


@pytest.mark.parametrize(
    ("text", "expected", "found"),
    [
        (WORDS[:4], None, Flaws()),
        (WORDS, WORDS, Flaws()),
        (WORDS[:2] + WORDS[3:5], None, Flaws(lost=1)),
        (WORDS[:4], WORDS[:6], Flaws(lost=2)),
        (WORDS[:4] + WORDS[2:6], None, Flaws(doubled=2)),
        ([*WORDS[:3], WORDS[5], WORDS[3], WORDS[4], *WORDS[6:]], None, Flaws(reordered=2)),
        ([*WORDS[:3], "t2n9·3 ", *WORDS[3:]], WORDS, Flaws(foreign=1)),
        (WORDS[:6], WORDS[:4], Flaws(foreign=2)),
        ([*WORDS[:3], "t1n"], WORDS[:3], Flaws(foreign=1)),
    ],
)
def test_flaws_are_told_apart(text: list[str], expected: list[str] | None, found: Flaws) -> None:
    assert flaws_of("".join(text), ANSWER, None if expected is None else "".join(expected)) == found


@pytest.mark.parametrize("choice", ["talker 1", "killer"])
def test_a_seed_repeats_its_choices(choice: str) -> None:
    first, again, other = (
        Plan(seconds=60, streams=1, seed=seed).random(choice).random() for seed in (1, 1, 2)
    )
    assert first == again != other
