"""The run: the load, what is done to the servers meanwhile, and what came of it."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import gevent

from bench.soak.exchange import Caller
from bench.soak.gauge import Gauge
from bench.soak.killer import Killer
from bench.soak.plan import Plan
from bench.soak.reader import LATE_S
from bench.soak.servers import Servers
from bench.soak.talker import Talker
from bench.soak.tally import Tally

_LOOK_S = 5.0
_TELL_S = 30.0
_DROPPED = "Socket error processing request."
"""Gunicorn's words, followed by its traceback, about a connection that it had accepted when it was told to reload,
and not looked at yet. The client asks again."""


@dataclass(frozen=True, slots=True)
class Gauges:
    """One for each kind of process."""

    master: Gauge
    workers: Gauge
    valkey: Gauge
    upstream: Gauge


@dataclass(frozen=True, slots=True)
class Result:
    """`seconds` is what it took until the last turn had ended; `clients_cpu_s` is this process's."""

    plan: Plan
    tally: Tally
    seconds: float
    gauges: Gauges
    clients_cpu_s: float


class Soak:
    """Everything is on the loopback, and in `folder`."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self._plan = plan
        self._servers = Servers(folder, plan)
        self._tally = Tally()
        self._gauges = Gauges(*(Gauge(plan.warm_up_s) for _ in range(4)))

    def run(self) -> Result:
        with self._servers as servers:
            began, cpu_s = time.monotonic(), time.process_time()
            beside: list[gevent.Greenlet[..., None]] = [
                gevent.spawn(self._look),
                gevent.spawn(self._tell, began),
            ]
            try:
                self._load(servers, began + self._plan.seconds)
            finally:
                gevent.killall(beside)
            self._look_back(servers)
            seconds = time.monotonic() - began
            return Result(self._plan, self._tally, seconds, self._gauges, time.process_time() - cpu_s)

    def _load(self, servers: Servers, until: float) -> None:
        """Every stream has its talker; the killer goes about among them. Ends when the last turn has ended."""
        killer = Killer(self._plan, servers.server, self._gauges.workers, self._tally)
        work: list[gevent.Greenlet[..., None]] = [gevent.spawn(killer.run)]
        for number in range(self._plan.streams):
            caller = Caller(servers.server.port, servers.tokens[number % len(servers.tokens)])
            work.append(gevent.spawn(Talker(number, self._plan, caller, self._tally).run, until))
        try:
            left_s = until - time.monotonic() + 2 * self._plan.longest_s + 2 * LATE_S
            for greenlet in gevent.iwait(work, left_s):
                greenlet.get()  # a bug of ours ends the run
            if not all(each.ready() for each in work):
                self._tally.fault("turns did not end", "")
        finally:
            gevent.killall(work)

    def _look(self) -> None:
        """Keeps the gauges up."""
        servers, gauges = self._servers, self._gauges
        while True:
            gauges.master.look([servers.server.pid])
            gauges.workers.look(servers.server.worker_pids())
            gauges.valkey.look([servers.valkey.pid] if servers.valkey else [])
            gauges.upstream.look([servers.upstream.pid])
            gevent.sleep(_LOOK_S)

    def _tell(self, began: float) -> None:
        """Says now and then how it goes."""
        while True:
            gevent.sleep(_TELL_S)
            tally = self._tally
            sys.stderr.write(
                f"{time.monotonic() - began:.0f} s: {tally.turns} turns, {tally.interrupted} interrupted, "
                f"{tally.reconnects} reconnects, faults: {dict(tally.faults) or 'none'}\n"
            )

    def _look_back(self, servers: Servers) -> None:
        """What the whole run has to say, and upstream, and the server's log."""
        if self._tally.interrupted and not self._tally.kills:
            self._tally.fault("replies were interrupted, and nobody was killed", str(self._tally.interrupted))
        if repeated := servers.upstream.repeated_calls():
            self._tally.fault("upstream was called twice for a reply", f"{repeated} times")
        for line, before in pairwise(["", *servers.server.log_text().splitlines()][::-1]):
            if _DROPPED in before:
                self._tally.dropped += line.startswith("Traceback")
            elif line.startswith("Traceback") or '"level": "ERROR"' in line:
                self._tally.fault("an error in the server's log", line[:500])
