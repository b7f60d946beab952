"""What two sequences have in common: true, as much as there is where the budget allows, and bounded."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as some

from chatapp.web.comparison.matching import Budget, Stretch, differences

PLENTY = 1_000_000
ITEMS = some.lists(some.sampled_from("abcd"), max_size=14)


def common(left: list[str], right: list[str], found: list[Stretch]) -> list[str]:
    """What lies between the stretches, which must be the same on both sides; and none of them is empty."""
    same, at, beside = [], 0, 0
    for stretch in [*found, Stretch(len(left), len(left), len(right), len(right))]:
        between = left[at : stretch.left]
        assert between == right[beside : stretch.right]
        same += between
        at, beside = stretch.left_end, stretch.right_end
    assert all((a, c) != (b, d) for a, b, c, d in found)
    return same


def longest_common(left: list[str], right: list[str]) -> int:
    """By the textbook, in the time of the product."""
    above = [0] * (len(right) + 1)
    for one in left:
        row = [0]
        for at, other in enumerate(right):
            row.append(above[at] + 1 if one == other else max(row[at], above[at + 1]))
        above = row
    return above[-1]


@given(ITEMS, ITEMS, some.integers(0, 60))
def test_what_is_the_same_is_the_same(left: list[str], right: list[str], steps: int) -> None:
    common(left, right, differences(left, right, Budget(steps)))


@given(ITEMS, ITEMS)
def test_where_nothing_is_there_once_the_most_is_found(left: list[str], right: list[str]) -> None:
    left, right = ([end, *side, *side, end] for end, side in (("l", left), ("r", right)))
    found = common(left, right, differences(left, right, Budget(PLENTY)))
    assert len(found) == longest_common(left, right)


def test_items_that_are_there_once_lead() -> None:
    left, right = ["b", "b", "one", "b", "two", "b"], ["one", "c", "b", "two", "b", "b"]
    assert common(left, right, differences(left, right, Budget(PLENTY))) == ["one", "b", "two", "b"]


def test_nothing_beside_something() -> None:
    assert differences([], ["a", "b"], Budget(0)) == [Stretch(0, 0, 0, 2)]
    assert differences(["a", "b"], [], Budget(0)) == [Stretch(0, 2, 0, 0)]
    assert differences([], [], Budget(0)) == []


def test_what_would_take_too_long_is_left_different() -> None:
    seeded = random.Random(7)
    left, right = ([seeded.choice("ab") for _ in range(30_000)] for _ in range(2))
    budget = Budget(10_000)
    found = differences(["same", *left, "end"], ["same", *right, "end"], budget)
    assert common(["same", *left, "end"], ["same", *right, "end"], found)[0] == "same"
    assert -300 < budget.steps < 0
    assert sum(each.left_end - each.left for each in found) > 29_000


def test_a_budget_that_is_spent_still_finds_what_costs_nothing() -> None:
    words = [str(number) for number in range(5_000)]
    assert differences(words, ["new", *words[:2_000], *words[2_001:]], Budget(0)) == [
        Stretch(0, 0, 0, 1),
        Stretch(2_000, 2_001, 2_001, 2_001),
    ]


def test_a_stretch_that_takes_too_long_leaves_something_to_the_others() -> None:
    seeded = random.Random(7)
    left, right = ([seeded.choice("ab") for _ in range(2_000)] for _ in range(2))
    sides = [[*side, "once", *rest, "again", *side] for side, rest in ((left, "cdcd"), (right, "cddc"))]
    found = differences(sides[0], sides[1], Budget(60_000))
    same = common(sides[0], sides[1], found)
    assert [each for each in same if each not in "ab"] in (
        ["once", *each, "again"] for each in (list("cdc"), list("cdd"), list("ccd"))
    )
