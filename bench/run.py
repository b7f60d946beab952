"""The relay's rounds: every load on every server in turn, so that a busy minute of the machine hits all of them."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.contender import Contender, NoServer
from bench.limit import Usage
from bench.load import Heard, Load, put
from bench.process import SETTLE_S, PinnedProcess, cores
from bench.upstream import Upstream

DIRECT = NoServer.name


@dataclass(frozen=True, slots=True)
class Result:
    """One load on one server in one round."""

    round: int
    server: str
    load: Load
    heard: Heard
    server_cpu_s: float
    upstream_cpu_s: float

    @property
    def us_per_token(self) -> float:
        """All that the server did in the load's time, requests and saving included."""
        return self.server_cpu_s / self.heard.tokens * 1e6

    @property
    def us_per_message(self) -> float:
        return self.server_cpu_s / self.heard.done * 1e6

    @property
    def server_share(self) -> float:
        """Of one core."""
        return self.server_cpu_s / self.heard.seconds

    @property
    def tools_share(self) -> float:
        """Of the core that upstream and the load client have together."""
        return (self.upstream_cpu_s + self.heard.cpu_s) / self.heard.seconds

    @property
    def usage(self) -> Usage:
        nominal_s = self.load.nominal_s if self.load.gap_ms else 0.0
        return Usage(self.server_share, self.tools_share, self.heard.seconds, nominal_s)


class Bench:
    def __init__(self, folder: Path, contenders: Sequence[type[Contender]], loads: Sequence[Load]) -> None:
        self._folder = folder
        self._contenders = contenders
        self._loads = loads
        self._server_core, self._tools_core = cores()
        self._upstream = Upstream(folder, self._tools_core, loads)

    def run(self, rounds: int) -> list[Result]:
        with ExitStack() as stack:
            stack.enter_context(self._upstream)
            servers = [(each, stack.enter_context(each.process())) for each in self._build()]
            self._warm_up(servers)
            direct = NoServer(self._folder, self._tools_core, self._upstream.port, self._loads)
            return [
                self._measure(number, load, contender, process)
                for number in range(1, rounds + 1)
                for load in self._loads
                for contender, process in [(direct, None), *servers]
            ]

    def _build(self) -> list[Contender]:
        return [
            each(self._folder, self._server_core, self._upstream.port, self._loads)
            for each in self._contenders
        ]

    def _warm_up(self, servers: Sequence[tuple[Contender, PinnedProcess]]) -> None:
        short = min(self._loads, key=lambda load: load.tokens)
        for contender, process in servers:
            self._measure(0, short, contender, process)

    def _measure(
        self, number: int, load: Load, contender: Contender, process: PinnedProcess | None
    ) -> Result:
        sys.stderr.write(f"round {number}: {load.name}: {contender.name}\n")
        server_before, upstream_before = process.cpu_s() if process else 0.0, self._upstream.cpu_s()
        body = contender.body_file(load)
        heard = put(load, self._tools_core, contender.port, contender.path, body, contender.headers)
        time.sleep(SETTLE_S)
        server_cpu_s = process.cpu_s() - server_before if process else 0.0
        upstream_cpu_s = self._upstream.cpu_s() - upstream_before
        return Result(number, contender.name, load, heard, server_cpu_s, upstream_cpu_s)
