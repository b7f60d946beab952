"""From figures to places: scales and where their ticks stand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_STEPS = (1, 2, 2.5, 5, 10)
_MOST_TICKS = 6


@dataclass(frozen=True, slots=True)
class Scale:
    """Figures from `least` to `most` on a way of pixels from `start` to `end`, evenly or by their logarithms."""

    least: float
    most: float
    start: float
    end: float
    logarithmic: bool = False

    def place(self, figure: float) -> float:
        """What lies beyond an end stands at it."""
        low, high, here = (self._even(each) for each in (self.least, self.most, figure))
        part = min(1.0, max(0.0, (here - low) / (high - low)))
        return self.start + part * (self.end - self.start)

    def _even(self, figure: float) -> float:
        return math.log10(max(figure, self.least)) if self.logarithmic else figure

    @property
    def ticks(self) -> list[float]:
        if not self.logarithmic:
            return _even_ticks(self.most)
        powers = range(round(math.log10(self.least)), round(math.log10(self.most)) + 1)
        return [10.0**power for power in powers]


def scale_for(figures: Sequence[float], start: float, end: float) -> Scale:
    """From zero to a round figure that nothing exceeds."""
    return Scale(0, _even_ticks(max([*figures, 1e-9]))[-1], start, end)


def logarithmic_scale_for(figures: Sequence[float], start: float, end: float, least: float = 0.1) -> Scale:
    """From `least`, a power of ten, to another that nothing exceeds."""
    most = max([*figures, least * 10])
    return Scale(least, 10.0 ** math.ceil(math.log10(most) - 1e-9), start, end, logarithmic=True)


def _even_ticks(most: float) -> list[float]:
    """Round figures from zero to one that is at least `most`."""
    power = 10.0 ** math.floor(math.log10(most / _MOST_TICKS))
    step = next(each * power for each in _STEPS if each * power * _MOST_TICKS >= most * (1 - 1e-9))
    return [number * step for number in range(math.ceil(most / step - 1e-9) + 1)]


def label(tick: float) -> str:
    return f"{tick:,.0f}" if tick >= 10 or tick == round(tick) else f"{tick:g}"
