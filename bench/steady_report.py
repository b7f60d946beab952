"""Runs of streams that all run at once, as Markdown and as figures to compare."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from bench.contender import Nginx, NoServer, PlainView
from bench.limit import sentences
from bench.steady import Run
from bench.table import share, spread, table

_LATE_MS = 20
_HEAD = (
    "server",
    "CPU µs per token",
    "× nginx",
    "× plain view",
    "CPU ms to open a stream",
    "added ms of delay, median",
    "p99",
    "server's core",
    "tools' core",
)


def steady_table(runs: Sequence[Run]) -> str:
    """A row for each server. All runs are of one load."""
    return table(_HEAD, (_row(name, runs) for name in servers(runs)))


def servers(runs: Iterable[Run]) -> list[str]:
    return [name for name in dict.fromkeys(run.server for run in runs) if name != NoServer.name]


def of(name: str, runs: Iterable[Run]) -> list[Run]:
    return [run for run in runs if run.server == name]


def _row(name: str, runs: Sequence[Run]) -> Sequence[str]:
    own = of(name, runs)
    return (
        name,
        spread(run.us_per_token for run in own),
        _spread_or_nothing(times(own, of(Nginx.name, runs))),
        _spread_or_nothing(times(own, of(PlainView.name, runs))),
        spread(run.opening_s / run.load.streams * 1000 for run in own),
        spread(added(own, runs, lambda run: run.heard.delay_p50_ms)),
        spread(added(own, runs)),
        share(run.server_share for run in own),
        share(run.tools_share for run in own),
    )


def _spread_or_nothing(figures: Sequence[float]) -> str:
    return spread(figures) if figures else ""


def times(own: Iterable[Run], others: Iterable[Run]) -> list[float]:
    """The CPU per token of each run, to the other's of the same round."""
    per_round = {run.round: run.us_per_token for run in others}
    return [run.us_per_token / per_round[run.round] for run in own if run.round in per_round]


def added(
    own: Iterable[Run],
    runs: Iterable[Run],
    figure: Callable[[Run], float] = lambda run: run.heard.delay_p99_ms,
) -> list[float]:
    """What each run has more than no server at all with the same load in the same round: p99 of the delay, in
    milliseconds, where no other figure is asked for."""
    direct = {(run.round, run.load): figure(run) for run in of(NoServer.name, runs)}
    return [figure(run) - direct[run.round, run.load] for run in own]


def limits(runs: Sequence[Run]) -> list[str]:
    """Sentences about what set the pace, no server at all included."""
    found = []
    for name in dict.fromkeys(run.server for run in runs):
        own = of(name, runs)
        found += sentences(name, [run.usage for run in own])
        late_ms = max(run.late_ms for run in own)
        if late_ms > _LATE_MS:
            found.append(f"{name}: upstream itself sent a token {late_ms:.0f} ms late at worst.")
    return found
