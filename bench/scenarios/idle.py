"""What an open stream holds while nothing happens on it."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.api import Api
from bench.bar_chart import bar_chart
from bench.contender import SPARE_FILES, Chatapp
from bench.limit import Usage, bullets, sentences
from bench.load import Load, OpenStreams
from bench.mark import IDLE
from bench.process import PinnedProcess, most_open_files, open_files
from bench.section import Chart, Section
from bench.stand import Stand, warm_up
from bench.table import share, spread, table
from bench.upstream import Upstream

SILENT = Load("silence", streams=1, at_once=1, tokens=1, held=True)
_MOST_S = 600


@dataclass(frozen=True, slots=True)
class Crowd:
    """So many open streams: each of a turn of its own, or all of them readers of one turn."""

    streams: int
    turns: int

    @property
    def name(self) -> str:
        return "one turn for all" if self.turns == 1 else "a turn for each"

    @property
    def files(self) -> int:
        """What the server has to open: a socket for each stream, and one towards upstream for each turn."""
        return self.streams + self.turns + SPARE_FILES


@dataclass(frozen=True, slots=True)
class Plan:
    """The crowds, and the milliseconds of silence after which each stream is sent a heartbeat."""

    crowds: Sequence[Crowd]
    heartbeat_ms: int = 10_000


FULL = Plan([Crowd(1000, 1000), Crowd(1000, 1), Crowd(5000, 5000), Crowd(5000, 1)])
TINY = Plan([Crowd(20, 20), Crowd(20, 1)], heartbeat_ms=300)


@dataclass(frozen=True, slots=True)
class Result:
    """One crowd in one round, on a server started for it. `opening_s` is the CPU that opening all of them took, in
    seconds; shares are of one core each, while nothing happens: the server's, and that of upstream and the client."""

    round: int
    crowd: Crowd
    before_kib: int
    after_kib: int
    opening_s: float
    idle_share: float
    tools_share: float

    @property
    def kib_per_stream(self) -> float:
        return (self.after_kib - self.before_kib) / self.crowd.streams


def section(folder: Path, rounds: int, *, tiny: bool = False, files: int | None = None) -> Section:
    """`files` is how many a process may open, where that is not the system's own limit."""
    files = files or most_open_files()
    plan = TINY if tiny else FULL
    possible = [crowd for crowd in plan.crowds if crowd.files <= files]
    left_out = [_left_out(crowd, files) for crowd in plan.crowds if crowd not in possible]
    results = measure(folder, rounds, replace(plan, crowds=possible))
    return Section(report(results, left_out), [chart(results)] if results else [])


def _left_out(crowd: Crowd, files: int) -> str:
    return (
        f"Not measured: {crowd.streams:,} streams, {crowd.name}. The server would open {crowd.files:,} files, "
        f"and the hard limit here is {files:,} (`ulimit -Hn`).\n"
    )


def measure(folder: Path, rounds: int, plan: Plan) -> list[Result]:
    files = max((crowd.files for crowd in plan.crowds), default=0)
    with open_files(files), Stand(folder, [SILENT]) as stand:
        return [
            _measure(stand, number, crowd, plan.heartbeat_ms)
            for number in range(1, rounds + 1)
            for crowd in plan.crowds
        ]


def _measure(stand: Stand, number: int, crowd: Crowd, heartbeat_ms: int) -> Result:
    sys.stderr.write(f"round {number}: {crowd.streams} idle streams, {crowd.name}\n")
    settings = {
        "CHATAPP_CONNECTIONS": str(crowd.streams + SPARE_FILES),
        "CHATAPP_STREAMS_PER_USER": str(crowd.streams + SPARE_FILES),
        "CHATAPP_UPSTREAM_PER_USER": str(crowd.streams + SPARE_FILES),
        "CHATAPP_FIRST_TOKEN_S": "3600",
        "OPENAI_SSE_HEARTBEAT_MS": str(heartbeat_ms),
    }
    chatapp = stand.chatapp(f"round-{number}-{crowd.streams}-of-{crowd.turns}", settings)
    with chatapp.process() as process:  # a new one: what another crowd has left free would be used again
        warm_up(chatapp)
        before_kib, before_s = process.memory_kib(), process.cpu_s()
        with _opened(stand, chatapp, crowd) as streams:
            stand.upstream.wait_for_open(crowd.turns)
            opening_s = process.cpu_s() - before_s
            tools = (stand.upstream, streams)
            shares = _idle_shares(process, tools, heartbeat_ms / 1000)
            return Result(number, crowd, before_kib, process.memory_kib(), opening_s, *shares)


