"""What a token costs late in a long reply, beside early in it, and in a long reply beside a short one."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.bar_chart import Bar, bar_chart
from bench.contender import Chatapp
from bench.limit import Usage, bullets, sentences
from bench.load import Load, put
from bench.mark import LONG_REPLY
from bench.process import SETTLE_S, PinnedProcess
from bench.section import Chart, Section
from bench.stand import Stand, warm_up
from bench.steady import stream
from bench.table import share, spread, table
from bench.upstream import Upstream

_LOOK_S = 0.1
QUARTERS = 4


@dataclass(frozen=True, slots=True)
class Plan:
    """Short replies and long ones, at a pace and flat out."""

    short_paced: Load
    long_paced: Load
    short_flat: Load
    long_flat: Load

    @property
    def loads(self) -> Sequence[Load]:
        return self.short_paced, self.long_paced, self.short_flat, self.long_flat


def plan(short: int, long: int) -> Plan:
    """Of so many tokens. Flat out, one after the other, there are as many short ones as make up the long ones."""
    times = long // short
    return Plan(
        Load(f"{short:,} tokens, paced", 5, 5, short, gap_ms=2, paused=True),
        Load(f"{long:,} tokens, paced", 5, 5, long, gap_ms=2, paused=True),
        Load(f"{short:,} tokens, flat out", 5 * times, 1, short),
        Load(f"{long:,} tokens, flat out", 5, 1, long),
    )


FULL = plan(2000, 20_000)
TINY = plan(40, 400)


@dataclass(frozen=True, slots=True)
class Result:
    """One load in one round; `quarters` are the CPU per token in each quarter of paced replies, in microseconds."""

    round: int
    load: Load
    us_per_token: float
    usage: Usage
    quarters: Sequence[float] = ()


def section(folder: Path, rounds: int, *, tiny: bool = False) -> Section:
    results = measure(folder, rounds, TINY if tiny else FULL)
    return Section(report(results), [chart(results)])


def measure(folder: Path, rounds: int, plan: Plan) -> list[Result]:
    with Stand(folder, plan.loads) as stand:
        chatapp = stand.chatapp("chatapp")
        with chatapp.process() as process:
            warm_up(chatapp)
            return [
                (_paced if load.paused else _flat_out)(number, load, stand, chatapp, process)
                for number in range(1, rounds + 1)
                for load in plan.loads
            ]


def _paced(number: int, load: Load, stand: Stand, chatapp: Chatapp, process: PinnedProcess) -> Result:
    watch = QuarterWatch(load, stand.upstream, process)
    run = stream(number, load, chatapp, process, stand.upstream, stand.tools_core, lambda: watch)
    return Result(number, load, run.us_per_token, run.usage, watch.us_per_token)


def _flat_out(number: int, load: Load, stand: Stand, chatapp: Chatapp, process: PinnedProcess) -> Result:
    sys.stderr.write(f"round {number}: {load.name}\n")
    before_s, upstream_s = process.cpu_s(), stand.upstream.cpu_s()
    body = chatapp.body_file(load)
    heard = put(load, stand.tools_core, chatapp.port, chatapp.path, body, chatapp.headers)
    time.sleep(SETTLE_S)
    used_s, tools_s = process.cpu_s() - before_s, stand.upstream.cpu_s() - upstream_s + heard.cpu_s
    usage = Usage(used_s / heard.seconds, tools_s / heard.seconds, heard.seconds)
    return Result(number, load, used_s / heard.tokens * 1e6, usage)


class QuarterWatch:
    """Notes what a server has used at the end of each quarter of a load's tokens; a context manager around them."""

    def __init__(self, load: Load, upstream: Upstream, process: PinnedProcess) -> None:
        self._tokens = load.streams * (load.tokens - 1)  # the first came before
        self._upstream = upstream
        self._process = process
        self._notes: list[tuple[int, float]] = []
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._notes.append((0, self._process.cpu_s()))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.join()

    def _watch(self) -> None:
        for quarter in range(1, QUARTERS + 1):
            while (sent := self._upstream.stats()["tokens"]) < self._tokens * quarter // QUARTERS:
                time.sleep(_LOOK_S)
            self._notes.append((sent, self._process.cpu_s()))

    @property
    def us_per_token(self) -> list[float]:
        """Of each quarter. A load that ends between two looks leaves quarters out."""
        pairs = zip(self._notes, self._notes[1:], strict=False)
        return [
            (used_s - before_s) / (sent - before) * 1e6
            for (before, before_s), (sent, used_s) in pairs
            if sent > before
        ]


