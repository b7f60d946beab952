"""Voices: the named personas that can answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

VOICE_KEY_PATTERN = "^[a-z0-9-]{1,32}$"


class History(StrEnum):
    """What a voice sees of what was answered before, beside what the person said (turns/history.py)."""

    OWN = "own"
    """Its own replies."""
    BRANCH = "branch"
    """The replies that the conversation went on from; where none was chosen, its own, or the first. The default."""
    ALL = "all"
    """What every voice replied."""


class Scope(StrEnum):
    """Whose voice it is. Of those with the same key the nearest counts: one's own, then the team's."""

    BUILT_IN = "built-in"
    TEAM = "team"
    OWN = "own"


@dataclass(frozen=True, slots=True)
class Voice:
    """One persona. `model` is None where the conversation's or the server's choice counts, and a parameter that is
    absent is the server's own. `parameters`: `temperature`, `top_p`, `max_output_tokens`."""

    key: str
    name: str
    colour: str
    description: str
    prompt: str
    model: str | None = None
    parameters: Mapping[str, float] = field(default_factory=dict, hash=False)
    history: History = History.BRANCH
    disabled: bool = False
    scope: Scope = Scope.BUILT_IN
