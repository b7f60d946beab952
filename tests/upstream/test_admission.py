"""Admission by itself: nobody has more than he may, nobody waits in vain, and the next is who has least."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gevent
import pytest
from gevent.hub import get_hub
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from chatapp.upstream.admission import Admission, Limits, Place


class Thrown(gevent.GreenletExit):
    pass


@dataclass(eq=False)
class Asker:
    """One who asked for a place. `is_over`: it was given back, or not waited for any longer."""

    number: int
    user: str
    turn: str
    place: Place
    greenlet: gevent.Greenlet[..., None]
    is_over: bool = False

    @property
    def waits(self) -> bool:
        return not self.is_over and self.place.is_waited_for

    @property
    def is_inside(self) -> bool:
        return not self.is_over and not self.place.is_waited_for

    def throw_soon(self) -> None:
        get_hub().loop.run_callback(self.greenlet.throw, Thrown)
        self.is_over = True


class Askers:
    """An admission, and all who ever asked for a place in it."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.admission = Admission(limits)
        self.all: list[Asker] = []

    def ask(self, user: str, turn: str) -> Asker:
        place = self.admission.place(user, turn)
        place.ask()
        asker = Asker(len(self.all), user, turn, place, gevent.spawn(place.wait))
        self.all.append(asker)
        settle()
        return asker

    def give_back(self, asker: Asker, times: int = 1) -> None:
        asker.is_over = True
        for _ in range(times):
            asker.place.give_back()

    @property
    def inside(self) -> list[Asker]:
        return [each for each in self.all if each.is_inside]

    @property
    def waiting(self) -> list[Asker]:
        return [each for each in self.all if each.waits]

    def may_enter(self, asker: Asker) -> bool:
        inside, limits = self.inside, self.limits
        return (
            len(inside) < limits.in_all
            and sum(each.user == asker.user for each in inside) < limits.per_user
            and sum(each.turn == asker.turn for each in inside) < limits.per_turn
        )

    def next(self) -> Asker | None:
        """Who is next, told the long way."""
        able = [each for each in self.waiting if self.may_enter(each)]
        if not able:
            return None

        def had(key: Callable[[Asker], str], asker: Asker) -> int:
            return sum(key(each) == key(asker) for each in self.inside)

        user = min(able, key=lambda each: (had(lambda one: one.user, each), each.number)).user
        own = [each for each in able if each.user == user]
        return min(own, key=lambda each: (had(lambda one: one.turn, each), each.number))

    def end(self) -> None:
        for each in self.all:
            if each.waits:
                each.throw_soon()
            elif each.is_inside:
                self.give_back(each)
        settle()


def settle() -> None:
    """Lets everybody run who can."""
    for _ in range(3):
        gevent.sleep(0)


class Crowd(RuleBasedStateMachine):
    """Random people ask, give back, give back twice, and are thrown out while they wait or are about to enter."""

    @initialize(in_all=st.integers(1, 5), per_user=st.integers(1, 4), per_turn=st.integers(1, 3))
    def open(self, in_all: int, per_user: int, per_turn: int) -> None:
        self.askers = Askers(Limits(in_all, per_user, per_turn))

    @rule(user=st.sampled_from("abc"), turn=st.integers(1, 3))
    def ask(self, user: str, turn: int) -> None:
        self.askers.ask(user, f"{user}{turn}")

    @precondition(lambda self: self.askers.inside)
    @rule(data=st.data(), times=st.integers(1, 2))
    def give_back(self, data: st.DataObject, times: int) -> None:
        asker = data.draw(st.sampled_from(self.askers.inside))
        before = self.askers.waiting
        asker.is_over = True
        expected = self.askers.next()
        self.askers.give_back(asker, times)
        assert [each for each in before if not each.waits] == ([expected] if expected else [])
        settle()

    @precondition(lambda self: self.askers.waiting)
    @rule(data=st.data())
    def throw(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.askers.waiting)).throw_soon()
        settle()

    @precondition(lambda self: self.askers.inside and self.askers.waiting)
    @rule(data=st.data(), thrown_first=st.booleans())
    def throw_as_the_place_comes(self, data: st.DataObject, thrown_first: bool) -> None:
        """It was told that the place is there, and has not gone on yet."""
        asker = data.draw(st.sampled_from(self.askers.inside))
        asker.is_over = True
        chosen = self.askers.next()
        asker.is_over = False
        if chosen is not None and thrown_first:
            get_hub().loop.run_callback(chosen.greenlet.throw, Thrown)
        self.askers.give_back(asker)
        if chosen is not None:
            assert chosen.is_inside
            chosen.is_over = True
            if not thrown_first:  # then its greenlet goes on, and whoever is stopped there gives back
                chosen.place.give_back()
        settle()

    @precondition(lambda self: any(each.is_over for each in self.askers.all))
    @rule(data=st.data())
    def give_back_once_more(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from([each for each in self.askers.all if each.is_over])).place.give_back()
        settle()

    @invariant()
    def no_limit_is_exceeded(self) -> None:
        if not hasattr(self, "askers"):
            return
        inside, limits = self.askers.inside, self.askers.limits
        assert len(inside) <= limits.in_all
        for asker in inside:
            assert sum(each.user == asker.user for each in inside) <= limits.per_user
            assert sum(each.turn == asker.turn for each in inside) <= limits.per_turn

    @invariant()
    def nobody_waits_for_what_is_free(self) -> None:
        if hasattr(self, "askers"):
            assert self.askers.next() is None

    @invariant()
    def who_is_inside_was_let_go_on(self) -> None:
        if hasattr(self, "askers"):
            assert all(each.greenlet.dead for each in self.askers.inside)
            assert not any(each.greenlet.dead for each in self.askers.waiting)

    def teardown(self) -> None:
        if not hasattr(self, "askers"):
            return
        self.askers.end()
        assert all(each.greenlet.dead for each in self.askers.all)
        fresh = [
            self.askers.ask(f"new {number}", f"turn {number}") for number in range(self.askers.limits.in_all)
        ]
        assert all(each.is_inside for each in fresh), "at the end every place is free"
        assert self.askers.ask("one more", "turn").waits
        self.askers.end()


Crowd.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestCrowd: Any = Crowd.TestCase


@pytest.mark.parametrize(
    ("inside", "waiting", "then"),
    [
        ("a1 a1", "a1 b1", "b1 a1"),
        ("a1 a2", "a2 a3 a1", "a3 a1 a2"),
        ("a1 b1", "b1 c1 a1", "c1 a1 b1"),
    ],
)
def test_who_has_least_is_next_and_then_who_has_waited_longest(inside: str, waiting: str, then: str) -> None:
    """`a1` is the first turn of `a`. The first who has a place gives it back, and then each who gets it."""
    askers = Askers(Limits(len(inside.split()), 8, 8))
    first, *_ = [askers.ask(turn[0], turn) for turn in inside.split()]
    line = [askers.ask(turn[0], turn) for turn in waiting.split()]
    came = []
    giver = first
    for _ in line:
        before = askers.waiting
        askers.give_back(giver)
        (giver,) = (each for each in before if not each.waits)
        came.append(giver.turn)
    assert came == then.split()
    askers.end()


def test_a_user_s_turns_share_what_the_user_may_have() -> None:
    askers = Askers(Limits(9, 4, 2))
    for turn in ("a1", "a2", "a3"):
        for _ in range(3):
            askers.ask("a", turn)
    assert [each.turn for each in askers.inside] == ["a1", "a1", "a2", "a2"]
    assert askers.ask("b", "b1").is_inside
    askers.end()
