"""Figures as Markdown: tables, and medians with their spread."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def spread(values: Iterable[float]) -> str:
    """The median, and the least and the greatest where they differ."""
    figures = sorted(values)
    low, middle, high = map(rounded, (figures[0], median(figures), figures[-1]))
    return middle if low == high else f"{middle} ({low} to {high})"


def rounded(figure: float) -> str:
    return (
        f"{figure:,.0f}" if abs(figure) >= 100 else f"{figure:.1f}" if abs(figure) >= 10 else f"{figure:.2f}"
    )


def share(values: Iterable[float]) -> str:
    return f"{median(values):.0%}"
