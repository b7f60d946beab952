"""The names of API tokens, by which a person tells them apart: what is shown is what was written."""

from __future__ import annotations

from chatapp.errors import FieldError, ValidationFailed

NAME_LENGTH = 128
FROM_PASSWORD = "from a password"  # noqa: S105
"""The name of those that a program got for an e-mail and a password."""
_JOINERS = "\u200c\u200d"
"""Invisible, and needed: Persian and Indian scripts are spelled with them, and many emoji made."""
_BLANKS = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters that show nothing, and that Unicode counts among those that can be printed: four that fill a place in
Hangul, and the Braille pattern without dots."""


def checked_token_name(name: str) -> str:
    """The name as it is kept: trimmed. Raises ValidationFailed for one that is empty or too long, or that has
    characters which cannot be seen or make others appear elsewhere (controls, line breaks, changes of direction)."""
    name = name.strip()
    if not 1 <= len(name) <= NAME_LENGTH:
        raise _will_not_do(f"A name has 1 to {NAME_LENGTH} characters.")
    visible = name.translate(dict.fromkeys(map(ord, _JOINERS)))
    if not visible.strip(_BLANKS) or not all(letter.isprintable() or _is_space(letter) for letter in visible):
        raise _will_not_do("This name has characters that cannot be shown on a line.")
    return name


def _is_space(letter: str) -> bool:
    """A space of another width; Python counts them among what cannot be printed, as it does line breaks."""
    return letter in "\u00a0\u2002\u2003\u2007\u2009\u202f\u3000"


def _will_not_do(sentence: str) -> ValidationFailed:
    return ValidationFailed([FieldError("name", sentence)])
