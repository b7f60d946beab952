"""A thousand streams on one core: what a token costs, and how late it comes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.bar_chart import bar_chart
from bench.contender import SPARE_FILES, Chatapp, Nginx
from bench.limit import bullets
from bench.load import Load
from bench.mark import THOUSAND_COST, THOUSAND_DELAY
from bench.process import open_files
from bench.section import Chart, Section
from bench.stand import Stand
from bench.steady import Run, stream
from bench.steady_report import added, limits, of, servers, steady_table, times

FULL = Load("1,000 streams × 50 tokens/s", streams=1000, at_once=1000, tokens=501, gap_ms=20, paused=True)
TINY = Load("4 streams × 50 tokens/s", streams=4, at_once=4, tokens=11, gap_ms=20, paused=True)


def section(folder: Path, rounds: int, *, tiny: bool = False) -> Section:
    runs = measure(folder, rounds, TINY if tiny else FULL)
    return Section(report(runs), charts(runs))


def measure(folder: Path, rounds: int, load: Load) -> list[Run]:
    files = load.streams * 2 + SPARE_FILES
    with (
        open_files(files),
        Stand(folder, [load]) as stand,
        stand.servers((Chatapp, Nginx)) as servers,
    ):
        return [
            stream(number, load, contender, process, stand.upstream, stand.tools_core)
            for number in range(1, rounds + 1)
            for contender, process in servers
        ]


_HEADING = (
    "## A thousand streams on one core\n\n"
    "All streams are opened and have had their first token before the first figure is taken; then they are let go "
    "together. CPU per token is what the server used from then to the end, saving included; what opening a stream "
    "costs, the request and the first token, stands beside it. Delay is what the server adds to no server at all.\n"
)


def report(runs: Sequence[Run]) -> str:
    chatapp = of(Chatapp.name, runs)
    cost = THOUSAND_COST.line(times(chatapp, of(Nginx.name, runs)))
    delay = THOUSAND_DELAY.line(added(chatapp, runs))
    parts = [_HEADING, f"### {runs[0].load.name}\n", steady_table(runs), bullets(limits(runs)), cost, delay]
    return "\n".join(filter(None, parts))


def charts(runs: Sequence[Run]) -> list[Chart]:
    name = runs[0].load.name
    costs = [(server, [run.us_per_token for run in of(server, runs)]) for server in servers(runs)]
    delays = [(server, added(of(server, runs), runs)) for server in servers(runs)]
    cost, delay = f"{name}: CPU per token", f"{name}: added delay, p99"
    return [
        Chart("cost", cost, bar_chart(cost, "CPU µs per token", costs)),
        Chart("delay", delay, bar_chart(delay, "ms", delays, THOUSAND_DELAY.most)),
    ]
