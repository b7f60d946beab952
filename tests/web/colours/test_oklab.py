"""Oklab, against the values that its author gives, and there and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from chatapp.web.colours.oklab import light_of, oklab
from chatapp.web.colours.srgb import encoded, light


@pytest.mark.parametrize(
    ("colour", "known"),
    [
        ("#ffffff", (1, 0, 0)),
        ("#000000", (0, 0, 0)),
        ("#ff0000", (0.62796, 0.22486, 0.12585)),
        ("#00ff00", (0.86644, -0.23389, 0.17950)),
        ("#0000ff", (0.45201, -0.03246, -0.31153)),
    ],
)
def test_known_colours(colour: str, known: tuple[float, float, float]) -> None:
    assert oklab(light(colour)) == pytest.approx(known, abs=0.0001)


@given(some.integers(0, 0xFFFFFF))
def test_there_and_back(number: int) -> None:
    colour = f"#{number:06x}"
    back = light_of(oklab(light(colour)))
    assert "#" + "".join(f"{round(encoded(channel)):02x}" for channel in back) == colour
