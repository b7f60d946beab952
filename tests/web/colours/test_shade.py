"""Shades: readable on every background of ours, of the colour's own hue, and told apart."""

from __future__ import annotations

from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as some

from chatapp.turns.built_in_voices import BUILT_IN
from chatapp.web.colours.oklab import Oklab, oklab
from chatapp.web.colours.shade import CONTRAST, shades
from chatapp.web.colours.srgb import contrast, light
from tests.web.colours.papers import papers

LIGHT, DARK = papers(dark=False), papers(dark=True)
VISIBLE = 0.02
"""Oklab's distance that can just be seen."""
GRID = [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in product((*range(0, 256, 15), 1, 254), repeat=3)]


def assert_readable(colour: str) -> None:
    on_light, on_dark = shades(colour)
    assert min(contrast(light(on_light), light(paper)) for paper in LIGHT) >= CONTRAST, (colour, on_light)
    assert min(contrast(light(on_dark), light(paper)) for paper in DARK) >= CONTRAST, (colour, on_dark)


def assert_of_its_hue(colour: str) -> None:
    for shade in shades(colour):
        assert off_hue(oklab(light(shade)), oklab(light(colour))) < VISIBLE / 2, (colour, shade)


def off_hue(shade: Oklab, colour: Oklab) -> float:
    """How far the shade is from the half-plane of the colour's hue. A grey has none: it must stay a grey."""
    if colour.chroma < 0.001:
        return shade.chroma
    along = (shade.a * colour.a + shade.b * colour.b) / colour.chroma
    across = (shade.a * colour.b - shade.b * colour.a) / colour.chroma
    return abs(across) if along >= 0 else shade.chroma


def assert_no_further_than_needed(colour: str) -> None:
    """What is fine already stays; what is not becomes as much lighter or darker as it must, to a shade of 8 bits."""
    on_light, on_dark = shades(colour)
    for shade, papers_there in ((on_light, LIGHT), (on_dark, DARK)):
        closest = min(contrast(light(colour), light(paper)) for paper in papers_there)
        reached = min(contrast(light(shade), light(paper)) for paper in papers_there)
        assert shade == colour if closest >= CONTRAST else reached < CONTRAST + 0.15, (colour, shade, reached)


def test_a_grid_of_all_colours() -> None:
    for colour in GRID:
        assert_readable(colour)
        assert_of_its_hue(colour)
        assert_no_further_than_needed(colour)


@given(some.integers(0, 0xFFFFFF))
def test_any_colour(number: int) -> None:
    colour = f"#{number:06x}"
    assert_readable(colour)
    assert_of_its_hue(colour)
    assert_no_further_than_needed(colour)


@pytest.mark.parametrize(
    "colour", ["#000000", "#ffffff", "#808080", "#0000ff", "#ffff00", "#ff0000", "#00ff00"]
)
def test_the_corners(colour: str) -> None:
    assert_readable(colour)
    assert_of_its_hue(colour)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_the_built_in_voices_are_told_apart(scheme: int) -> None:
    seen = {voice.key: oklab(light(shades(voice.colour)[scheme])) for voice in BUILT_IN.values()}
    for one, other in combinations(seen, 2):
        assert seen[one].distance(seen[other]) >= 5 * VISIBLE, (one, other)


def test_contrast_as_the_recommendation_counts_it() -> None:
    assert contrast(light("#000000"), light("#ffffff")) == pytest.approx(21)
    assert contrast(light("#ffffff"), light("#777777")) == pytest.approx(4.478, abs=0.001)
    assert contrast(light("#777777"), light("#777777")) == 1
