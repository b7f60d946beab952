"""The relay's results as Markdown: medians with their spread, and ratios within each round."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import median

from bench.contender import Nginx
from bench.load import Load
from bench.run import DIRECT, Result
from bench.table import share, spread, table

FULL_SHARE = 0.9
"""Of a core: who uses more than this is what a load ran into."""
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
    servers = [name for name in dict.fromkeys(result.server for result in results) if name != DIRECT]
    parts = [f"### {load.name}\n", table(_HEAD, (_row(name, results) for name in servers))]
    if limits := _limits(load, servers, results):
        parts.append("".join(f"- {sentence}\n" for sentence in limits))
    return "\n".join(parts)


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
    """Of the CPU per token, each to the other's of the same round."""
    others = {result.round: result.us_per_token for result in results if result.server == other}
    ratios = [result.us_per_token / others[result.round] for result in own if result.round in others]
    return spread(ratios) if ratios else ""


def _limits(load: Load, servers: Iterable[str], results: Sequence[Result]) -> list[str]:
    """Sentences about the runs in which something else than the server set the pace."""
    sentences = []
    for name in servers:
        own = [result for result in results if result.server == name]
        tools = median(result.tools_share for result in own)
        server = median(result.server_share for result in own)
        seconds = median(result.heard.seconds for result in own)
        if tools > FULL_SHARE:
            sentences.append(f"{name}: upstream and the load client used their core up: they were the limit.")
        elif not load.gap_ms and server < FULL_SHARE:
            sentences.append(
                f"{name}: the server's core was idle {1 - server:.0%} of the time, waiting for its peers."
            )
        if load.gap_ms and seconds > load.nominal_s * 1.05:
            sentences.append(f"{name}: fell behind: {seconds:.1f} s for a load of {load.nominal_s:.1f} s.")
    return sentences
