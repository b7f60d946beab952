"""Admission: how many answers upstream is asked for at once, and who is next where that is not enough.

Fair queueing in two steps, over places that all count alike: of the users who wait, the one who has the fewest places
is next, and of that user's turns the one that has the fewest; equals go by who has waited longest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from enum import Enum, auto
from operator import attrgetter
from typing import NamedTuple

from gevent.event import Event


class Limits(NamedTuple):
    """How many places there are, and how many of them one user and one turn may have."""

    in_all: int
    per_user: int
    per_turn: int


class _Stage(Enum):
    OUTSIDE = auto()
    WAITING = auto()
    INSIDE = auto()


class Place:
    """The right to one answer of upstream: `ask` for it, `wait` until it is there, `give_back` whatever happens."""

    __slots__ = ("_admission", "admitted", "number", "stage", "turn_id", "user_id")

    def __init__(self, admission: Admission, user_id: str, turn_id: str) -> None:
        self._admission = admission
        self.user_id = user_id
        self.turn_id = turn_id
        self.stage = _Stage.OUTSIDE
        self.number: int
        """The lower, the longer it has been waited for."""
        self.admitted: Event

    @property
    def is_waited_for(self) -> bool:
        return self.stage is _Stage.WAITING

    def ask(self) -> None:
        """Takes it, or stands in line for it."""
        self._admission.enter(self)

    def wait(self) -> None:
        """Until it is there, without limit. Whatever is thrown into the waiting greenlet goes on its way; nothing is
        held then."""
        if not self.is_waited_for:
            return
        try:
            self.admitted.wait()
        except BaseException:
            self.give_back()
            raise

    def give_back(self) -> None:
        """Others may have it. From anywhere, at any time but while somebody waits for it, and twice too."""
        self._admission.leave(self)


_Turns = dict[str, dict[Place, None]]
"""By turn, the places that are waited for, in the order in which they were asked for."""
_number = attrgetter("number")


class Admission:
    """The places of this process. Nobody waits while there is a place that he may have."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._inside = 0
        self._inside_of_user: Counter[str] = Counter()
        self._inside_of_turn: Counter[str] = Counter()
        self._waiting: dict[str, _Turns] = {}
        """By user; who waits for nothing is not in it."""
        self._arrivals = 0

    def place(self, user_id: str, turn_id: str) -> Place:
        """A place for one of the turn's generations, not asked for yet."""
        return Place(self, user_id, turn_id)

    def enter(self, place: Place) -> None:
        """The place is there at once, or `admitted` is set when it is."""
        if self._has_room(place):
            self._admit(place)
        else:
            self._queue(place)

    def leave(self, place: Place) -> None:
        """The place is neither had nor waited for any more."""
        stage, place.stage = place.stage, _Stage.OUTSIDE
        if stage is _Stage.WAITING:
            self._forget(place)
        elif stage is _Stage.INSIDE:
            self._count(place, -1)
            self._admit_next()

    def _has_room(self, place: Place) -> bool:
        limits = self._limits
        return (
            self._inside < limits.in_all
            and self._inside_of_user[place.user_id] < limits.per_user
            and self._inside_of_turn[place.turn_id] < limits.per_turn
        )

    def _admit(self, place: Place) -> None:
        place.stage = _Stage.INSIDE
        self._count(place, 1)

    def _queue(self, place: Place) -> None:
        self._arrivals += 1
        place.number, place.admitted, place.stage = self._arrivals, Event(), _Stage.WAITING
        turns = self._waiting.setdefault(place.user_id, {})
        turns.setdefault(place.turn_id, {})[place] = None

    def _admit_next(self) -> None:
        """One place was given back: there is at most one who may have waited for it."""
        place = self._next()
        if place is not None:
            self._forget(place)
            self._admit(place)
            place.admitted.set()

    def _next(self) -> Place | None:
        """Who is next: looks at each user who waits, and at the turns of those who may be."""
        best, least = None, self._limits.per_user
        if self._inside >= self._limits.in_all:
            return None
        for user_id, turns in self._waiting.items():
            had = self._inside_of_user.get(user_id, 0)
            if had >= self._limits.per_user or had > least:
                continue
            first = min(self._able(turns), key=_number, default=None)
            if first is not None and (best is None or had < least or first.number < best.number):
                best, least = first, had
        return best and self._next_of(self._waiting[best.user_id])

    def _next_of(self, turns: _Turns) -> Place:
        """The next of one user, who is next."""
        had = self._inside_of_turn
        return min(self._able(turns), key=lambda place: (had[place.turn_id], place.number))

    def _able(self, turns: _Turns) -> Iterator[Place]:
        """Of each turn that may have another place, who has waited longest."""
        had, most = self._inside_of_turn, self._limits.per_turn
        return (next(iter(places)) for turn_id, places in turns.items() if had.get(turn_id, 0) < most)

    def _forget(self, place: Place) -> None:
        turns = self._waiting[place.user_id]
        places = turns[place.turn_id]
        del places[place]
        if not places:
            del turns[place.turn_id]
        if not turns:
            del self._waiting[place.user_id]

    def _count(self, place: Place, by: int) -> None:
        self._inside += by
        for counter, key in (
            (self._inside_of_user, place.user_id),
            (self._inside_of_turn, place.turn_id),
        ):
            counter[key] += by
            if not counter[key]:
                del counter[key]
