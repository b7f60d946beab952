"""What set the pace of a load: the server that is measured, or those that measure it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from bench.knee import MOST_TIMES
from bench.table import rounded

FULL_SHARE = 0.9
"""Of a core: who uses more than this is what a load ran into."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Of one run: shares of the server's core and of the one that upstream and the load client have together; how
    long it took, and would have taken if nobody had been late, in seconds (0 where nothing set a pace)."""

    server_share: float
    tools_share: float
    seconds: float = 0.0
    nominal_s: float = 0.0


def sentences(name: str, usages: Sequence[Usage]) -> list[str]:
    """About the runs in which something else than the server set the pace, or the pace was not kept."""
    server, tools = (
        median(getattr(usage, side) for usage in usages) for side in ("server_share", "tools_share")
    )
    nominal_s, seconds = usages[0].nominal_s, median(usage.seconds for usage in usages)
    found = []
    if tools > FULL_SHARE:
        found.append(f"{name}: upstream and the load client used their core up: they were the limit.")
    elif not nominal_s and server < FULL_SHARE:
        found.append(
            f"{name}: the server's core was idle {1 - server:.0%} of the time, waiting for its peers."
        )
    if nominal_s and seconds > nominal_s * MOST_TIMES:
        found.append(f"{name}: fell behind: {rounded(seconds)} s for a load of {rounded(nominal_s)} s.")
    return found


def bullets(lines: Iterable[str]) -> str:
    """A list in Markdown; what there is to say when there is nothing, too."""
    found = "".join(f"- {line}\n" for line in lines)
    return found or "Neither upstream nor the load client was the limit.\n"
