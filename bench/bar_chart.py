"""Bars with whiskers: the median of some figures, and the least and the greatest of them."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from bench.axis import label, scale_for
from bench.drawing import LETTER, Drawing, colour_of
from bench.table import spread

WIDTH, _TOP, _ROW, _BAR, _BOTTOM, _VALUE = 760, 64, 30, 18, 50, 180
Bar = tuple[str, Sequence[float]]


def bar_chart(title: str, unit: str, bars: Sequence[Bar], most: float | None = None) -> str:
    """SVG. `most` is a mark on the axis."""
    bars = [(name, figures) for name, figures in bars if figures]
    left = 24 + LETTER * max(len(name) for name, _ in bars)
    bottom = _TOP + _ROW * len(bars)
    scale = scale_for([*(max(figures) for _, figures in bars), most or 0], left, WIDTH - _VALUE)
    drawing = Drawing(title, WIDTH, bottom + _BOTTOM)
    for tick in scale.ticks:
        drawing.line(scale.place(tick), _TOP - 6, scale.place(tick), bottom, "grid")
        drawing.text(scale.place(tick), bottom + 17, label(tick), "faint", "middle")
    drawing.text((left + WIDTH - _VALUE) / 2, bottom + 38, unit, "faint", "middle")
    if most is not None:
        drawing.line(scale.place(most), _TOP - 6, scale.place(most), bottom, "mark")
        drawing.text(scale.place(most), _TOP - 9, f"mark: {label(most)}", "marked", "middle")
    for row, (name, figures) in enumerate(bars):
        middle = _TOP + _ROW * row + _ROW / 2
        low, high = scale.place(min(figures)), scale.place(max(figures))
        drawing.text(left - 8, middle + 4, name, anchor="end")
        drawing.bar(left, middle - _BAR / 2, scale.place(median(figures)) - left, _BAR, colour_of(name))
        if high - low >= 1:
            drawing.line(low, middle, high, middle, "whisker")
            for end in (low, high):
                drawing.line(end, middle - 5, end, middle + 5, "whisker")
        drawing.text(high + 8, middle + 4, spread(figures), "value")
    return drawing.svg()
