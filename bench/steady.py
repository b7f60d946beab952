"""Streams that all run at once: opened first, past their first token, then let go together.

What opening them costs is kept apart from what a token costs while all of them run.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from bench.contender import Contender
from bench.limit import Usage
from bench.load import Heard, Load, OpenStreams
from bench.process import SETTLE_S, PinnedProcess, on_core
from bench.upstream import Upstream


@dataclass(frozen=True, slots=True)
class Run:
    """One load on one server in one round. `load` is paused after its first token, and `heard` counts the delay of
    those after it. Seconds of the server's CPU: `opening_s` before the release, `server_s` from then to the end, saving
    included. Shares are of the cores while tokens run. `late_ms` is how late upstream sent a token at worst."""

    round: int
    server: str
    load: Load
    heard: Heard
    opening_s: float
    server_s: float
    server_share: float
    tools_share: float
    late_ms: float

    @property
    def us_per_token(self) -> float:
        return self.server_s / (self.heard.tokens - self.load.streams) * 1e6

    @property
    def usage(self) -> Usage:
        nominal_s = (self.load.tokens - 1) * self.load.gap_ms / 1000
        return Usage(self.server_share, self.tools_share, self.heard.streamed_s, nominal_s)


def stream(
    number: int,
    load: Load,
    contender: Contender,
    process: PinnedProcess | None,
    upstream: Upstream,
    core: int,
    meanwhile: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Run:
    """Opens the streams, then runs them to their end; what is `meanwhile` goes on from before the release until then.
    `process` is the contender's, and `core` that of the tools."""
    sys.stderr.write(f"round {number}: {load.name}: {contender.name}\n")
    assert load.paused
    server_s = process.cpu_s if process else float
    upstream.wait_for_open(0)
    upstream.reset()
    before_s = server_s()
    with on_core(core), _opened(load, contender, core) as streams:
        upstream.wait_until(lambda stats: stats["tokens"] == load.streams, "sent every first token")
        time.sleep(SETTLE_S)
        with meanwhile():
            opened_s, upstream_s, client_s = server_s(), upstream.cpu_s(), streams.cpu_s()
            upstream.reset()
            began = time.monotonic()
            upstream.release()
            heard = streams.hear(load.tokens)
            seconds = time.monotonic() - began
            server_share = (server_s() - opened_s) / seconds
            tools_share = (upstream.cpu_s() - upstream_s + heard.cpu_s - client_s) / seconds
            time.sleep(SETTLE_S)
            used_s = server_s() - opened_s
        late_ms = upstream.stats()["latest_us"] / 1000
    opening_s = opened_s - before_s
    return Run(number, contender.name, load, heard, opening_s, used_s, server_share, tools_share, late_ms)


def _opened(load: Load, contender: Contender, core: int) -> OpenStreams:
    asked = ["-u", contender.path, "-d", str(contender.body_file(load)), "-s", "1"]
    return OpenStreams(
        core, contender.port, contender.headers, load.streams, load.nominal_s * 4 + 120, *asked
    )
