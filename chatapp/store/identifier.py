"""Identifiers that sort by the time they were made."""

from __future__ import annotations

import secrets
import time

ID_PATTERN = "^[0-9a-f]{32}$"
"""What `new_id` gives, as a regular expression."""
_RANDOM_BITS = 80
_last = 0


def new_id() -> str:
    """32 hexadecimal digits: 48 bits of milliseconds, then 80 random bits (the layout of RFC 9562's version 7,
    without its version marks). Within one process each is greater than the one before, so that rows made in
    the same millisecond keep their order."""
    global _last  # noqa: PLW0603 - one counter per process is what makes the order hold
    fresh = (time.time_ns() // 1_000_000 << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
    _last = fresh if fresh > _last else _last + 1
    return f"{_last:032x}"
