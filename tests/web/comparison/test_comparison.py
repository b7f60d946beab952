"""Two texts compared: each side keeps every character, and what is marked is what only it says."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from chatapp.web.comparison.comparison import MOST_CHARACTERS, MOST_PARTS, Comparison, Grain, Part, compared

TEXT = some.text("ab \n\t", max_size=60) | some.text(max_size=60)


def own(parts: tuple[Part, ...]) -> list[str]:
    return [part.text for part in parts if part.is_own]


def said(parts: tuple[Part, ...], *, own: bool) -> list[str]:
    return " ".join(part.text for part in parts if part.is_own is own).split()


def whole(found: Comparison) -> tuple[str, str]:
    return "".join(part.text for part in found.left), "".join(part.text for part in found.right)


@given(TEXT, TEXT)
def test_no_character_is_lost(left: str, right: str) -> None:
    found = compared(left, right)
    assert whole(found) == (left, right)
    assert said(found.left, own=False) == said(found.right, own=False)
    for parts in (found.left, found.right):
        assert all(part.text for part in parts)
        assert all(one.is_own != other.is_own for one, other in pairwise(parts))


@given(TEXT)
def test_a_text_is_the_same_as_itself(text: str) -> None:
    assert compared(text, text).is_same


def test_words_are_compared_within_the_lines_that_differ() -> None:
    found = compared(
        "The same.\n\nIt is quick, and cheap.\nEnd", "The same.\n\nIt is slow, and very cheap.\nEnd"
    )
    assert found.grain is Grain.WORDS
    assert own(found.left) == [" quick,"]
    assert own(found.right) == [" slow,", " very"]


def test_blanks_do_not_count_and_are_kept() -> None:
    found = compared("one  two\n    three", "one two\n  three")
    assert found.is_same
    assert whole(found) == ("one  two\n    three", "one two\n  three")


def test_a_line_more_is_a_line_more() -> None:
    found = compared("one\ntwo\n", "one\n\nmore\ntwo\n")
    assert own(found.left) == []
    assert "".join(own(found.right)).split() == ["more"]


@pytest.mark.parametrize("text", ["", "one"])
def test_nothing_beside_something(text: str) -> None:
    assert own(compared("", text).right) == ([text] if text else [])
    assert own(compared(text, "").left) == ([text] if text else [])


def words_of(seed: int, most: int, different: int) -> str:
    seeded = random.Random(seed)
    words = [f"w{seeded.randrange(different)}" for _ in range(most)]
    return " ".join(words)[:MOST_CHARACTERS]


HOSTILE = {
    "one word": ("a " * 32_000, "a " * 31_000),
    "one word between others": ("x " + "a " * 31_000 + "y", "z " + "a " * 30_000 + "w"),
    "two words": (words_of(1, 32_000, 2), words_of(2, 32_000, 2)),
    "random words": (words_of(3, 20_000, 300), words_of(4, 20_000, 300)),
    "different words": (words_of(5, 12_000, 10**9), words_of(6, 12_000, 10**9)),
    "short lines": ("a\nb\n" * 16_000, "b\nc\n" * 16_000),
    "blank lines": ("\n" * 64_000, "\n" * 63_000),
    "blanks": (" " * 64_000, "\t" * 64_000),
    "one long word": ("a" * 64_000, "a" * 63_999),
    "every other word": ("a b " * 16_000, "a c " * 16_000),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_texts_stay_within_the_bounds(case: str) -> None:
    left, right = HOSTILE[case]
    found = compared(left, right)
    assert whole(found) == (left, right)
    assert said(found.left, own=False) == said(found.right, own=False)
    assert max(len(found.left), len(found.right)) <= MOST_PARTS


def test_a_text_over_the_limit_is_compared_by_lines() -> None:
    line = "a line of some words\n"
    text = line * (MOST_CHARACTERS // len(line) + 1)
    found = compared(text, text + "and one more\n")
    assert (found.grain, own(found.left), own(found.right)) == (Grain.LINES, [], ["and one more\n"])


def test_more_parts_than_anybody_reads_are_told_by_lines_and_then_not_at_all() -> None:
    many = MOST_PARTS + 1
    by_words = compared(
        "same a\n" * 3 + " ".join(f"{n} x" for n in range(many)), " ".join(f"{n} y" for n in range(many))
    )
    assert by_words.grain is Grain.LINES
    by_lines = compared("".join(f"{n}\nx\n" for n in range(many)), "".join(f"{n}\ny\n" for n in range(many)))
    assert (by_lines.grain, len(by_lines.left)) == (Grain.WHOLE, 1)
