"""SVG that is readable on light and on dark, as text."""

from __future__ import annotations

from html import escape

# A picture in a page follows the reader's own preference; it brings its ground along, for the page may not.
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f }
.ground { fill: #ffffff } .title { font-weight: 600; font-size: 15px } .faint { fill: #57606a }
.grid { stroke: #d0d7de; stroke-width: 1 } .whisker { stroke: #24292f; stroke-width: 1.5 }
.mark { stroke: #cf222e; stroke-width: 1.5; stroke-dasharray: 5 4 } .marked { fill: #cf222e }
.a { fill: #0969da; stroke: #0969da } .b { fill: #1a7f37; stroke: #1a7f37 } .c { fill: #bc4c00; stroke: #bc4c00 }
.bar { stroke: none; fill-opacity: .75 } .value { paint-order: stroke; stroke: #ffffff; stroke-width: 4px }
.curve { fill: none; stroke-width: 2 } .name { stroke: none; font-weight: 600 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .ground { fill: #0d1117 } .faint { fill: #9198a1 }
.grid { stroke: #30363d } .whisker { stroke: #e6edf3 } .mark { stroke: #ff7b72 } .marked { fill: #ff7b72 }
.a { fill: #58a6ff; stroke: #58a6ff } .b { fill: #3fb950; stroke: #3fb950 } .c { fill: #f0883e; stroke: #f0883e }
.bar { stroke: none } .curve { fill: none } .name { stroke: none } .value { stroke: #0d1117 }
}
"""
_COLOURS = {"nginx": "b", "plain view": "c"}
LETTER = 7.2
"""Roughly the width of a letter."""


def colour_of(name: str) -> str:
    """The style's class for a server, the same in every chart. What follows a comma does not count."""
    return _COLOURS.get(name.partition(",")[0], "a")


class Drawing:
    """Lengths are in pixels, from the left and from the top."""

    def __init__(self, title: str, width: float, height: float) -> None:
        self._size = f"{width:.0f} {height:.0f}"
        self._width = width
        self._height = height
        self._parts = [f"<title>{escape(title)}</title>", f"<style>{_STYLE}</style>"]
        self._parts.append(f'<rect class="ground" width="{width:.0f}" height="{height:.0f}"/>')
        self.text(16, 26, title, "title")

    def text(self, x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> None:
        self._parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
        self._parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>')

    def bar(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        self._parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" class="{colour} bar"/>'
        )

    def dot(self, x: float, y: float, colour: str) -> None:
        self._parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" class="{colour}"/>')

    def curve(self, points: list[tuple[float, float]], colour: str) -> None:
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._parts.append(f'<polyline points="{places}" class="{colour} curve"/>')

    def svg(self) -> str:
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self._size}" width="{self._width:.0f}" '
            f'height="{self._height:.0f}" role="img">'
        )
        return "\n".join([head, *self._parts, "</svg>\n"])
