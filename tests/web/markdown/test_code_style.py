"""static/code.css is what the palette says, and every colour can be read."""

from __future__ import annotations

from pathlib import Path

import pytest
from pygments.style import StyleMeta

from chatapp.web.markdown.code_style import BACKGROUNDS, DarkCode, LightCode, style_sheet

STATIC = Path(__file__).parents[3] / "static"


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


def test_the_file_is_up_to_date() -> None:
    assert (STATIC / "code.css").read_text("utf-8") == style_sheet(), (
        "run: python -m chatapp.web.markdown.code_style > static/code.css"
    )


@pytest.mark.parametrize(
    ("style", "background"), [(LightCode, BACKGROUNDS["light"]), (DarkCode, BACKGROUNDS["dark"])]
)
def test_every_colour_has_contrast(style: StyleMeta, background: str) -> None:
    colours = {f"#{look['color']}" for _, look in style if look["color"]}
    assert min(contrast(colour, background) for colour in colours) >= 4.5


def test_the_page_has_the_same_background() -> None:
    page = (STATIC / "style.css").read_text("utf-8")
    assert f"--code-paper: {BACKGROUNDS['light']};" in page
    assert f"--code-paper: {BACKGROUNDS['dark']};" in page
