"""Chatapp against itself with a setting changed."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from bench.bar_chart import bar_chart
from bench.contender import SPARE_FILES, Chatapp
from bench.limit import Usage, bullets, sentences
from bench.load import Load, put
from bench.process import SETTLE_S, PinnedProcess, open_files
from bench.section import Chart, Section
from bench.stand import Stand, warm_up
from bench.steady import stream
from bench.table import share, spread, table

TIMES_A_ROUND = 2
"""Each setting takes its turn so often in a round: A B A B."""


@dataclass(frozen=True, slots=True)
class Switch:
    """Chatapp with these variables in its environment."""

    name: str
    variables: Mapping[str, str] = field(default_factory=dict)


AS_IT_IS = Switch("as it is")
_READS, _WRITES = {"CHATAPP_DIRECT_READS": "0"}, {"CHATAPP_DIRECT_WRITES": "0"}
SWITCHES = (
    Switch("writes by the server", _WRITES),
    Switch("reads by the client's own transport", _READS),
    Switch("both", _READS | _WRITES),
)
"""What is compared with chatapp as it is."""

FULL = (
    Load("one stream flat out", streams=1, at_once=1, tokens=30_000),
    Load("100 streams × 50 tokens/s", 100, 100, tokens=501, gap_ms=20, paused=True),
    Load("1,000 streams × 50 tokens/s", 1000, 1000, tokens=501, gap_ms=20, paused=True),
)
TINY = (
    Load("one stream flat out", streams=1, at_once=1, tokens=200),
    Load("3 streams × 50 tokens/s", 3, 3, tokens=11, gap_ms=20, paused=True),
)


@dataclass(frozen=True, slots=True)
class Result:
    """One load with one setting, once."""

    round: int
    switch: str
    load: Load
    us_per_token: float
    delay_p99_ms: float
    usage: Usage


def section(folder: Path, rounds: int, *, tiny: bool = False) -> Section:
    results = measure(folder, rounds, TINY if tiny else FULL, SWITCHES)
    return Section(report(results), charts(results))


def measure(folder: Path, rounds: int, loads: Sequence[Load], switches: Sequence[Switch]) -> list[Result]:
    files = 2 * max(load.streams for load in loads) + SPARE_FILES
    with open_files(files), Stand(folder, loads) as stand, ExitStack() as stack:
        trials = []
        for number, switch in enumerate((AS_IT_IS, *switches)):
            chatapp = stand.chatapp(f"switch-{number}", switch.variables)
            trials.append(_Trial(stand, switch, chatapp, stack.enter_context(chatapp.process())))
            warm_up(chatapp)
        return [
            trial.run(number, load)
            for number in range(1, rounds + 1)
            for load in loads
            for _ in range(TIMES_A_ROUND)
            for trial in trials
        ]


@dataclass(frozen=True, slots=True)
class _Trial:
    stand: Stand
    switch: Switch
    chatapp: Chatapp
    process: PinnedProcess

    def run(self, number: int, load: Load) -> Result:
        sys.stderr.write(f"with the setting {self.switch.name!r}: ")
        return self._steady(number, load) if load.paused else self._flat_out(number, load)

    def _steady(self, number: int, load: Load) -> Result:
        upstream, core = self.stand.upstream, self.stand.tools_core
        run = stream(number, load, self.chatapp, self.process, upstream, core)
        return Result(number, self.switch.name, load, run.us_per_token, run.heard.delay_p99_ms, run.usage)

    def _flat_out(self, number: int, load: Load) -> Result:
        sys.stderr.write(f"round {number}: {load.name}\n")
        chatapp, upstream = self.chatapp, self.stand.upstream
        before_s, upstream_s = self.process.cpu_s(), upstream.cpu_s()
        body = chatapp.body_file(load)
        heard = put(load, self.stand.tools_core, chatapp.port, chatapp.path, body, chatapp.headers)
        time.sleep(SETTLE_S)
        used_s, tools_s = self.process.cpu_s() - before_s, upstream.cpu_s() - upstream_s + heard.cpu_s
        usage = Usage(used_s / heard.seconds, tools_s / heard.seconds, heard.seconds)
        cost_us = used_s / heard.tokens * 1e6
        return Result(number, self.switch.name, load, cost_us, heard.delay_p99_ms, usage)


_HEADING = (
    "## What a setting changes\n\n"
    "Chatapp against itself with variables of its environment changed, in turn, twice in each round; ratios are of "
    "the CPU per token of a round, to chatapp as it is. Where a load has a pace, its streams are opened before the "
    "first figure is taken.\n"
)
_HEAD = ("setting", "CPU µs per token", "× as it is", "ms of delay, p99", "server's core", "tools' core")


def report(results: Sequence[Result]) -> str:
    names = list(dict.fromkeys(result.switch for result in results))
    parts = [_HEADING]
    for load in dict.fromkeys(result.load for result in results):
        own = [result for result in results if result.load == load]
        limits = [
            sentence
            for name in names
            for sentence in sentences(name, [result.usage for result in own if result.switch == name])
        ]
        parts += [f"### {load.name}\n", table(_HEAD, [_row(name, own) for name in names]), bullets(limits)]
    return "\n".join(parts)


def _row(name: str, results: Sequence[Result]) -> Sequence[str]:
    own = [result for result in results if result.switch == name]
    return (
        name,
        spread(result.us_per_token for result in own),
        spread(ratios(name, results)),
        spread(result.delay_p99_ms for result in own),
        share(result.usage.server_share for result in own),
        share(result.usage.tools_share for result in own),
    )


def ratios(name: str, results: Sequence[Result]) -> list[float]:
    """Of the mean CPU per token in each round, to that of chatapp as it is. All results are of one load."""
    rounds = dict.fromkeys(result.round for result in results)
    return [_mean(name, number, results) / _mean(AS_IT_IS.name, number, results) for number in rounds]


def _mean(name: str, number: int, results: Sequence[Result]) -> float:
    return fmean(
        result.us_per_token for result in results if result.switch == name and result.round == number
    )


def charts(results: Sequence[Result]) -> list[Chart]:
    """Nothing is drawn while there is nothing to compare."""
    names = list(dict.fromkeys(result.switch for result in results))
    if len(names) == 1:
        return []
    return [
        _chart(number, load, names, [result for result in results if result.load == load])
        for number, load in enumerate(dict.fromkeys(result.load for result in results), 1)
    ]


def _chart(number: int, load: Load, names: Sequence[str], results: Sequence[Result]) -> Chart:
    title = f"{load.name}: CPU per token, × as it is"
    bars = [(name, ratios(name, results)) for name in names]
    return Chart(f"load-{number}", title, bar_chart(title, "× as it is", bars))
