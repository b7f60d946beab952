"""What two sequences have in common, in order, within a bound of work.

Items that are on both sides once are matched first, as far as they come in one order (patience diff); between these
the shortest way from one side to the other is searched for (E. Myers, "An O(ND) Difference Algorithm and Its
Variations", 1986). The first costs n log n. The second costs n times the number of differences, so it has a budget: a
stretch that would take more is left as it is, different.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

_MOST_STEPS = 20_000
"""For one stretch: some 140 differences. What differs more is as well read as a whole."""
_DEEPEST = 6
"""Times that a stretch between matches is searched for matches of its own."""


class Stretch(NamedTuple):
    """A part of both sides, from `left` and `right` up to their ends."""

    left: int
    left_end: int
    right: int
    right_end: int


@dataclass(slots=True)
class Budget:
    """Steps that may still be taken; one takes less than a microsecond."""

    steps: int

    def spend(self, steps: int) -> bool:
        """Whether there was as much left."""
        self.steps -= steps
        return self.steps >= 0

    def share(self) -> Budget:
        """What one stretch may take of it: the first ones must leave something to the rest."""
        return Budget(min(self.steps, _MOST_STEPS))


def differences(left: Sequence[str], right: Sequence[str], budget: Budget) -> list[Stretch]:
    """The stretches in which the two differ, in order. What is between them is the same on both sides, item for
    item."""
    matches = sorted(_matches(left, right, budget))
    matches.append((len(left), len(right)))
    found, at, beside = [], 0, 0
    for one, other in matches:
        if (at, beside) != (one, other):
            found.append(Stretch(at, one, beside, other))
        at, beside = one + 1, other + 1
    return found


def _matches(left: Sequence[str], right: Sequence[str], budget: Budget) -> Iterator[tuple[int, int]]:
    """The places of items that are the same, in no order."""
    open_stretches = [(Stretch(0, len(left), 0, len(right)), 0)]
    while open_stretches:
        whole, depth = open_stretches.pop()
        stretch = _without_equal_ends(left, right, whole)
        yield from zip(range(whole.left, stretch.left), range(whole.right, stretch.right), strict=True)
        ends = range(stretch.left_end, whole.left_end), range(stretch.right_end, whole.right_end)
        yield from zip(*ends, strict=True)
        if stretch.left == stretch.left_end or stretch.right == stretch.right_end:
            continue
        anchors = _anchors(left, right, stretch) if depth < _DEEPEST else []
        if anchors:
            yield from anchors
            open_stretches += [(each, depth + 1) for each in _between(stretch, anchors)]
        else:
            share = budget.share()
            before = share.steps
            yield from _shortest_way(left, right, stretch, share)
            budget.spend(before - share.steps)


def _without_equal_ends(left: Sequence[str], right: Sequence[str], whole: Stretch) -> Stretch:
    at, end, beside, beside_end = whole
    while at < end and beside < beside_end and left[at] == right[beside]:
        at, beside = at + 1, beside + 1
    while at < end and beside < beside_end and left[end - 1] == right[beside_end - 1]:
        end, beside_end = end - 1, beside_end - 1
    return Stretch(at, end, beside, beside_end)


def _anchors(left: Sequence[str], right: Sequence[str], stretch: Stretch) -> list[tuple[int, int]]:
    """Items that each side has once here, the most that come in one order on both."""
    once = _once(left, stretch.left, stretch.left_end)
    beside = _once(right, stretch.right, stretch.right_end)
    pairs = [(at, beside[item]) for item, at in once.items() if item in beside]
    return _longest_rise(sorted(pairs))


def _once(items: Sequence[str], begin: int, end: int) -> dict[str, int]:
    counts = Counter(items[begin:end])
    return {items[at]: at for at in range(begin, end) if counts[items[at]] == 1}


def _longest_rise(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest run of pairs, not necessarily neighbours, of which both numbers rise (patience sorting)."""
    tops: list[int] = []  # the least number on which a rise of each length can end
    at_top: list[int] = []
    before: list[int] = []
    for number, (_, beside) in enumerate(pairs):
        pile = bisect_left(tops, beside)
        before.append(at_top[pile - 1] if pile else -1)
        tops[pile : pile + 1] = [beside]
        at_top[pile : pile + 1] = [number]
    found, number = [], at_top[-1] if at_top else -1
    while number >= 0:
        found.append(pairs[number])
        number = before[number]
    return found[::-1]


def _between(stretch: Stretch, anchors: Sequence[tuple[int, int]]) -> Iterator[Stretch]:
    at, beside = stretch.left, stretch.right
    for one, other in [*anchors, (stretch.left_end, stretch.right_end)]:
        yield Stretch(at, one, beside, other)
        at, beside = one + 1, other + 1


def _shortest_way(
    left: Sequence[str], right: Sequence[str], stretch: Stretch, budget: Budget
) -> list[tuple[int, int]]:
    """The matches on the shortest way; none when it takes more than the budget."""
    width, height = stretch.left_end - stretch.left, stretch.right_end - stretch.right
    furthest, trail = {1: 0}, []
    for count in range(width + height + 1):
        if not budget.spend(2 * count + 1):
            return []
        trail.append(furthest.copy() if count else furthest)
        for diagonal in range(-count, count + 1, 2):
            down = diagonal == -count or (
                diagonal != count and furthest[diagonal - 1] < furthest[diagonal + 1]
            )
            x = furthest[diagonal + 1] if down else furthest[diagonal - 1] + 1
            y = begin = x - diagonal
            while x < width and y < height and left[stretch.left + x] == right[stretch.right + y]:
                x, y = x + 1, y + 1
            furthest[diagonal] = x
            if not budget.spend(y - begin):
                return []
            if x >= width and y >= height:
                return _walked_back(trail, diagonal, count, stretch)
    return []


def _walked_back(
    trail: Sequence[dict[int, int]], diagonal: int, count: int, stretch: Stretch
) -> list[tuple[int, int]]:
    """The matches on the way, from its end to its beginning."""
    found: list[tuple[int, int]] = []
    x = stretch.left_end - stretch.left
    for number in range(count, -1, -1):
        furthest = trail[number]
        down = diagonal == -number or (diagonal != number and furthest[diagonal - 1] < furthest[diagonal + 1])
        came_from = diagonal + 1 if down else diagonal - 1
        began = furthest[came_from] if down else furthest[came_from] + 1
        if number == 0:
            began = 0
        found += [(stretch.left + at, stretch.right + at - diagonal) for at in range(began, x)]
        x, diagonal = furthest.get(came_from, 0), came_from
    return found
