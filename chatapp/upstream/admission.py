"""Admission: how many answers upstream is asked for at once, and who is next where that is not enough.

Fair queueing in two steps, over places that all count alike: of the users who wait, the one who has the fewest places
is next, and of that user's turns the one that has the fewest; equals go by who has waited longest.
"""

from __future__ import annotations

from collections import Counter
from enum import Enum, auto
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


class Admission:
    """The places of this process. Nobody waits while there is a place that he may have."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._inside = 0
        self._inside_of_user: Counter[str] = Counter()
        self._inside_of_turn: Counter[str] = Counter()
        self._waiting: dict[str, dict[Place, None]] = {}
        """By turn, in the order in which they came; a turn without any is not in it."""
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
        self._waiting.setdefault(place.turn_id, {})[place] = None

    def _admit_next(self) -> None:
        """One place was given back: there is at most one who may have waited for it."""
        place = self._next()
        if place is not None:
            self._forget(place)
            self._admit(place)
            place.admitted.set()

    def _next(self) -> Place | None:
        """Who is next, found by one look at each turn that waits."""
        first_of_turns = (next(iter(places)) for places in self._waiting.values())
        able = [place for place in first_of_turns if self._has_room(place)]
        if not able:
            return None
        users, turns = self._inside_of_user, self._inside_of_turn
        first = min(able, key=lambda place: (users[place.user_id], place.number))
        own = (place for place in able if place.user_id == first.user_id)
        return min(own, key=lambda place: (turns[place.turn_id], place.number))

    def _forget(self, place: Place) -> None:
        places = self._waiting[place.turn_id]
        del places[place]
        if not places:
            del self._waiting[place.turn_id]

    def _count(self, place: Place, by: int) -> None:
        self._inside += by
        for counter, key in (
            (self._inside_of_user, place.user_id),
            (self._inside_of_turn, place.turn_id),
        ):
            counter[key] += by
            if not counter[key]:
                del counter[key]
