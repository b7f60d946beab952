"""What a server says, made safe to show on a terminal."""

from __future__ import annotations

import unicodedata

LENGTH = 200


def plain(text: object, length: int = LENGTH) -> str:
    """`text` on one line of at most `length` characters, without characters that a terminal would obey."""
    seen = str(text)[: 4 * length]
    shown = "".join(" " if _is_control(character) else character for character in seen)
    line = " ".join(shown.split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def _is_control(character: str) -> bool:
    # Controls, format characters (which turn the direction of text) and lone surrogates.
    return unicodedata.category(character)[0] == "C"


def counted(number: int, thing: str) -> str:
    """`thing` in the singular or the plural."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def seconds(value: float) -> str:
    """A duration as people read it."""
    if value < 0.0995:
        return f"{value * 1000:.0f} ms" if value >= 0.001 else f"{value * 1000:.1f} ms"
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"
