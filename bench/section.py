"""A scenario's part of the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Chart:
    """An SVG picture. `name` is its file's without the ending, `alt` what it shows in words."""

    name: str
    alt: str
    svg: str


@dataclass(frozen=True, slots=True)
class Section:
    """Markdown that begins with a heading of the second level, and the charts that belong below it."""

    text: str
    charts: Sequence[Chart] = ()
