"""A talker: somebody who holds one conversation after the other, a message as soon as the last is answered."""

from __future__ import annotations

import time

import gevent

from bench.soak.answer import Answer
from bench.soak.exchange import Caller
from bench.soak.plan import Plan
from bench.soak.tally import Tally
from bench.soak.turn import Refused, Turn

_BOUND = 0.15
_RATES = (5, 20)
_STAYS = 0.7
"""The chance that the next message goes to the same conversation."""


class Talker:
    """Number `number` of the plan's streams."""

    def __init__(self, number: int, plan: Plan, caller: Caller, tally: Tally) -> None:
        self._number = number
        self._plan = plan
        self._caller = caller
        self._tally = tally
        self._random = plan.random(f"talker {number}")

    def run(self, until: float) -> None:
        """Begins within the ramp, and begins nothing more at `until`, by the monotonic clock."""
        gevent.sleep(self._random.uniform(0, self._plan.ramp_s))
        session_id, number = None, 0
        while time.monotonic() < until:
            number += 1
            session_id = self._turn(f"t{self._number}n{number}", session_id)

    def _turn(self, tag: str, session_id: str | None) -> str | None:
        """One turn; where the next one is to go."""
        random, plan = self._random, self._plan
        rate = random.randint(*_RATES)
        answer = Answer(tag, round(rate * random.uniform(plan.shortest_s, plan.longest_s)), rate)
        turn = Turn(self._caller, answer, session_id, plan.share, random, self._tally)
        try:
            turn.run(bound=random.random() < _BOUND)
        except Refused as refused:
            self._tally.fault(str(refused), answer.message)
            gevent.sleep(1)
            return None
        return turn.session_id if random.random() < _STAYS else None
