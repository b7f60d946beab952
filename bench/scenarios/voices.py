"""Several voices that answer one message on one connection, beside as many streams of one voice."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.bar_chart import bar_chart
from bench.contender import VOICES, Chatapp, NoServer
from bench.limit import bullets, sentences
from bench.load import Heard, Load, put
from bench.mark import VOICES_COST, VOICES_DELAY, VOICES_FIRST
from bench.process import SETTLE_S, PinnedProcess
from bench.run import Result
from bench.section import Chart, Section
from bench.stand import Server, Stand, warm_up
from bench.table import share, spread, table


@dataclass(frozen=True, slots=True)
class Plan:
    """The same tokens, on one connection for each voice or for all voices of a turn, of so many `people`; and single
    tokens, one message after the other, which tell when each begins."""

    people: int
    single: Load
    together: Load
    single_word: Load
    words_together: Load

    @property
    def loads(self) -> Sequence[Load]:
        return (self.single, self.together, self.single_word, self.words_together)


def plan(people: int, tokens: int, ramp_ms: int, words: int) -> Plan:
    many = len(VOICES)
    single, together = (
        f"{people} people × {many} turns of one voice",
        f"{people} people × a turn of {many} voices",
    )
    return Plan(
        people,
        Load(single, people * many, people * many, tokens, gap_ms=20, ramp_ms=ramp_ms),
        Load(together, people, people, tokens, gap_ms=20, ramp_ms=ramp_ms, voices=many),
        Load("one token of one voice, alone", words, 1, tokens=1),
        Load(f"one token of each of {many} voices, alone", words, 1, tokens=1, voices=many),
    )


FULL = plan(people=20, tokens=500, ramp_ms=2000, words=100)
TINY = plan(people=2, tokens=10, ramp_ms=20, words=3)


def section(folder: Path, rounds: int, *, tiny: bool = False) -> Section:
    results = measure(folder, rounds, TINY if tiny else FULL)
    return Section(report(results), [chart(results)])


def measure(folder: Path, rounds: int, plan: Plan) -> list[Result]:
    with Stand(folder, plan.loads) as stand:
        chatapp = stand.chatapp("chatapp")
        process = chatapp.process()
        trial = _Trial(stand, chatapp.people_file(plan.people))
        with process:
            warm_up(chatapp)
            return [
                result
                for number in range(1, rounds + 1)
                for result in [
                    trial.run(number, plan.single, (stand.contender(NoServer), None)),
                    *(trial.run(number, load, (chatapp, process)) for load in plan.loads),
                ]
            ]


@dataclass(frozen=True, slots=True)
class _Trial:
    stand: Stand
    people: Path

    def run(self, number: int, load: Load, server: Server) -> Result:
        contender, process = server
        sys.stderr.write(f"round {number}: {load.name}: {contender.name}\n")
        before_s, upstream_s = _cpu_s(process), self.stand.upstream.cpu_s()
        body, people = contender.body_file(load), self.people if isinstance(contender, Chatapp) else None
        # Who streams says so itself, and nobody twice: the header of the one user that all loads have stays out.
        heard = put(load, self.stand.tools_core, contender.port, contender.path, body, {}, people)
        time.sleep(SETTLE_S)
        used_s, upstream_used_s = _cpu_s(process) - before_s, self.stand.upstream.cpu_s() - upstream_s
        return Result(number, contender.name, load, heard, used_s, upstream_used_s)


def _cpu_s(process: PinnedProcess | None) -> float:
    return process.cpu_s() if process else 0.0


_HEADING = (
    "## What several voices of a turn cost\n\n"
    "The same number of generations, 50 tokens/s each, by 20 people: on a connection of their own, or five to a turn "
    "and its one connection. CPU is all that chatapp used, requests and saving included, divided by the tokens. Added "
    "delay is what a token has more than with no server at all. Then messages of one token, one after the other on a "
    "server that has nothing else to do, until the first voice has begun and until all have.\n"
)
_HEAD = (
    "load",
    "CPU µs per token",
    "× one voice",
    "CPU ms per generation",
    "ms to the first token, median",
    "to the last voice's first",
    "added ms of delay, p99",
    "server's core",
    "tools' core",
)


def report(results: Sequence[Result]) -> str:
    own = [result for result in results if result.server == Chatapp.name]
    limits = [
        sentence
        for load in _loads(own)
        for sentence in sentences(load.name, [result.usage for result in _of(load, own)])
    ]
    rows = [_row(load, results) for load in _loads(own)]
    return "\n".join([_HEADING, table(_HEAD, rows), bullets(limits), *_marks(results)])


def _marks(results: Sequence[Result]) -> list[str]:
    streamed, words = _together(results)
    return [
        VOICES_COST.line(_times(streamed, results)),
        VOICES_FIRST.line(_later(words, results, lambda heard: heard.first_token_p50_ms), "the first voice"),
        VOICES_FIRST.line(_later(words, results, lambda heard: heard.all_began_p50_ms), "the last voice"),
        VOICES_DELAY.line(_added(streamed, results)),
    ]


def _together(results: Sequence[Result]) -> tuple[Load, Load]:
    """The two loads of several voices: of many tokens, and of one."""
    streamed, words = (load for load in _loads(results) if load.voices > 1)
    return streamed, words


def _later(load: Load, results: Sequence[Result], figure: Callable[[Heard], float]) -> list[float]:
    """By how many ms `figure` is later than the first token of one voice."""
    own = {result.round: figure(result.heard) for result in _of(load, results)}
    return [
        own[result.round] - result.heard.first_token_p50_ms for result in _of(_alone(load, results), results)
    ]


def _times(load: Load, results: Sequence[Result]) -> list[float]:
    """What a token of several voices costs, to what one of a single voice does in the same round."""
    singles = {result.round: result.us_per_token for result in _of(_alone(load, results), results)}
    return [result.us_per_token / singles[result.round] for result in _of(load, results)]


def _alone(load: Load, results: Sequence[Result]) -> Load:
    """The load of one voice with as many tokens."""
    return next(each for each in _loads(results) if each.voices == 1 and each.tokens == load.tokens)


def _added(load: Load, results: Sequence[Result]) -> list[float]:
    direct = {result.round: result.heard.delay_p99_ms for result in results if result.server == NoServer.name}
    return [result.heard.delay_p99_ms - direct[result.round] for result in _of(load, results)]


def _loads(results: Sequence[Result]) -> list[Load]:
    return list(dict.fromkeys(result.load for result in results))


def _of(load: Load, results: Sequence[Result]) -> list[Result]:
    """Chatapp's results with that load."""
    return [result for result in results if result.load == load and result.server == Chatapp.name]


def _row(load: Load, results: Sequence[Result]) -> Sequence[str]:
    own, several = _of(load, results), load.voices > 1
    return (
        load.name,
        spread(result.us_per_token for result in own),
        spread(_times(load, results)) if several else "",
        spread(result.us_per_message / load.voices / 1000 for result in own),
        spread(result.heard.first_token_p50_ms for result in own),
        spread(result.heard.all_began_p50_ms for result in own) if load.tokens == 1 else "",
        spread(_added(load, results)) if load.gap_ms else "",
        share(result.server_share for result in own),
        share(result.tools_share for result in own),
    )


def chart(results: Sequence[Result]) -> Chart:
    streamed, _ = _together(results)
    bars = [
        (load.name, [result.us_per_token for result in _of(load, results)])
        for load in (_alone(streamed, results), streamed)
    ]
    title = "Several voices of a turn, beside turns of one voice"
    return Chart("token", title, bar_chart(title, "CPU µs per token", bars))
