"""What the log in Redis costs a reader in the same process, beside the log in memory."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.bar_chart import bar_chart
from bench.contender import Chatapp
from bench.limit import Usage, bullets, sentences
from bench.load import FEW_PACED, PACED, Heard, Load, put
from bench.mark import REDIS as REDIS_MARK
from bench.process import SETTLE_S, PinnedProcess
from bench.section import Chart, Section
from bench.stand import Stand, warm_up
from bench.table import share, spread, table
from bench.valkey import MISSING, Valkey, program

MEMORY = "in memory"
REDIS = "in Redis"


@dataclass(frozen=True, slots=True)
class Result:
    """One run of the load. CPU in seconds; the tools are upstream and the load client."""

    round: int
    log: str
    load: Load
    heard: Heard
    server_s: float
    tools_s: float
    valkey_s: float
    commands: int

    @property
    def us_per_token(self) -> float:
        return self.server_s / self.heard.tokens * 1e6

    @property
    def usage(self) -> Usage:
        seconds, tools_s = self.heard.seconds, self.tools_s + self.valkey_s
        return Usage(self.server_s / seconds, tools_s / seconds, seconds, self.load.nominal_s)


def section(folder: Path, rounds: int, *, tiny: bool = False) -> Section:
    found = program()
    if found is None:
        return Section(f"{_HEADING}\nNot measured: {MISSING}.\n")
    results = measure(folder, rounds, FEW_PACED if tiny else PACED, found)
    return Section(report(results), [chart(results)])


def measure(folder: Path, rounds: int, load: Load, valkey_program: Path) -> list[Result]:
    with Stand(folder, [load]) as stand, Valkey(valkey_program, stand.tools_core, folder) as valkey:
        logs = {
            MEMORY: stand.chatapp("memory"),
            REDIS: stand.chatapp("redis", {"REDIS_URL": valkey.url}),
        }
        with ExitStack() as stack:
            trials = [
                _Trial(stand, valkey, log, chatapp, stack.enter_context(chatapp.process()))
                for log, chatapp in logs.items()
            ]
            for chatapp in logs.values():
                warm_up(chatapp)
            return [trial.run(number, load) for number in range(1, rounds + 1) for trial in trials]


@dataclass(frozen=True, slots=True)
class _Trial:
    stand: Stand
    valkey: Valkey
    log: str
    chatapp: Chatapp
    process: PinnedProcess

    def run(self, number: int, load: Load) -> Result:
        sys.stderr.write(f"round {number}: {load.name}: log {self.log}\n")
        upstream, valkey, chatapp = self.stand.upstream, self.valkey, self.chatapp
        commands = valkey.commands()
        before = self.process.cpu_s(), upstream.cpu_s(), valkey.cpu_s()
        body = chatapp.body_file(load)
        heard = put(load, self.stand.tools_core, chatapp.port, chatapp.path, body, chatapp.headers)
        time.sleep(SETTLE_S)
        after = self.process.cpu_s(), upstream.cpu_s(), valkey.cpu_s()
        server_s, upstream_s, valkey_s = (end - start for start, end in zip(before, after, strict=True))
        commands = valkey.commands() - commands
        return Result(number, self.log, load, heard, server_s, upstream_s + heard.cpu_s, valkey_s, commands)


UNHEEDED = (
    "No mark: Valkey was given no command. This chatapp does not heed REDIS_URL; both logs are in memory.\n"
)
_HEADING = (
    "## What the log in Redis costs\n\n"
    "The paced load of the relay: one reader for each stream, in the process that answers it. CPU is all that chatapp "
    "used, divided by the tokens; Valkey shares the tools' core, and its own CPU and the commands that it was given "
    "stand beside it.\n"
)
_HEAD = (
    "log",
    "CPU µs per token",
    "× in memory",
    "CPU ms per message",
    "ms to first token, median",
    "ms of delay, p99",
    "Valkey's CPU µs per token",
    "commands per token",
    "server's core",
    "tools' core",
)


def report(results: Sequence[Result]) -> str:
    parts = [
        _HEADING,
        f"### {results[0].load.name}\n",
        table(_HEAD, [_row(log, results) for log in (MEMORY, REDIS)]),
    ]
    if any(result.commands for result in results if result.log == REDIS):
        parts.append(REDIS_MARK.line(_ratios(results)))
    else:
        parts.append(UNHEEDED)
    limits = [
        sentence
        for log in (MEMORY, REDIS)
        for sentence in sentences(f"log {log}", [result.usage for result in results if result.log == log])
    ]
    parts.append(bullets(limits))
    return "\n".join(parts)


def chart(results: Sequence[Result]) -> Chart:
    bars = [
        (log, [result.us_per_token for result in results if result.log == log]) for log in (MEMORY, REDIS)
    ]
    title = f"{results[0].load.name}, by where the log is"
    return Chart("token", title, bar_chart(title, "CPU µs per token", bars))


def _row(log: str, results: Sequence[Result]) -> Sequence[str]:
    own = [result for result in results if result.log == log]
    return (
        log,
        spread(result.us_per_token for result in own),
        spread(_ratios(results)) if log == REDIS else "",
        spread(result.server_s / result.heard.done * 1000 for result in own),
        spread(result.heard.first_token_p50_ms for result in own),
        spread(result.heard.delay_p99_ms for result in own),
        spread(result.valkey_s / result.heard.tokens * 1e6 for result in own) if log == REDIS else "",
        spread(result.commands / result.heard.tokens for result in own) if log == REDIS else "",
        share(result.server_s / result.heard.seconds for result in own),
        share((result.tools_s + result.valkey_s) / result.heard.seconds for result in own),
    )


def _ratios(results: Sequence[Result]) -> list[float]:
    """Of the CPU per token, Redis to memory in each round."""
    memory = {result.round: result.us_per_token for result in results if result.log == MEMORY}
    return [result.us_per_token / memory[result.round] for result in results if result.log == REDIS]
