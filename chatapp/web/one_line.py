"""Text on one line that people tell things apart by: what is shown is what was written."""

from __future__ import annotations

_JOINERS = dict.fromkeys(map(ord, "\u200c\u200d"))
"""Invisible, and needed: Persian and Indian scripts are spelled with them, and many emoji made."""
_SPACES = "\u00a0\u2002\u2003\u2007\u2009\u202f\u3000"
"""Of another width; Python counts them among what cannot be printed, as it does line breaks."""
_BLANKS = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters that show nothing, and that Unicode counts among those that can be printed."""


def is_on_one_line(text: str) -> bool:
    """Whether nothing in it breaks the line, or makes others appear elsewhere: no controls, no changes of direction."""
    return all(letter.isprintable() or letter in _SPACES for letter in text.translate(_JOINERS))


def is_seen(text: str) -> bool:
    """Whether there is anything in it that shows."""
    return bool(text.translate(_JOINERS).strip(_BLANKS + _SPACES + " "))
