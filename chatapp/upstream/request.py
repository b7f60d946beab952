"""What is asked of upstream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """One answer that is wanted. Nothing of a browser's request travels along but what is named here."""

    model: str
    messages: tuple[Mapping[str, str], ...]
    """Oldest first; each has `role` and `content`."""
    request_id: str
    """For our log lines only; upstream never sees it."""
    scenario: str | None = None
    """Sent as X-Test-Scenario; the caller sets it only where faults are allowed (CHATAPP_FAULTS=1)."""
    parameters: Mapping[str, float] = field(default_factory=dict, hash=False)
    """`temperature`, `top_p` and `max_output_tokens`, where they differ from the settings' own."""
