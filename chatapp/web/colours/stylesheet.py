"""The stylesheet that gives each voice its colour. The policy forbids styles within a page, so the shades come from an
address that is made of the colours alone, and what it answers never changes while these rules stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from chatapp.web.colours.shade import shades

MOST_COLOURS = 100
"""In one stylesheet. A page with more shows the rest in its accent."""
_NAME = re.compile(r"[0-9a-f]{6}(?:-[0-9a-f]{6})*")
_COLOUR = re.compile(r"#[0-9a-f]{6}")


def name_of(colours: Iterable[str | None]) -> str:
    """How the stylesheet of these `#rrggbb` is called: sorted, each once. Empty where there is none; what is no
    colour is passed over."""
    found = dict.fromkeys(colour[1:] for colour in colours if colour and _COLOUR.fullmatch(colour))
    return "-".join(sorted([*found][:MOST_COLOURS]))


def colours_of(name: str) -> list[str] | None:
    """The colours of the stylesheet that is called so; None where `name_of` names none so."""
    if not _NAME.fullmatch(name):
        return None
    colours = [f"#{each}" for each in name.split("-", MOST_COLOURS)]
    return colours if name_of(colours) == name else None


def stylesheet(colours: Iterable[str]) -> str:
    """A voice's colour for what is marked with it, on the light page and, on a screen, on the dark one."""
    found = [(colour[1:], shades(colour)) for colour in colours]
    light = "".join(_rule(name, each.on_light) for name, each in found)
    dark = "".join(f"  {_rule(name, each.on_dark)}" for name, each in found)
    return f"{light}@media screen and (prefers-color-scheme: dark) {{\n{dark}}}\n"


def _rule(name: str, shade: str) -> str:
    return f'[data-colour="{name}"] {{ --voice: {shade}; }}\n'
