"""Lines over a growing load: medians, with whiskers where the rounds differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from bench.axis import label, logarithmic_scale_for, scale_for
from bench.drawing import Drawing, colour_of

WIDTH, HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 760, 380, 70, 130, 56, 316
Points = Sequence[tuple[float, Sequence[float]]]


def line_chart(
    title: str,
    units: tuple[str, str],
    series: Mapping[str, Points],
    *,
    most: float | None = None,
    logarithmic: bool = False,
) -> str:
    """SVG. `units` are those of the axis below and of the one beside; `most` is a mark on the latter."""
    across = scale_for([x for points in series.values() for x, _ in points], _LEFT, WIDTH - _RIGHT)
    figures = [y for points in series.values() for _, values in points for y in values]
    up = (logarithmic_scale_for if logarithmic else scale_for)([*figures, most or 0], _BOTTOM, _TOP)
    drawing = Drawing(title, WIDTH, HEIGHT)
    for tick in up.ticks:
        drawing.line(_LEFT, up.place(tick), WIDTH - _RIGHT, up.place(tick), "grid")
        drawing.text(_LEFT - 8, up.place(tick) + 4, label(tick), "faint", "end")
    for tick in across.ticks:
        drawing.line(across.place(tick), _BOTTOM, across.place(tick), _BOTTOM + 5, "grid")
        drawing.text(across.place(tick), _BOTTOM + 20, label(tick), "faint", "middle")
    drawing.text((_LEFT + WIDTH - _RIGHT) / 2, _BOTTOM + 44, units[0], "faint", "middle")
    drawing.text(16, _TOP - 10, units[1], "faint")
    if most is not None:
        drawing.line(_LEFT, up.place(most), WIDTH - _RIGHT, up.place(most), "mark")
        drawing.text(WIDTH - _RIGHT + 6, up.place(most) + 4, f"mark: {label(most)}", "marked")
    for number, (name, points) in enumerate(series.items()):
        colour = colour_of(name)
        places = [(across.place(x), up.place(median(values))) for x, values in points]
        drawing.curve(places, colour)
        for (x, y), (_, values) in zip(places, points, strict=True):
            drawing.line(x, up.place(min(values)), x, up.place(max(values)), "whisker")
            drawing.dot(x, y, colour)
        drawing.dot(WIDTH - _RIGHT + 10, _TOP + 20 * number, colour)
        drawing.text(WIDTH - _RIGHT + 20, _TOP + 20 * number + 4, name, f"{colour} name")
    return drawing.svg()
