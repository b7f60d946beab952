"""Several voices that answer one message on one connection, beside as many streams of one voice."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.bar_chart import bar_chart
from bench.contender import VOICES, Chatapp
from bench.limit import bullets, sentences
from bench.load import Load, put
from bench.process import SETTLE_S, PinnedProcess
from bench.run import Result
from bench.section import Chart, Section
from bench.stand import Stand, warm_up
from bench.table import share, spread, table


@dataclass(frozen=True, slots=True)
class Plan:
    """The same tokens, on one connection for each voice or for all voices of a turn."""

    single: Load
    together: Load


def plan(turns: int, tokens: int, ramp_ms: int) -> Plan:
    many = len(VOICES)
    single, together = f"{turns * many} turns of one voice", f"{turns} turns of {many} voices"
    return Plan(
        Load(single, turns * many, turns * many, tokens, gap_ms=20, ramp_ms=ramp_ms),
        Load(together, turns, turns, tokens, gap_ms=20, ramp_ms=ramp_ms, voices=many),
    )


FULL = plan(turns=20, tokens=500, ramp_ms=2000)
TINY = plan(turns=1, tokens=10, ramp_ms=20)


def section(folder: Path, rounds: int, *, tiny: bool = False) -> Section:
    results = measure(folder, rounds, TINY if tiny else FULL)
    return Section(report(results), [chart(results)])


def measure(folder: Path, rounds: int, plan: Plan) -> list[Result]:
    loads = (plan.single, plan.together)
    with Stand(folder, loads) as stand:
        chatapp = stand.chatapp("chatapp")
        with chatapp.process() as process:
            warm_up(chatapp)
            return [
                _measure(number, load, stand, chatapp, process)
                for number in range(1, rounds + 1)
                for load in loads
            ]


def _measure(number: int, load: Load, stand: Stand, chatapp: Chatapp, process: PinnedProcess) -> Result:
    sys.stderr.write(f"round {number}: {load.name}\n")
    before_s, upstream_s = process.cpu_s(), stand.upstream.cpu_s()
    body = chatapp.body_file(load)
    heard = put(load, stand.tools_core, chatapp.port, chatapp.path, body, chatapp.headers)
    time.sleep(SETTLE_S)
    used_s = process.cpu_s() - before_s
    return Result(number, chatapp.name, load, heard, used_s, stand.upstream.cpu_s() - upstream_s)


_HEADING = (
    "## What several voices of a turn cost\n\n"
    "The same number of generations, 50 tokens/s each: on a connection of their own, or several to a turn and its "
    "one connection. CPU is all that chatapp used, requests and saving included, divided by the tokens. A connection's "
    "first token is that of the voice that speaks first.\n"
)
_HEAD = (
    "load",
    "CPU µs per token",
    "× one voice",
    "CPU ms per generation",
    "ms to first token, median",
    "p99",
    "ms of delay, p99",
    "server's core",
    "tools' core",
)


def report(results: Sequence[Result]) -> str:
    loads = _loads(results)
    limits = [
        sentence for load in loads for sentence in sentences(load.name, [r.usage for r in _of(load, results)])
    ]
    return "\n".join([_HEADING, table(_HEAD, [_row(load, results) for load in loads]), bullets(limits)])


def _loads(results: Sequence[Result]) -> list[Load]:
    return list(dict.fromkeys(result.load for result in results))


def _of(load: Load, results: Sequence[Result]) -> list[Result]:
    return [result for result in results if result.load == load]


def _row(load: Load, results: Sequence[Result]) -> Sequence[str]:
    own = _of(load, results)
    singles = {result.round: result.us_per_token for result in results if result.load.voices == 1}
    return (
        load.name,
        spread(result.us_per_token for result in own),
        spread(result.us_per_token / singles[result.round] for result in own) if load.voices > 1 else "",
        spread(result.us_per_message / load.voices / 1000 for result in own),
        spread(result.heard.first_token_p50_ms for result in own),
        spread(result.heard.first_token_p99_ms for result in own),
        spread(result.heard.delay_p99_ms for result in own),
        share(result.server_share for result in own),
        share(result.tools_share for result in own),
    )


def chart(results: Sequence[Result]) -> Chart:
    bars = [(load.name, [result.us_per_token for result in _of(load, results)]) for load in _loads(results)]
    title = "Several voices of a turn, beside turns of one voice"
    return Chart("token", title, bar_chart(title, "CPU µs per token", bars))
