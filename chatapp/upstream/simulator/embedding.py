"""Embeddings without a model: the same text always has the same unit vector."""

from __future__ import annotations

import hashlib
import math
import struct

DIMENSIONS = 1536
DIMENSIONS_LIMIT = 3072


def embedding_of(text: str, dimensions: int) -> list[float]:
    """A unit vector drawn from a hash of `text`: equal texts are equal, others are nearly orthogonal."""
    stream = hashlib.shake_256(text.encode("utf-8", "replace")).digest(4 * dimensions)
    values = [number / 2**31 - 1.0 for (number,) in struct.iter_unpack("<I", stream)]
    length = math.hypot(*values) or 1.0
    return [value / length for value in values]
