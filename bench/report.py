"""The results as Markdown: medians with their spread, and ratios within each round."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median

from bench.contender import Nginx
from bench.load import Load
from bench.run import DIRECT, Result

FULL_SHARE = 0.9
"""Of a core: who uses more than this is what a load ran into."""
_PACKAGES = ("gunicorn", "gevent", "flask", "openai")


def report(results: Sequence[Result], rounds: int) -> str:
    loads = list(dict.fromkeys(result.load for result in results))
    tables = [_table(load, [result for result in results if result.load == load]) for load in loads]
    return "\n".join([_machine(rounds), *tables])


def _machine(rounds: int) -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return (
        f"## What a token costs\n\n"
        f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, {packages}, {_nginx()}. "
        f"Server on one core, upstream and load client on another. {rounds} rounds: median (least to most). "
        f"CPU is all that a server used, divided by the tokens or messages of the load. "
        f"Time to first token and delay are what the server adds to no server at all.\n"
    )


def _table(load: Load, results: Sequence[Result]) -> str:
    servers = [name for name in dict.fromkeys(result.server for result in results) if name != DIRECT]
    lines = [
        f"### {load.name}\n",
        "| server | CPU µs per token | × nginx | × plain view | CPU ms per message | added ms to first token, median "
        "| p99 | added ms of delay, p99 | tokens/s | server's core | tools' core |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [_row(name, results) for name in servers]
    lines += ["", *_limits(load, servers, results)]
    return "\n".join(lines)


def _row(name: str, results: Sequence[Result]) -> str:
    own = [result for result in results if result.server == name]
    direct = {result.round: result for result in results if result.server == DIRECT}

    def added(figure: Callable[[Result], float]) -> str:
        return _spread(figure(result) - figure(direct[result.round]) for result in own)

    cells = [
        name,
        _spread(result.us_per_token for result in own),
        _ratio(own, results, Nginx.name),
        _ratio(own, results, "plain view"),
        _spread(result.us_per_message / 1000 for result in own),
        added(lambda result: result.heard.first_token_p50_ms),
        added(lambda result: result.heard.first_token_p99_ms),
        added(lambda result: result.heard.delay_p99_ms),
        _spread(result.heard.tokens / result.heard.seconds for result in own),
        f"{median(result.server_share for result in own):.0%}",
        f"{median(result.tools_share for result in own):.0%}",
    ]
    return f"| {' | '.join(cells)} |"


def _ratio(own: Sequence[Result], results: Sequence[Result], other: str) -> str:
    """Of the CPU per token, each to the other's of the same round."""
    others = {result.round: result.us_per_token for result in results if result.server == other}
    ratios = [result.us_per_token / others[result.round] for result in own if result.round in others]
    return _spread(ratios) if ratios else ""


def _limits(load: Load, servers: Iterable[str], results: Sequence[Result]) -> list[str]:
    """Sentences about the runs in which something else than the server set the pace."""
    sentences = []
    for name in servers:
        own = [result for result in results if result.server == name]
        tools = median(result.tools_share for result in own)
        server = median(result.server_share for result in own)
        seconds = median(result.heard.seconds for result in own)
        if tools > FULL_SHARE:
            sentences.append(
                f"- {name}: upstream and the load client used their core up: they were the limit."
            )
        elif not load.gap_ms and server < FULL_SHARE:
            sentences.append(
                f"- {name}: the server's core was idle {1 - server:.0%} of the time, waiting for its peers."
            )
        if load.gap_ms and seconds > load.nominal_s * 1.05:
            sentences.append(f"- {name}: fell behind: {seconds:.1f} s for a load of {load.nominal_s:.1f} s.")
    return [*sentences, ""] if sentences else []


def _spread(values: Iterable[float]) -> str:
    figures = sorted(values)
    low, middle, high = map(_rounded, (figures[0], median(figures), figures[-1]))
    return middle if low == high else f"{middle} ({low} to {high})"


def _rounded(figure: float) -> str:
    return (
        f"{figure:,.0f}" if abs(figure) >= 100 else f"{figure:.1f}" if abs(figure) >= 10 else f"{figure:.2f}"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _nginx() -> str:
    program = Nginx.program()
    if program is None:
        return "no nginx"
    return (
        subprocess.run([program, "-v"], capture_output=True, text=True, check=True)
        .stderr.strip()
        .rpartition(" ")[2]
    )
