"""What others do to the streams of a server: they must not notice."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.bar_chart import bar_chart
from bench.contender import Chatapp, NoServer
from bench.conversation import hold
from bench.disturbance import Disturbance, Nobody, Repeated, SlowReader, body_of
from bench.limit import bullets, sentences
from bench.load import Load
from bench.mark import FAIRNESS
from bench.process import PinnedProcess
from bench.section import Chart, Section
from bench.stand import Stand, warm_up
from bench.steady import Run, stream
from bench.steady_report import added
from bench.table import share, spread, table

NOTHING = "nothing"
BODY_BYTES = 262_000
"""Just below what a request's body may have."""
FLAT_OUT = Load("flat out", streams=1, at_once=1, tokens=20_000)
ENDLESS = Load("a long reply flat out", streams=1, at_once=1, tokens=200_000)


@dataclass(frozen=True, slots=True)
class Plan:
    """The streams that are measured, and how many messages the conversation holds that is looked at meanwhile."""

    load: Load
    messages: int


FULL = Plan(Load("100 streams × 50 tokens/s", 100, 100, tokens=501, gap_ms=20, paused=True), 5000)
TINY = Plan(Load("3 streams × 50 tokens/s", 3, 3, tokens=21, gap_ms=20, paused=True), 20)


@dataclass(frozen=True, slots=True)
class Result:
    """One run beside one disturbance, and what that did."""

    disturbance: str
    run: Run
    told: str


def section(folder: Path, rounds: int, *, tiny: bool = False) -> Section:
    results = measure(folder, rounds, TINY if tiny else FULL)
    return Section(report(results), [chart(results)])


def measure(folder: Path, rounds: int, plan: Plan) -> list[Result]:
    with Stand(folder, [plan.load, FLAT_OUT, ENDLESS]) as stand:
        chatapp = stand.chatapp("chatapp")
        process = chatapp.process()
        with chatapp.database() as database:
            (session_id,) = hold(database, plan.messages)
        with process:
            warm_up(chatapp)
            trial = _Trial(stand, chatapp, process, plan.load)
            disturbances = _disturbances(stand, chatapp, session_id)
            return [
                result
                for number in range(1, rounds + 1)
                for result in [
                    trial.direct(number),
                    *(trial.run(number, *each) for each in disturbances.items()),
                ]
            ]


def _disturbances(stand: Stand, chatapp: Chatapp, session_id: str) -> Mapping[str, Callable[[], Disturbance]]:
    upload, paths = body_of(stand.folder, BODY_BYTES), stand.folder / "looked-at"
    paths.write_text(f"/api/v1/conversations/{session_id}/messages?limit=100\n/c/{session_id}", "utf-8")
    flat_out, post = ["-u", chatapp.path, "-d", str(chatapp.body_file(FLAT_OUT))], ["-u", chatapp.path, "-d"]

    def repeated(at_once: int, asked: Sequence[str]) -> Callable[[], Disturbance]:
        return lambda: Repeated(chatapp, stand.tools_core, at_once, asked)

    return {
        NOTHING: Nobody,
        "one stream flat out, over and over": repeated(1, flat_out),
        "one slow reader of a stream flat out": lambda: SlowReader(chatapp, chatapp.body_file(ENDLESS)),
        "uploads of 262,000 bytes, four at once": repeated(4, [*post, str(upload)]),
        "a long conversation, looked at by two": repeated(2, ["-l", str(paths)]),
    }


@dataclass(frozen=True, slots=True)
class _Trial:
    stand: Stand
    chatapp: Chatapp
    process: PinnedProcess
    load: Load

    def direct(self, number: int) -> Result:
        """No server at all, and nobody who disturbs."""
        nobody = self.stand.contender(NoServer)
        run = stream(number, self.load, nobody, None, self.stand.upstream, self.stand.tools_core)
        return Result(NOTHING, run, "")

    def run(self, number: int, name: str, disturbance: Callable[[], Disturbance]) -> Result:
        sys.stderr.write(f"beside {name}: ")
        meanwhile = disturbance()
        upstream, core = self.stand.upstream, self.stand.tools_core
        run = stream(number, self.load, self.chatapp, self.process, upstream, core, lambda: meanwhile)
        return Result(name, replace(run, tools_share=run.tools_share + meanwhile.share), meanwhile.told)


_HEADING = (
    "## What one reader does to the others\n\n"
    "Paced streams of chatapp, opened first, while somebody else does something else to the same process, over and "
    "over. Delay is what the paced streams have more than with no server at all and nobody beside. The others' client "
    "shares the tools' core at a lower priority.\n"
)
_HEAD = (
    "beside",
    "what was done meanwhile",
    "added ms of delay, median",
    "p99",
    "server's core",
    "tools' core",
)


def report(results: Sequence[Result]) -> str:
    names = _names(results)
    runs = [result.run for result in results]
    limits = [
        sentence for name in names for sentence in sentences(name, [run.usage for run in _of(name, results)])
    ]
    marks = [FAIRNESS.line(added(_of(name, results), runs), f"beside {name}") for name in names]
    rows = [_row(name, results) for name in names]
    title = f"### {results[0].run.load.name}\n"
    return "\n".join([_HEADING, title, table(_HEAD, rows), bullets(limits), *marks])


def _names(results: Sequence[Result]) -> list[str]:
    return list(dict.fromkeys(result.disturbance for result in results))


def _of(name: str, results: Sequence[Result]) -> list[Run]:
    """Chatapp's runs beside it."""
    return [
        result.run for result in results if result.disturbance == name and result.run.server == Chatapp.name
    ]


def _row(name: str, results: Sequence[Result]) -> Sequence[str]:
    own, runs = _of(name, results), [result.run for result in results]
    told = dict.fromkeys(result.told for result in results if result.disturbance == name and result.told)
    return (
        name,
        "; ".join(told),
        spread(added(own, runs, lambda run: run.heard.delay_p50_ms)),
        spread(added(own, runs)),
        share(run.server_share for run in own),
        share(run.tools_share for run in own),
    )


def chart(results: Sequence[Result]) -> Chart:
    runs = [result.run for result in results]
    bars = [(name, added(_of(name, results), runs)) for name in _names(results)]
    title = f"{results[0].run.load.name}: added delay p99, beside"
    return Chart("delay", title, bar_chart(title, "ms", bars, FAIRNESS.most))
