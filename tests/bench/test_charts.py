"""Charts: what stands where."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as some

from bench.axis import Scale, label, logarithmic_scale_for, scale_for
from bench.bar_chart import bar_chart
from bench.line_chart import line_chart

SVG = "{http://www.w3.org/2000/svg}"


def parts(svg: str, tag: str, kind: str) -> list[dict[str, str]]:
    """The attributes of the elements of that class."""
    found = ElementTree.fromstring(svg).iter(f"{SVG}{tag}")
    return [each.attrib for each in found if kind in each.get("class", "").split()]


def words(svg: str) -> list[str]:
    return [each.text or "" for each in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@given(some.floats(1e-3, 1e7))
def test_ticks_begin_at_zero_and_end_where_nothing_exceeds_them(most: float) -> None:
    scale = scale_for([most], 0, 100)
    ticks = scale.ticks
    assert ticks[0] == 0
    assert ticks[-1] == scale.most >= most * (1 - 1e-9)
    assert 2 <= len(ticks) <= 8
    steps = [after - before for before, after in pairwise(ticks)]
    assert steps == pytest.approx([steps[0]] * len(steps))


def test_ticks_are_round() -> None:
    assert scale_for([47], 0, 1).ticks == [0, 10, 20, 30, 40, 50]
    assert [label(tick) for tick in (0, 0.25, 5, 1500, 12.4)] == ["0", "0.25", "5", "1,500", "12"]


def test_an_even_scale_places_by_proportion() -> None:
    scale = Scale(0, 200, 100, 300)
    assert [scale.place(figure) for figure in (0, 50, 200)] == [100, 150, 300]


def test_a_scale_may_run_upwards() -> None:
    assert Scale(0, 10, 300, 100).place(2.5) == 250


def test_what_lies_beyond_stands_at_the_end() -> None:
    assert [Scale(0, 10, 0, 100).place(figure) for figure in (-3, 12)] == [0, 100]


def test_a_logarithmic_scale_places_by_powers() -> None:
    scale = logarithmic_scale_for([0.5, 900], 0, 400)
    assert scale.ticks == pytest.approx([0.1, 1, 10, 100, 1000])
    assert [scale.place(figure) for figure in (0.1, 1, 1000)] == pytest.approx([0, 100, 400])
    assert scale.place(-5) == 0


def test_bars_are_as_long_as_their_medians() -> None:
    svg = bar_chart("Costs", "µs", [("one", [10, 20, 30]), ("other", [40])])

    one, other = parts(svg, "rect", "bar")
    assert 2 * float(one["width"]) == pytest.approx(float(other["width"]), abs=0.2)
    assert one["x"] == other["x"]
    assert {"Costs", "µs", "one", "other", "20.0 (10.0 to 30.0)", "40.0"} <= set(words(svg))


def test_a_whisker_goes_from_the_least_to_the_greatest() -> None:
    svg = bar_chart("Costs", "µs", [("one", [10, 20, 30]), ("other", [40])])

    bar = parts(svg, "rect", "bar")[0]
    line, *ends = parts(svg, "line", "whisker")
    middle = float(bar["x"]) + float(bar["width"])
    assert float(line["x1"]) < middle < float(line["x2"])
    assert float(line["x2"]) - middle == pytest.approx(middle - float(line["x1"]), abs=0.2)
    assert [end["x1"] for end in ends] == [line["x1"], line["x2"]]


def test_a_mark_stands_on_the_axis_even_beyond_every_bar() -> None:
    svg = bar_chart("Costs", "µs", [("one", [10])], most=80)

    (mark,) = parts(svg, "line", "mark")
    bar = parts(svg, "rect", "bar")[0]
    assert (float(mark["x1"]) - float(bar["x"])) / float(bar["width"]) == pytest.approx(8, abs=0.1)
    assert "mark: 80" in words(svg)


def test_what_has_no_figure_has_no_bar() -> None:
    assert len(parts(bar_chart("Costs", "µs", [("one", [1]), ("none", [])]), "rect", "bar")) == 1


def test_lines_go_through_their_medians() -> None:
    svg = line_chart("Core", ("streams", "%"), {"chatapp": [(100, [10, 30, 20]), (200, [40])]})

    (curve,) = parts(svg, "polyline", "curve")
    (x1, y1), (x2, y2) = [tuple(map(float, point.split(","))) for point in curve["points"].split()]
    bottom = max(float(line["y1"]) for line in parts(svg, "line", "grid") if line["y1"] == line["y2"])
    assert bottom - y2 == pytest.approx(2 * (bottom - y1), abs=0.3)
    assert x2 - 70 == pytest.approx(2 * (x1 - 70), abs=0.3)
    assert {"Core", "streams", "%", "chatapp", "100", "200"} <= set(words(svg))


def test_a_logarithmic_chart_has_its_mark_between_powers() -> None:
    series = {"chatapp": [(100.0, [1.0]), (200.0, [1000.0])]}
    svg = line_chart("Delay", ("streams", "ms"), series, most=10, logarithmic=True)

    (mark,) = parts(svg, "line", "mark")
    (curve,) = parts(svg, "polyline", "curve")
    (_, low), (_, high) = [tuple(map(float, point.split(","))) for point in curve["points"].split()]
    assert (low - float(mark["y1"])) / (low - high) == pytest.approx(1 / 3, abs=0.01)


@pytest.mark.parametrize(
    "svg",
    [
        bar_chart("A < B & C", "µs", [('"<one>"', [1, 2])]),
        line_chart("A < B & C", ("<x>", "y"), {"<one>": [(1, [1, 2])]}),
    ],
)
def test_a_chart_is_whole_and_readable_in_the_dark(svg: str) -> None:
    root = ElementTree.fromstring(svg)
    assert "A < B & C" in words(svg)
    assert "prefers-color-scheme: dark" in svg
    style = root.find(f"{SVG}style")
    assert style is not None
    classes = {kind for each in root.iter() for kind in each.get("class", "").split()}
    assert classes <= set(re.findall(r"\.([a-z]+) ", style.text or ""))
