"""When the tokens of a stream arrived: gaps, percentiles, a histogram, bursts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from chatapp.doctor.plain import seconds
from chatapp.doctor.stream import PAUSE_S

_EDGES_S = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
_BAR = 40
"""Characters of the longest bar."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """`times` are those of the tokens, `pieces` when how many bytes of the body came; both in order, in seconds."""

    times: Sequence[float]
    pieces: Sequence[tuple[float, int]]

    @property
    def gaps(self) -> list[float]:
        return [later - earlier for earlier, later in pairwise(self.times)]

    @property
    def span_s(self) -> float:
        """From the first token to the last."""
        return self.times[-1] - self.times[0] if self.times else 0.0

    @property
    def per_s(self) -> float:
        """Tokens in a second; 0 when that cannot be told."""
        return (len(self.times) - 1) / self.span_s if self.span_s > 0 else 0.0

    @property
    def pauses(self) -> list[float]:
        """The gaps that somebody who reads would notice."""
        return [gap for gap in self.gaps if gap >= PAUSE_S]

    def percentile(self, share: float) -> float:
        """The gap that this share of gaps does not exceed."""
        ordered = sorted(self.gaps)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0

    @property
    def burst_bytes(self) -> list[int]:
        """How many bytes came between two pauses, for each such stretch that a pause followed."""
        found, size, last = [], 0, None
        for at, count in self.pieces:
            if last is not None and at - last >= PAUSE_S:
                found.append(size)
                size = 0
            size, last = size + count, at
        return found

    def summary(self) -> str:
        """The percentiles on one line."""
        told = ((0.5, "median"), (0.9, "p90"), (0.99, "p99"), (1.0, "longest"))
        return ", ".join(f"{name} {seconds(self.percentile(share))}" for share, name in told)

    def histogram(self) -> list[str]:
        """One line for each class of gaps between the first and the last that has any."""
        counts = [0] * (len(_EDGES_S) + 1)
        for gap in self.gaps:
            counts[sum(gap >= edge for edge in _EDGES_S)] += 1
        filled = [index for index, count in enumerate(counts) if count]
        if not filled:
            return []
        most = max(counts)
        return [
            f"{_label(index):>10} {counts[index]:>5} {'█' * round(_BAR * counts[index] / most)}".rstrip()
            for index in range(filled[0], filled[-1] + 1)
        ]


def _label(index: int) -> str:
    if index == len(_EDGES_S):
        return f"≥ {seconds(_EDGES_S[-1])}"
    return f"< {seconds(_EDGES_S[index])}"
