"""Oklab, in which equal steps look equal: https://bottosson.github.io/posts/oklab/ (the matrices of the text)."""

from __future__ import annotations

from math import atan2, cbrt, degrees, dist, hypot
from typing import NamedTuple

from chatapp.web.colours.srgb import Light


class Oklab(NamedTuple):
    """A colour: `lightness` from 0 to 1; `a` and `b` are 0 for grey, and their angle is the hue."""

    lightness: float
    a: float
    b: float

    @property
    def chroma(self) -> float:
        """How far from grey: 0 to about 0.32 in sRGB."""
        return hypot(self.a, self.b)

    @property
    def hue(self) -> float:
        """In degrees, from -180 to 180; any for a grey."""
        return degrees(atan2(self.b, self.a))

    def distance(self, other: Oklab) -> float:
        """How different the two look; about 0.02 can just be told apart side by side."""
        return dist(self, other)


def oklab(light: Light) -> Oklab:
    """What linear light looks like."""
    red, green, blue = light
    long = cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    middle = cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    return Oklab(
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    )


def light_of(colour: Oklab) -> Light:
    """The light that looks so. Channels lie outside 0 to 1 where no screen of sRGB can show it."""
    lightness, a, b = colour
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return Light(
        4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
    )
