"""What models cost, from a TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Self

from chatapp.errors import ConfigurationError
from chatapp.upstream.usage import Usage

SHIPPED = Path(__file__).with_name("prices.toml")
_MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million model tokens."""

    tokens_in: Decimal
    tokens_out: Decimal


class Prices:
    """The price list. Sums are decimal, so that they come out as the list says."""

    def __init__(self, prices: Mapping[str, Price]) -> None:
        self._prices = dict(prices)

    @classmethod
    def load(cls, path: Path | None = None) -> Self:
        """The list in `path`, or the one that is shipped. Raises ConfigurationError."""
        try:
            with (path or SHIPPED).open("rb") as file:
                tables = tomllib.load(file, parse_float=Decimal)
        except (OSError, ValueError, RecursionError) as error:
            raise ConfigurationError(f"CHATAPP_PRICES: cannot be read: {error}") from None
        models = tables.get("models")
        if not isinstance(models, dict):
            raise ConfigurationError('CHATAPP_PRICES: has no [models."NAME"] tables')
        return cls({model: _price(model, table) for model, table in models.items()})

    def cost(self, model: str, usage: Usage) -> float | None:
        """US dollars; None, never 0, when the model's price or one of the counts is not known."""
        price = self._prices.get(model)
        if price is None or usage.tokens_in is None or usage.tokens_out is None:
            return None
        return float((usage.tokens_in * price.tokens_in + usage.tokens_out * price.tokens_out) / _MILLION)


def _price(model: str, table: object) -> Price:
    if not isinstance(table, dict):
        raise ConfigurationError(f"CHATAPP_PRICES: {model} is not a table")
    return Price(_dollars(model, "in", table), _dollars(model, "out", table))


def _dollars(model: str, name: str, table: Mapping[str, object]) -> Decimal:
    amount = table.get(name)
    if isinstance(amount, bool) or not isinstance(amount, int | Decimal):
        raise ConfigurationError(f"CHATAPP_PRICES: {model} needs a number named {name}")
    dollars = Decimal(amount)
    if not dollars.is_finite() or dollars < 0:
        raise ConfigurationError(f"CHATAPP_PRICES: {model}: {name} must be 0 or more")
    return dollars
