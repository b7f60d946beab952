"""Two shades of a colour, of its hue: one to be read on the light page and one on the dark page.

WCAG 2.2, success criterion 1.4.3, asks text for a contrast of 4.5:1 with what it stands on. On the light page all
that counts is the darkest background, and on the dark page the lightest, so a shade has one limit of luminance.

A colour gets darker by less of its own light: scaling linear light scales Oklab's three coordinates alike, so hue
and saturation stay exactly. It gets lighter the same way until one channel is full, and from there straight towards
white in Oklab, where what sRGB cannot show is cut off, which turns the hue by less than 2 degrees.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil, floor
from typing import NamedTuple

from chatapp.web.colours.oklab import Oklab, light_of, oklab
from chatapp.web.colours.srgb import Light, encoded, light

CONTRAST = 4.5
DARKEST_LIGHT_PAPER = "#e3eeea"
"""The background of the light page that is hardest to read dark text on: --own of static/style.css."""
LIGHTEST_DARK_PAPER = "#1e3533"
"""The same of the dark page: --own."""
MOST = (light(DARKEST_LIGHT_PAPER).luminance + 0.05) / CONTRAST - 0.05
"""What a shade's luminance may be at most on the light page."""
LEAST = (light(LIGHTEST_DARK_PAPER).luminance + 0.05) * CONTRAST - 0.05
"""What it must be at least on the dark page."""
_STEPS = 12
"""Halvings of the way to white: finer than a colour of 8 bits."""


class Shades(NamedTuple):
    """Both, as `#rrggbb`."""

    on_light: str
    on_dark: str


@lru_cache(maxsize=1024)
def shades(colour: str) -> Shades:
    """The shades of `#rrggbb`; each is the colour itself where that can be read."""
    given = light(colour)
    on_light = colour if given.luminance <= MOST else _darker(given)
    on_dark = colour if given.luminance >= LEAST else _lighter(given)
    return Shades(on_light, on_dark)


def _darker(given: Light) -> str:
    share = MOST / given.luminance
    return "#" + "".join(f"{floor(encoded(channel * share)):02x}" for channel in given)


def _lighter(given: Light) -> str:
    brightest = max(given)
    full = given
    if brightest:
        share = min(LEAST / given.luminance, 1 / brightest)
        full = Light(*(channel * share for channel in given))
    lit = full if full.luminance >= LEAST else _paler(oklab(full))
    return "#" + "".join(f"{min(ceil(encoded(channel)), 255):02x}" for channel in lit)


def _paler(colour: Oklab) -> Light:
    """The first colour on the way to white that is light enough."""
    dark, bright = 0.0, 1.0
    for _ in range(_STEPS):
        half = (dark + bright) / 2
        if _shown(colour, half).luminance < LEAST:
            dark = half
        else:
            bright = half
    return _shown(colour, bright)


def _shown(colour: Oklab, share: float) -> Light:
    """What a screen shows of the colour that lies at `share` of the way to white."""
    rest = 1 - share
    wanted = light_of(Oklab(1 - rest * (1 - colour.lightness), rest * colour.a, rest * colour.b))
    return Light(*(min(max(channel, 0.0), 1.0) for channel in wanted))
