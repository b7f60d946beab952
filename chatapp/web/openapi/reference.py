"""The description as the page shows it."""

from __future__ import annotations

from typing import Any


def sections(description: dict[str, Any]) -> list[Any]:
    return []