def _opened(stand: Stand, chatapp: Chatapp, crowd: Crowd) -> OpenStreams:
    if crowd.turns > 1:
        asked = ["-u", chatapp.path, "-d", str(chatapp.body_file(SILENT))]
    else:
        listed = stand.folder / "paths"
        with Api(chatapp.port, chatapp.headers) as api:
            listed.write_text(api.start_turn(SILENT), "utf-8")
        asked = ["-l", str(listed)]
    return OpenStreams(stand.tools_core, chatapp.port, chatapp.headers, crowd.streams, _MOST_S, *asked)


def _idle_shares(
    process: PinnedProcess, tools: Sequence[Upstream | OpenStreams], heartbeat_s: float
) -> tuple[float, float]:
    """What the server, and the tools, use of their cores while each stream is sent a heartbeat."""
    began, used_s = time.monotonic(), process.cpu_s()
    tools_s = sum(tool.cpu_s() for tool in tools)
    time.sleep(heartbeat_s * 1.2)
    used_s, seconds = process.cpu_s() - used_s, time.monotonic() - began
    return used_s / seconds, (sum(tool.cpu_s() for tool in tools) - tools_s) / seconds


_HEADING = (
    "## What an idle stream holds\n\n"
    "Memory of the server (the anonymous part of its proportional set size), with all streams open less with none, "
    "divided by them; what the kernel keeps for their sockets is not in it. Upstream has accepted and keeps silent, "
    "and each stream has been sent a heartbeat. A stream with a turn of its own holds that turn, its generation and a "
    "connection to upstream as well; one that follows the same turn as all others holds itself alone.\n"
)
_HEAD = (
    "open streams",
    "turns",
    "KiB per stream",
    "server before, MiB",
    "with all open, MiB",
    "CPU ms to open one",
    "server's core, idle",
    "tools' core, idle",
)


def report(results: Sequence[Result], left_out: Sequence[str] = ()) -> str:
    crowds = list(dict.fromkeys(result.crowd for result in results))
    parts = [_HEADING, table(_HEAD, [_row(crowd, results) for crowd in crowds]), *left_out]
    for crowd in crowds:
        if crowd.turns > 1:
            figures = [result.kib_per_stream for result in results if result.crowd == crowd]
            parts.append(IDLE.line(figures, f"{crowd.streams:,} streams"))
    usages = {
        crowd: [
            Usage(each.idle_share, each.tools_share, seconds=1, nominal_s=1)
            for each in results
            if each.crowd == crowd
        ]
        for crowd in crowds
    }
    limits = [
        sentence
        for crowd, own in usages.items()
        for sentence in sentences(f"{crowd.streams:,} streams, {crowd.name}", own)
    ]
    return "\n".join([*parts, bullets(limits)] if crowds else parts)


def chart(results: Sequence[Result]) -> Chart:
    bars = [
        (
            f"{crowd.name}, {crowd.streams:,} streams",
            [result.kib_per_stream for result in results if result.crowd == crowd],
        )
        for crowd in dict.fromkeys(result.crowd for result in results)
    ]
    title = "What an idle stream holds"
    return Chart("memory", title, bar_chart(title, "KiB per stream", bars, IDLE.most))


def _row(crowd: Crowd, results: Sequence[Result]) -> Sequence[str]:
    own = [result for result in results if result.crowd == crowd]
    return (
        f"{crowd.streams:,}",
        crowd.name,
        spread(result.kib_per_stream for result in own),
        spread(result.before_kib / 1024 for result in own),
        spread(result.after_kib / 1024 for result in own),
        spread(result.opening_s / crowd.streams * 1000 for result in own),
        share(result.idle_share for result in own),
        share(result.tools_share for result in own),
    )
