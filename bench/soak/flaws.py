"""Flaws: what is wrong with a text that should have been the beginning of an answer."""

from __future__ import annotations

from dataclasses import dataclass

from bench.soak.answer import Answer


@dataclass(frozen=True, slots=True)
class Flaws:
    """Numbers of words: missing, there again, after a later one; and pieces that are no word of this answer."""

    lost: int = 0
    doubled: int = 0
    reordered: int = 0
    foreign: int = 0

    def __bool__(self) -> bool:
        return self != NONE


NONE = Flaws()


def flaws_of(text: str, answer: Answer, expected: str | None = None) -> Flaws:
    """Those of `text`, which ought to be `expected`, or, without that, any beginning of the answer."""
    if text == expected or (expected is None and answer.text.startswith(text)):
        return NONE
    numbers, foreign = _numbers(text, answer.tag)
    wanted = (
        _numbers(expected, answer.tag)[0] if expected is not None else range(max(numbers, default=-1) + 1)
    )
    found = Flaws(
        lost=len(set(wanted) - set(numbers)),
        doubled=len(numbers) - len(set(numbers)),
        reordered=_reordered(numbers),
        foreign=foreign + len(set(numbers) - set(wanted)),
    )
    return found or Flaws(foreign=1)  # words are whole, and yet it is another text


def _numbers(text: str, tag: str) -> tuple[list[int], int]:
    """The numbers of the whole words, and how many pieces are none of these words."""
    words = text.split(" ")[:-1]
    numbers = [
        int(number)
        for name, _, number in (word.partition("·") for word in words)
        if name == tag and number.isdecimal()
    ]
    return numbers, len(words) - len(numbers)


def _reordered(numbers: list[int]) -> int:
    highest, seen, late = -1, set[int](), 0
    for number in numbers:
        late += number < highest and number not in seen
        highest = max(highest, number)
        seen.add(number)
    return late
