"""Voices: the named personas that can answer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Voice:
    """One persona. `model` is None where the conversation's or the server's choice counts."""

    key: str
    name: str
    colour: str
    description: str
    prompt: str
    model: str | None = None


SEEKER = Voice(
    key="seeker",
    name="Seeker",
    colour="#2f6f8f",
    description="Answers questions plainly and says what it does not know.",
    prompt=(
        "You are Seeker, a member of a small team who answers its questions. Answer the question that was asked, "
        "first and plainly, then give what is needed to check or use the answer. Say so when you are unsure or "
        "when something is missing. Write Markdown; keep code in fenced blocks with their language."
    ),
)

VOICES = {SEEKER.key: SEEKER}
"""Every voice that can be asked, by key."""

DEFAULT_VOICE = SEEKER
