"""The killer: ends workers without a word, and has the server reload, at moments that nobody expects."""

from __future__ import annotations

import os
import signal
import sys
import time
from random import Random

import gevent

from bench.soak.gauge import Gauge
from bench.soak.plan import Plan
from bench.soak.tally import Tally
from tests.server import RunningServer


class Killer:
    def __init__(self, plan: Plan, server: RunningServer, workers: Gauge, tally: Tally) -> None:
        self._server = server
        self._workers = workers
        self._tally = tally
        self._random = plan.random("killer")
        kills = _moments(plan.kills, plan.seconds, self._random)
        reloads = _moments(plan.reloads, plan.seconds, self._random)
        self._deeds = sorted(
            [(at, self._kill) for at in kills] + [(at, self._reload) for at in reloads], key=_when
        )

    def run(self) -> None:
        began = time.monotonic()
        for at, deed in self._deeds:
            gevent.sleep(max(0.0, began + at - time.monotonic()))
            sys.stderr.write(f"{at:.0f} s: {deed()}\n")

    def _kill(self) -> str:
        """Kills any of the workers, also one that has just started or is about to go; never the master."""
        while not (workers := self._server.worker_pids()):
            gevent.sleep(0.1)
        pid = self._random.choice(workers)
        os.kill(pid, signal.SIGKILL)
        self._tally.kills += 1
        return f"killed worker {pid}"

    def _reload(self) -> str:
        self._workers.retire(self._server.worker_pids())
        self._server.hup()
        self._tally.reloads += 1
        return "reloaded"


def _when(deed: tuple[float, object]) -> float:
    return deed[0]


def _moments(count: int, seconds: float, random: Random) -> list[float]:
    """Spread over the time in which the load is on, each at a random place in its own part."""
    begin, part = seconds * 0.15, seconds * 0.75 / max(count, 1)
    return [begin + (number + random.random()) * part for number in range(count)]
