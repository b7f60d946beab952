"""sRGB: a colour as it is written, as light, and how well one is read on another."""

from __future__ import annotations

from typing import NamedTuple


class Light(NamedTuple):
    """A colour as linear light: each channel from 0 to 1."""

    red: float
    green: float
    blue: float

    @property
    def luminance(self) -> float:
        """Relative, from 0 (black) to 1 (white): https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
        return 0.2126 * self.red + 0.7152 * self.green + 0.0722 * self.blue


def light(colour: str) -> Light:
    """The light of `#rrggbb`."""
    return Light(*(_LINEAR[int(colour[at : at + 2], 16)] for at in (1, 3, 5)))


def contrast(one: Light, other: Light) -> float:
    """The ratio of two colours, from 1 to 21: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""
    darker, lighter = sorted((one.luminance, other.luminance))
    return (lighter + 0.05) / (darker + 0.05)


def encoded(linear: float) -> float:
    """A channel of light as it is written, from 0 to 255 and not yet rounded; what lies outside is cut off."""
    linear = min(max(linear, 0.0), 1.0)
    return 255 * (12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055)


def _linear(level: int) -> float:
    """The transfer function: https://www.w3.org/TR/css-color-4/#color-conversion-code"""
    share = level / 255
    return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)


_LINEAR = [_linear(level) for level in range(256)]
