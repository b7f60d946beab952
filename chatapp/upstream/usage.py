"""What an answer took, in the model's own tokens."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """Model tokens read and written; None where upstream gave no count."""

    tokens_in: int | None
    tokens_out: int | None
