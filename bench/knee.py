"""Where a growing load breaks a server."""

from __future__ import annotations

from collections.abc import Iterable

MOST_DELAY_MS = 50.0
"""The 99th percentile of the added delay above which a load no longer holds."""
MOST_TIMES = 1.05
"""How much longer than planned a load may take."""


def holds(added_p99_ms: float, seconds: float, nominal_s: float) -> bool:
    """Whether tokens came in time, and all of them."""
    return added_p99_ms <= MOST_DELAY_MS and seconds <= nominal_s * MOST_TIMES


def last_held(steps: Iterable[tuple[int, bool]]) -> int:
    """The greatest load up to which every one held; 0 where not even the least did. `steps` come in any order."""
    last = 0
    for load, held in sorted(steps):
        if not held:
            break
        last = load
    return last
