"""The composer's choice of voices: whom a message can go to, who is ticked, and what that would cost at most.

static/voice_picker.js says the same of another choice, in the same words.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import request

from chatapp.turns.estimate import Estimate
from chatapp.turns.new_turn import NewTurn
from chatapp.turns.voice import Voice
from chatapp.turns.voices import default_voice
from chatapp.web.identity import current_account
from chatapp.web.pages.amount import dollars
from chatapp.web.request_id import request_id
from chatapp.web.services import services

NAMED = 3
"""Voices that are told by their names; of more only the first, and how many there are beside them."""


@dataclass(frozen=True, slots=True)
class ShownVoice:
    """One that can be asked. `colour` is six hexadecimal digits, `model` its own, if it has one, and
    `asked_model` the one that would answer."""

    key: str
    name: str
    colour: str
    description: str
    model: str | None
    asked_model: str
    is_ticked: bool
    cost_usd: float | None
    token_usd: float | None

    @property
    def cost(self) -> str:
        return cost_in_words([self.cost_usd])


@dataclass(frozen=True, slots=True)
class VoiceChoice:
    """All that can be asked, in their order; `most` of them at once."""

    voices: tuple[ShownVoice, ...]
    default: ShownVoice | None
    most: int

    @property
    def asked(self) -> tuple[ShownVoice, ...]:
        """Who would answer: where nobody is ticked, the default."""
        ticked = tuple(voice for voice in self.voices if voice.is_ticked)
        return ticked or ((self.default,) if self.default else ())

    @property
    def who(self) -> str:
        names = [voice.name for voice in self.asked]
        if len(names) > 1 and len(names) == len(self.voices):
            return f"All {len(names)} voices"
        if len(names) > NAMED:
            return f"{names[0]} and {len(names) - 1} more"
        return ", ".join(names) or "Nobody can be asked"

    @property
    def is_all_allowed(self) -> bool:
        return 1 < len(self.voices) <= self.most

    @property
    def is_priced(self) -> bool:
        """Whether any price is known. Where none is, that is said once, for those that are asked."""
        return any(voice.cost_usd is not None for voice in self.voices)

    @property
    def cost(self) -> str:
        return cost_in_words([voice.cost_usd for voice in self.asked])

    @property
    def cost_of_all(self) -> str:
        return cost_in_words([voice.cost_usd for voice in self.voices])


def cost_in_words(costs: Sequence[float | None]) -> str:
    """What these cost together at most. One that is not known is said, and never counts as nothing."""
    known = [cost for cost in costs if cost is not None]
    if not known:
        return "price not known" if costs else ""
    told = f"up to about {dollars(math.fsum(known))}"
    unknown = len(costs) - len(known)
    return f"{told}, and {unknown} without a known price" if unknown else told


def voice_choice(conversation: Any, offered: Mapping[str, Voice]) -> VoiceChoice:
    """Of those that are `offered`, for the next message of `conversation`, or where that is None, for the first of a
    new one. What a form that comes back had ticked is ticked again."""
    default, most = default_voice(offered), services().settings.voices_per_turn
    session_id = conversation and conversation.session_id
    new = NewTurn(current_account().id, "", request_id(), tuple(offered.values()), session_id)
    ticked = _ticked(conversation, list(offered), most) or (
        [default.key] if default and not _came_back() else []
    )
    shown = [_shown(each, ticked) for each in services().answering.estimates.of(new)]
    by_key = {voice.key: voice for voice in shown}
    return VoiceChoice(tuple(shown), by_key[default.key] if default else None, most)


def _ticked(conversation: Any, offered: list[str], most: int) -> list[str]:
    earlier = conversation.voices[:most] if conversation else []
    wanted = request.form.getlist("voices") if _came_back() else earlier
    return [key for key in wanted if key in offered]


def _came_back() -> bool:
    return "message" in request.form


def _shown(estimate: Estimate, ticked: Sequence[str]) -> ShownVoice:
    voice = estimate.voice
    return ShownVoice(
        voice.key,
        voice.name,
        voice.colour.removeprefix("#"),
        voice.description,
        voice.model,
        estimate.model,
        voice.key in ticked,
        estimate.cost_usd_at_most,
        estimate.further_usd,
    )
