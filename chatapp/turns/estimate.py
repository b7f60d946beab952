"""Estimates: what the replies to a message would take and cost at most, known before it is sent.

What is sent is known to the letter, but not how a model's tokenizer cuts it: about four characters of prose in Latin
letters make a token. Of other scripts every character counts as a token, and of those beyond the basic plane (emoji
above all) as three, which is more than most tokenizers make of them. How long an answer gets nobody knows; it counts
as long as it may be.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from chatapp.turns.new_turn import NewGeneration, NewTurn
from chatapp.turns.prompt import PromptMessage
from chatapp.turns.start import TurnStart
from chatapp.turns.voice import Voice
from chatapp.upstream.parameters import output_bound
from chatapp.upstream.prices import Prices
from chatapp.upstream.usage import Usage

LATIN_PER_TOKEN = 4
"""Characters of Latin-1 that make one model token."""
_ASTRAL_TOKENS = 3
_OF_EACH_MESSAGE = 4
"""Model tokens that mark a message and its role."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Of one voice's reply, in model tokens and dollars. What costs is None, never 0, where the price is not known.
    `further_usd` is what each further token of the message would add."""

    voice: Voice
    model: str
    tokens_in: int
    tokens_out_at_most: int
    cost_usd_at_most: float | None
    further_usd: float | None


@dataclass(frozen=True, slots=True)
class Estimates:
    """Of messages that are not sent yet; nothing is posted, and nobody called."""

    start: TurnStart
    prices: Prices
    max_output_tokens: int

    def of(self, new: NewTurn) -> tuple[Estimate, ...]:
        """For each voice that `new` asks. Raises NotFound for somebody else's conversation, and
        DatabaseUnavailable."""
        counted: dict[str, int] = {}  # the voices mostly see the same
        return tuple(self._estimate(due, counted) for due in self.start.foresee(new))

    def _estimate(self, due: NewGeneration, counted: dict[str, int]) -> Estimate:
        tokens_in = sum(_tokens_of_message(message, counted) for message in due.prompt)
        tokens_out = output_bound(self.max_output_tokens, due.voice.parameters)
        cost = self.prices.cost(due.model, Usage(tokens_in, tokens_out))
        further = self.prices.cost(due.model, Usage(1, 0))
        return Estimate(due.voice, due.model, tokens_in, tokens_out, cost, further)


def _tokens_of_message(message: PromptMessage, counted: dict[str, int]) -> int:
    text = message["content"]
    if text not in counted:
        counted[text] = tokens_of(text)
    return counted[text] + _OF_EACH_MESSAGE


def tokens_of(text: str) -> int:
    """About how many model tokens `text` makes."""
    if text.isascii():
        return -(-len(text) // LATIN_PER_TOKEN)
    latin = len(text.encode("latin-1", "ignore"))
    astral = len(text.encode("utf-16-le", "surrogatepass")) // 2 - len(text)
    return -(-latin // LATIN_PER_TOKEN) + (len(text) - latin - astral) + astral * _ASTRAL_TOKENS


def sum_of(costs: Sequence[float | None]) -> float | None:
    """Dollars of all together; None where one of them is not known."""
    known = [cost for cost in costs if cost is not None]
    return math.fsum(known) if len(known) == len(costs) else None
