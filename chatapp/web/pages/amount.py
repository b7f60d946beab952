"""Amounts, written for people: dollars, counts, durations. static/amount.js writes dollars in the same way."""

from __future__ import annotations

from decimal import Decimal

_MINUTE_S = 60


def dollars(amount: float) -> str:
    """From a dollar on with cents, below with two significant digits, and never as a power of ten."""
    exact = Decimal(repr(amount))
    if exact >= 1:
        return f"${exact:,.2f}"
    rounded = Decimal(f"{exact:.1e}")
    return f"${rounded:.{max(2, 1 - rounded.adjusted()) if rounded else 2}f}"


def count(number: int) -> str:
    """With a comma for each thousand."""
    return f"{number:,}"


def duration(ms: int) -> str:
    """Seconds with a tenth; from a minute on whole ones."""
    seconds = ms / 1000
    if round(seconds, 1) < _MINUTE_S:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), _MINUTE_S)
    return f"{count(minutes)} min {rest} s"
