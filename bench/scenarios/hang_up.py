"""How soon upstream hears that a reader has hung up."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.bar_chart import bar_chart
from bench.contender import CONTENDERS, Chatapp, Contender, PlainView
from bench.limit import FULL_SHARE, bullets
from bench.load import Load, OpenStreams
from bench.mark import HANG_UP
from bench.process import PinnedProcess, on_core
from bench.section import Chart, Section
from bench.stand import Stand
from bench.table import share, spread, table

_PATIENCE_S = 30
_GRACE_S = 0.02
"""For which nobody asks upstream anything after a hang-up: it would wait for the answer, too."""
HUNG_UP = Load("a stream that is hung up", streams=1, at_once=1, tokens=2000, gap_ms=20)


@dataclass(frozen=True, slots=True)
class Plan:
    """How often is hung up, and the streams that run beside."""

    times: int
    beside: Load


FULL = Plan(100, Load("100 paced streams", 100, 100, tokens=20_000, gap_ms=20, paused=True))
TINY = Plan(3, Load("2 paced streams", 2, 2, tokens=20_000, gap_ms=20, paused=True))


@dataclass(frozen=True, slots=True)
class Result:
    """All hang-ups at one server in one round, in milliseconds. `beside` is None where it was idle otherwise."""

    round: int
    server: str
    beside: str | None
    after_ms: Sequence[float]
    server_share: float
    tools_share: float

    @property
    def p99_ms(self) -> float:
        return sorted(self.after_ms)[round(0.99 * (len(self.after_ms) - 1))]


def section(folder: Path, rounds: int, *, tiny: bool = False) -> Section:
    results = measure(folder, rounds, TINY if tiny else FULL)
    return Section(report(results), [chart(results)])


def measure(folder: Path, rounds: int, plan: Plan) -> list[Result]:
    with Stand(folder, [HUNG_UP, plan.beside]) as stand, stand.servers(CONTENDERS) as servers:
        return [
            _Trial(stand, contender, process).run(number, plan.times, beside)
            for number in range(1, rounds + 1)
            for beside in (None, plan.beside)
            for contender, process in servers
            if process is not None and (beside is None or contender.name != PlainView.name)
        ]


@dataclass(frozen=True, slots=True)
class _Trial:
    stand: Stand
    contender: Contender
    process: PinnedProcess

    def run(self, number: int, times: int, beside: Load | None) -> Result:
        name = beside.name if beside else None
        sys.stderr.write(f"round {number}: {times} hang-ups, beside {name}: {self.contender.name}\n")
        self.stand.upstream.wait_for_open(0)
        with on_core(self.stand.tools_core), self._streams(beside):
            began, used_s, tools_s = time.monotonic(), self.process.cpu_s(), self.stand.upstream.cpu_s()
            after_ms = [self._hung_up() for _ in range(times)]
            seconds = time.monotonic() - began
            server_share = (self.process.cpu_s() - used_s) / seconds
            tools_share = (self.stand.upstream.cpu_s() - tools_s) / seconds
        return Result(number, self.contender.name, name, after_ms, server_share, tools_share)

    @contextmanager
    def _streams(self, beside: Load | None) -> Iterator[None]:
        if beside is None:
            yield
            return
        asked = ["-u", self.contender.path, "-d", str(self.contender.body_file(beside))]
        core, port, headers = self.stand.tools_core, self.contender.port, self.contender.headers
        with OpenStreams(core, port, headers, beside.streams, beside.nominal_s, *asked):
            self.stand.upstream.wait_for_open(beside.streams)
            self.stand.upstream.release()
            yield

    def _hung_up(self) -> float:
        """Milliseconds from the call of close() to the end of upstream's connection."""
        upstream = self.stand.upstream
        aborted = upstream.stats()["aborted"]
        with socket.create_connection(("127.0.0.1", self.contender.port), _PATIENCE_S) as line:
            line.sendall(self._request())
            _read_a_token(line)
            closed_us = time.monotonic_ns() // 1000
        time.sleep(_GRACE_S)
        told = upstream.wait_until(lambda stats: stats["aborted"] > aborted, "saw the hang-up")
        return (told["aborted_us"] - closed_us) / 1000

    def _request(self) -> bytes:
        body = self.contender.body_file(HUNG_UP).read_bytes()
        fields = {
            "Host": "127.0.0.1",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **self.contender.headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"POST {self.contender.path} HTTP/1.1\r\n{head}\r\n".encode() + body


def _read_a_token(line: socket.socket) -> None:
    heard = b""
    while b"@" not in heard:
        piece = line.recv(65536)
        if not piece:
            raise RuntimeError(f"no token came: {heard[:500]!r}")
        heard += piece


_HEADING = (
    "## When upstream hears of a hang-up\n\n"
    "A reader of a stream that belongs to its connection (`POST /api/v1/chat`) closes it after its first token, over "
    "and over, one after the other. The time is from its call of close() to the moment at which upstream, on the same "
    "clock, finds its own connection closed; a token comes every 20 ms. The plain view is asked while it is idle "
    "otherwise, and only then.\n"
)
_HEAD = (
    "server",
    "beside",
    "ms, median",
    "p99",
    "worst",
    "server's core",
    "upstream's share of the tools' core",
)
_IDLE = "nothing"


def report(results: Sequence[Result]) -> str:
    groups = _groups(results)
    rows = [_row(server, beside, own) for (server, beside), own in groups.items()]
    limits = [
        f"{server}, beside {beside}: upstream used its core up: it was the limit."
        for (server, beside), own in groups.items()
        if median(result.tools_share for result in own) > FULL_SHARE
    ]
    marks = [
        HANG_UP.line([result.p99_ms for result in own], f"beside {beside}")
        for (server, beside), own in groups.items()
        if server == Chatapp.name
    ]
    return "\n".join([_HEADING, table(_HEAD, rows), bullets(limits), *marks])


def _groups(results: Sequence[Result]) -> dict[tuple[str, str], list[Result]]:
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        groups.setdefault((result.server, result.beside or _IDLE), []).append(result)
    return groups


def _row(server: str, beside: str, own: Sequence[Result]) -> Sequence[str]:
    return (
        server,
        beside,
        spread(median(result.after_ms) for result in own),
        spread(result.p99_ms for result in own),
        spread(max(result.after_ms) for result in own),
        share(result.server_share for result in own),
        share(result.tools_share for result in own),
    )


def chart(results: Sequence[Result]) -> Chart:
    bars = [
        (f"{server}, beside {beside}", [result.p99_ms for result in own])
        for (server, beside), own in _groups(results).items()
    ]
    title = "From a hang-up to upstream's end, p99"
    return Chart("p99", title, bar_chart(title, "ms", bars, HANG_UP.most))
