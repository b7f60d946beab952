"""The plan: how long, how many, how rough. Every choice of a run is drawn from its seed."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Plan:
    """`share` is of the turns that a kill is to hit, and of the open streams that are cut off in each second."""

    seconds: float
    streams: int
    seed: int
    workers: int = 2
    redis: bool = True
    postgresql: bool = False
    users: int = 20
    share: float = 0.05
    shortest_s: float = 10.0
    longest_s: float = 60.0

    @property
    def answer_s(self) -> float:
        """What an answer takes on average."""
        return (self.shortest_s + self.longest_s) / 2

    @property
    def ramp_s(self) -> float:
        """Seconds in which the streams begin, one after the other."""
        return min(20.0, self.seconds / 10)

    @property
    def warm_up_s(self) -> float:
        """Seconds of a process's life that say nothing about its memory: a worker holds the turns of the last two
        minutes, and takes twice as long until it has seen as many at once as it ever will."""
        return min(240.0, self.seconds * 0.4)

    @property
    def kills(self) -> int:
        """Each ends the turns of one worker, so that in all they hit `share` of the turns, and one at least."""
        return max(1, round(self.share * self.workers * self.seconds / self.answer_s))

    @property
    def reloads(self) -> int:
        """One in ten minutes: each makes every worker a young one, whose memory still grows."""
        return round(self.seconds / 600)

    def random(self, name: str) -> Random:
        """The choices of somebody of that name: the same for the same seed."""
        return Random(f"{self.seed}/{name}")
