"""Two replies compared: lines first, then words within what differs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from chatapp.web.comparison.matching import Budget, Stretch, differences

MOST_CHARACTERS = 64_000
"""Of a text that is compared by words; a longer one is compared by lines."""
MOST_PARTS = 2_000
"""Of one side. Nobody reads more, and each is markup on the page."""
_STEPS = 200_000
"""For all of one comparison: some 30 ms, and ten megabytes while it lasts."""
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_WORD = re.compile(r"[^\S\n]*(?:\S+|\n)|[^\S\n]+")


class Part(NamedTuple):
    """A piece of one side's text, and whether it is that side's alone."""

    text: str
    is_own: bool


class Grain(StrEnum):
    """How fine it was compared."""

    WORDS = "words"
    LINES = "lines"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Each side's text, whole and in order, in parts that take turns."""

    left: tuple[Part, ...]
    right: tuple[Part, ...]
    grain: Grain

    @property
    def is_same(self) -> bool:
        """Whether both say the same; blanks within lines do not count."""
        return not any(part.is_own for part in (*self.left, *self.right))


def compared(left: str, right: str) -> Comparison:
    """What only one of the two says, as fine as its limits allow. Takes some 30 ms at most."""
    lines, others = _LINE.findall(left), _LINE.findall(right)
    stretches = differences(_keys(lines), _keys(others), Budget(_STEPS))
    by_lines = _comparison(lines, others, stretches, Grain.LINES)
    if max(len(left), len(right)) <= MOST_CHARACTERS:
        by_words = _by_words(lines, others, stretches)
        if _is_readable(by_words):
            return by_words
    if _is_readable(by_lines):
        return by_lines
    return Comparison((Part(left, True),), (Part(right, True),), Grain.WHOLE)


def _keys(pieces: Sequence[str]) -> list[str]:
    """What counts of each: not the blanks around it."""
    return [piece.strip() for piece in pieces]


def _by_words(lines: Sequence[str], others: Sequence[str], stretches: Sequence[Stretch]) -> Comparison:
    budget = Budget(_STEPS)
    left: list[Part] = []
    right: list[Part] = []
    at = beside = 0
    for stretch in [*stretches, Stretch(len(lines), len(lines), len(others), len(others))]:
        left.append(Part("".join(lines[at : stretch.left]), False))
        right.append(Part("".join(others[beside : stretch.right]), False))
        words = _WORD.findall("".join(lines[stretch.left : stretch.left_end]))
        other_words = _WORD.findall("".join(others[stretch.right : stretch.right_end]))
        within = differences(_keys(words), _keys(other_words), budget)
        compared_words = _comparison(words, other_words, within, Grain.WORDS)
        left += compared_words.left
        right += compared_words.right
        at, beside = stretch.left_end, stretch.right_end
    return Comparison(_joined(left), _joined(right), Grain.WORDS)


def _comparison(
    pieces: Sequence[str], others: Sequence[str], stretches: Sequence[Stretch], grain: Grain
) -> Comparison:
    left = _parts(pieces, [(each.left, each.left_end) for each in stretches])
    right = _parts(others, [(each.right, each.right_end) for each in stretches])
    return Comparison(_joined(left), _joined(right), grain)


def _parts(pieces: Sequence[str], own: Sequence[tuple[int, int]]) -> Iterator[Part]:
    at = 0
    for begin, end in own:
        yield Part("".join(pieces[at:begin]), False)
        yield Part("".join(pieces[begin:end]), True)
        at = end
    yield Part("".join(pieces[at:]), False)


def _joined(parts: Iterator[Part] | Sequence[Part]) -> tuple[Part, ...]:
    """Without empty ones, and neighbours of one kind as one."""
    found: list[list[str]] = []
    kinds: list[bool] = []
    for text, is_own in parts:
        if not text:
            continue
        if not kinds or kinds[-1] != is_own:
            found.append([])
            kinds.append(is_own)
        found[-1].append(text)
    return tuple(Part("".join(texts), kind) for texts, kind in zip(found, kinds, strict=True))


def _is_readable(comparison: Comparison) -> bool:
    return max(len(comparison.left), len(comparison.right)) <= MOST_PARTS