_HEADING = (
    "## What a token costs in a long reply\n\n"
    "Five replies at once, a token every 2 ms of each, opened first; and replies one after the other as fast as they "
    "are taken. Quarters are told by what upstream has sent. Flat out, CPU holds the requests as well, of which there "
    "are ten times as many where replies are a tenth as long.\n"
)


def report(results: Sequence[Result]) -> str:
    pairs = _pairs(results)
    loads = [load for pair in pairs for load in pair]
    rows = [_row(load, short, results) for short, long in pairs for load in (short, long)]
    limits = [
        sentence for load in loads for sentence in sentences(load.name, [r.usage for r in _of(load, results)])
    ]
    quarters = _quarters(pairs[0][1], results)
    late = [each[-1] / each[0] for each in quarters]
    marks = [
        LONG_REPLY.line(late, "its last quarter to its first"),
        *(LONG_REPLY.line(_ratios(*pair, results), f"{pair[1].name}, to {pair[0].name}") for pair in pairs),
    ]
    head = ("reply", "CPU µs per token", "× short", "server's core", "tools' core")
    parts = [_HEADING, table(head, rows), _quarter_table(quarters), bullets(limits), *marks]
    return "\n".join(filter(None, parts))


def _pairs(results: Sequence[Result]) -> list[tuple[Load, Load]]:
    """A short reply and a long one: paced, then flat out."""
    loads = sorted(dict.fromkeys(result.load for result in results), key=lambda load: load.tokens)
    paced, flat = ([load for load in loads if load.paused == each] for each in (True, False))
    return [(paced[0], paced[-1]), (flat[0], flat[-1])]


def _quarters(load: Load, results: Sequence[Result]) -> list[Sequence[float]]:
    """Of each round, where none was missed."""
    return [result.quarters for result in _of(load, results) if len(result.quarters) == QUARTERS]


def _of(load: Load, results: Sequence[Result]) -> list[Result]:
    return [result for result in results if result.load == load]


def _row(load: Load, short: Load, results: Sequence[Result]) -> Sequence[str]:
    own = _of(load, results)
    return (
        load.name,
        spread(result.us_per_token for result in own),
        spread(_ratios(short, load, results)),
        share(result.usage.server_share for result in own),
        share(result.usage.tools_share for result in own),
    )


def _ratios(short: Load, long: Load, results: Sequence[Result]) -> list[float]:
    """Of the CPU per token, each to the short reply's of the same round."""
    ones = {result.round: result.us_per_token for result in _of(short, results)}
    return [result.us_per_token / ones[result.round] for result in _of(long, results)]


def _quarter_table(quarters: Sequence[Sequence[float]]) -> str:
    if not quarters:
        return "Quarters were not measured: the load was over too soon.\n"
    rows = [(str(number), spread(each)) for number, each in enumerate(zip(*quarters, strict=True), 1)]
    return table(("quarter of the paced long reply", "CPU µs per token"), rows)


def chart(results: Sequence[Result]) -> Chart:
    pairs = _pairs(results)
    bars: list[Bar] = [
        (load.name, [result.us_per_token for result in _of(load, results)]) for pair in pairs for load in pair
    ]
    quarters = zip(*_quarters(pairs[0][1], results), strict=True)
    bars += [(f"quarter {number} of the paced long one", each) for number, each in enumerate(quarters, 1)]
    title = "What a token costs in a long reply"
    return Chart("token", title, bar_chart(title, "CPU µs per token", bars))
