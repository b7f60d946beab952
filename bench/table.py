"""Figures as Markdown: tables, medians with their spread, marks that are kept or missed."""

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


def mark(promise: str, figures: Sequence[float], most: float) -> str:
    """A line that says whether the median of `figures` keeps to `most`."""
    verdict = "kept" if median(figures) <= most else "missed"
    return f"Mark, {verdict}: {promise}. It is {spread(figures)}, and may be {rounded(most)}.\n"
