"""The relay's results as Markdown: medians with their spread, and ratios within each round."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from bench.bar_chart import bar_chart
from bench.contender import Chatapp, Nginx
from bench.limit import bullets, sentences
from bench.load import Load
from bench.mark import FLAT_OUT, PACED, SHORT_MESSAGE
from bench.run import DIRECT, Result
from bench.section import Chart
from bench.table import share, spread, table

_HEAD = (
    "server",
    "CPU µs per token",
    "× nginx",
    "× plain view",
    "CPU ms per message",
    "added ms to first token, median",
    "p99",
    "added ms of delay, p99",
    "tokens/s",
    "server's core",
    "tools' core",
)


def report(results: Sequence[Result]) -> str:
    loads = list(dict.fromkeys(result.load for result in results))
    parts = [_section(load, [result for result in results if result.load == load]) for load in loads]
    return "\n".join([_HEADING, *parts])


_HEADING = (
    "## What a token costs\n\n"
    "CPU is all that a server used, divided by the tokens or messages of the load. "
    "Time to first token and delay are what the server adds to no server at all.\n"
)


def _section(load: Load, results: Sequence[Result]) -> str:
    servers = _servers(results)
    parts = [f"### {load.name}\n", table(_HEAD, (_row(name, results) for name in servers))]
    parts.append(bullets(_limits(servers, results)))
    return "\n".join(filter(None, [*parts, _mark(load, results)]))


def _servers(results: Sequence[Result]) -> list[str]:
    return [name for name in dict.fromkeys(result.server for result in results) if name != DIRECT]


def _row(name: str, results: Sequence[Result]) -> Sequence[str]:
    own = [result for result in results if result.server == name]
    direct = {result.round: result for result in results if result.server == DIRECT}

    def added(figure: Callable[[Result], float]) -> str:
        return spread(figure(result) - figure(direct[result.round]) for result in own)

    return (
        name,
        spread(result.us_per_token for result in own),
        _ratio(own, results, Nginx.name),
        _ratio(own, results, "plain view"),
        spread(result.us_per_message / 1000 for result in own),
        added(lambda result: result.heard.first_token_p50_ms),
        added(lambda result: result.heard.first_token_p99_ms),
        added(lambda result: result.heard.delay_p99_ms),
        spread(result.heard.tokens / result.heard.seconds for result in own),
        share(result.server_share for result in own),
        share(result.tools_share for result in own),
    )


def _ratio(own: Sequence[Result], results: Sequence[Result], other: str) -> str:
    found = ratios(own, results, other)
    return spread(found) if found else ""


def ratios(own: Iterable[Result], results: Iterable[Result], other: str) -> list[float]:
    """Of the CPU per token, each to the other's of the same round."""
    others = {result.round: result.us_per_token for result in results if result.server == other}
    return [result.us_per_token / others[result.round] for result in own if result.round in others]


def _limits(servers: Iterable[str], results: Sequence[Result]) -> list[str]:
    """Sentences about the runs in which something else than the server set the pace."""
    return [
        sentence
        for name in servers
        for sentence in sentences(name, [result.usage for result in results if result.server == name])
    ]


def _mark(load: Load, results: Sequence[Result]) -> str:
    own = [result for result in results if result.server == Chatapp.name]
    if load.gap_ms:
        return PACED.line(ratios(own, results, Nginx.name))
    if load.tokens == 1:
        return SHORT_MESSAGE.line([result.us_per_message / 1000 for result in own])
    return FLAT_OUT.line([result.us_per_token for result in own])


def charts(results: Sequence[Result]) -> list[Chart]:
    """What a token costs each server, or a message where it is one token long; a chart for each load."""
    return [
        _chart(load, [result for result in results if result.load == load])
        for load in dict.fromkeys(result.load for result in results)
    ]


def _chart(load: Load, results: Sequence[Result]) -> Chart:
    short = load.tokens == 1
    unit = "CPU ms per message" if short else "CPU µs per token"
    bars = [
        (
            name,
            [
                result.us_per_message / 1000 if short else result.us_per_token
                for result in results
                if result.server == name
            ],
        )
        for name in _servers(results)
    ]
    title = f"{load.name}: {unit}"
    name = "message" if short else "paced" if load.gap_ms else "flat-out"
    return Chart(name, title, bar_chart(title, unit, bars))
