"""More and more streams, until a server no longer keeps up with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from bench.contender import CONTENDERS, SPARE_FILES, NoServer
from bench.knee import MOST_DELAY_MS, holds, last_held
from bench.limit import bullets
from bench.line_chart import line_chart
from bench.load import Load
from bench.process import most_open_files, open_files
from bench.section import Chart, Section
from bench.stand import Server, Stand
from bench.steady import Run, stream
from bench.steady_report import added, limits, of, servers
from bench.table import share, spread, table

STREAMS = (100, 250, 500, 750, 1000, 1250, 1500, 2000)


def step(streams: int, tokens: int = 251) -> Load:
    name = f"{streams:,} streams × 50 tokens/s"
    return Load(name, streams=streams, at_once=streams, tokens=tokens, gap_ms=20, paused=True)


FULL = [step(streams) for streams in STREAMS]
TINY = [step(streams, tokens=11) for streams in (2, 4)]


def section(folder: Path, rounds: int, *, tiny: bool = False) -> Section:
    wanted = TINY if tiny else FULL
    possible = [load for load in wanted if _files(load) <= most_open_files()]
    runs = measure(folder, rounds, possible)
    left_out = [f"Not measured, for want of open files (`ulimit -Hn`): {load.name}.\n" for load in wanted]
    return Section("\n".join([report(runs), *left_out[len(possible) :]]), charts(runs))


def _files(load: Load) -> int:
    return load.streams * 2 + SPARE_FILES


def measure(folder: Path, rounds: int, loads: Sequence[Load]) -> list[Run]:
    with (
        open_files(_files(loads[-1])),
        Stand(folder, loads) as stand,
        stand.servers(CONTENDERS) as servers,
    ):
        return [
            run for number in range(1, rounds + 1) for run in _Ramp(stand, number, servers).climbed(loads)
        ]


class _Ramp:
    """One round: every server that still holds takes each step in turn."""

    def __init__(self, stand: Stand, number: int, servers: Sequence[Server]) -> None:
        self._stand = stand
        self._number = number
        self._standing = list(servers)

    def climbed(self, loads: Sequence[Load]) -> list[Run]:
        runs = []
        for load in loads:
            direct: Run | None = None
            for server in list(self._standing):
                run = self._stepped(load, server, direct)
                runs.append(run)
                direct = direct or run
                if not _holds(run, direct):
                    self._standing.remove(server)
            if direct is None or not _holds(direct, direct):
                break
        return runs

    def _stepped(self, load: Load, server: Server, direct: Run | None) -> Run:
        run = self._streamed(load, server)
        return run if _holds(run, direct or run) else self._streamed(load, server)

    def _streamed(self, load: Load, server: Server) -> Run:
        contender, process = server
        stand = self._stand
        return stream(self._number, load, contender, process, stand.upstream, stand.tools_core)


def _holds(run: Run, direct: Run) -> bool:
    """No server at all has nobody's delay but its own to be told by."""
    others = 0.0 if run is direct else direct.heard.delay_p99_ms
    usage = run.usage
    return holds(run.heard.delay_p99_ms - others, usage.seconds, usage.nominal_s)


_HEADING = (
    "## How many streams a core carries\n\n"
    "More and more streams of 50 tokens/s, each step opened before it is let go, until the 99th percentile of the "
    f"delay that the server adds is above {MOST_DELAY_MS:.0f} ms or tokens fall behind. A step that does not hold is "
    "tried once more, and the second time counts.\n"
)
_KNEE = ("server", "streams that held", "its core there", "added ms of delay there, p99", "what came next")
_STEPS = ("streams", "server", "CPU µs per token", "added ms of delay, p99", "server's core", "tools' core")


def report(runs: Sequence[Run]) -> str:
    names = servers(runs)
    loads = list(dict.fromkeys(run.load for run in runs))
    steps = [_step(load, name, runs) for load in loads for name in names if _at(load, name, runs)]
    told = [
        f"{load.name}: {sentence}"
        for load in loads
        for sentence in limits([r for r in runs if r.load == load])
    ]
    return "\n".join(
        [_HEADING, table(_KNEE, [_knee(name, runs) for name in names]), table(_STEPS, steps), bullets(told)]
    )


def knees(name: str, runs: Sequence[Run]) -> list[int]:
    """The last load that held, in each round."""
    direct = {(run.round, run.load): run for run in of(NoServer.name, runs)}
    own = of(name, runs)
    return [
        last_held(
            (run.load.streams, _holds(run, direct[number, run.load])) for run in own if run.round == number
        )
        for number in dict.fromkeys(run.round for run in own)
    ]


def _knee(name: str, runs: Sequence[Run]) -> Sequence[str]:
    found = knees(name, runs)
    own = of(name, runs)
    sizes = sorted({run.load.streams for run in own})
    held = max((size for size in sizes if size <= median(found)), default=0)
    there = [run for run in own if run.load.streams == held]
    beyond = [
        run for run in own if run.load.streams == min((size for size in sizes if size > held), default=0)
    ]
    return (
        name,
        spread(found),
        share(run.server_share for run in there) if there else "",
        spread(added(there, runs)) if there else "",
        _what_came(beyond, runs),
    )


def _what_came(beyond: Sequence[Run], runs: Sequence[Run]) -> str:
    if not beyond:
        return "the ramp's end"
    load = beyond[0].load
    return f"{load.streams:,}: {spread(added(beyond, runs))} ms, core {share(run.server_share for run in beyond)}"


def _at(load: Load, name: str, runs: Sequence[Run]) -> list[Run]:
    return [run for run in of(name, runs) if run.load == load]


def _step(load: Load, name: str, runs: Sequence[Run]) -> Sequence[str]:
    own = _at(load, name, runs)
    return (
        f"{load.streams:,}",
        name,
        spread(run.us_per_token for run in own),
        spread(added(own, runs)),
        share(run.server_share for run in own),
        share(run.tools_share for run in own),
    )


def charts(runs: Sequence[Run]) -> list[Chart]:
    loads = sorted({run.load for run in runs}, key=lambda load: load.streams)
    taken = {
        name: [(load.streams, _at(load, name, runs)) for load in loads if _at(load, name, runs)]
        for name in servers(runs)
    }
    shares = {
        name: [(float(streams), [run.server_share * 100 for run in own]) for streams, own in steps]
        for name, steps in taken.items()
    }
    delays = {
        name: [(float(streams), added(own, runs)) for streams, own in steps] for name, steps in taken.items()
    }
    core, delay = "Server's core by streams of 50 tokens/s", "Added delay by streams of 50 tokens/s"
    return [
        Chart("core", core, line_chart(core, ("streams", "% of one core"), shares)),
        Chart(
            "delay",
            delay,
            line_chart(delay, ("streams", "ms, p99"), delays, most=MOST_DELAY_MS, logarithmic=True),
        ),
    ]
