"""Upstream's own words, made safe to show to a person."""

from __future__ import annotations

import re
import unicodedata

REASON_LENGTH = 300
"""Characters; a reason is one sentence, not a page."""

_KEYS = re.compile(r"\b(?:sk|pk|key|org|proj)-[\w*.\-]{4,}|(?i:\bbearer\s+)\S+")
_MASK = "[hidden]"


def safe_reason(text: str, key: str = "") -> str:
    """`text` as one line of at most REASON_LENGTH characters, with control characters out and keys masked."""
    line = " ".join(_printable(text).split())
    # An empty or placeholder key would mask ordinary words.
    if len(key) >= 8:
        line = line.replace(key, _MASK)
    line = _KEYS.sub(_MASK, line)
    return line if len(line) <= REASON_LENGTH else line[: REASON_LENGTH - 1].rstrip() + "…"


def _printable(text: str) -> str:
    """Drops control, format and surrogate characters; a dropped one may not split a key into two halves."""
    # The mask runs on what is shown, so a page of text is cut before the slow part, far above the limit.
    return "".join(
        character if character.isspace() else "" if unicodedata.category(character)[0] == "C" else character
        for character in text[: 20 * REASON_LENGTH]
    )
