"""The optional parameters of a request, and which of them a model has refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import openai

from chatapp.config import Settings
from chatapp.upstream.verdict import reason_of

_NONE: Mapping[str, float] = MappingProxyType({})
_MODELS_REMEMBERED = 1000
"""Names come from outside while the list of models is unknown, so the memory of them is bounded."""
_VALUES_REMEMBERED = 1000
"""Of those that voices have and a model has refused: people make voices up as they like."""


class Parameters:
    """What is sent beside model and messages; a parameter that a model refuses is left out from then on. Of a voice's
    own it is only that value, for anybody can give theirs one that no model takes: what all others send must not
    depend on it, and least of all the bound of the output."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._refused: dict[str, frozenset[str]] = {}
        self._refused_values: set[tuple[str, str, float]] = set()
        """Of voices: model, parameter as it is sent, and value."""

    def of(self, model: str, own: Mapping[str, float] = _NONE) -> dict[str, Any]:
        """The parameters for the next request to `model`; `own` are those of a voice, and come before the
        settings', which bound the output all the same."""
        refused = self._refused.get(model, frozenset())
        wanted: dict[str, Any] = {"stream_options": {"include_usage": True}}
        # Older and many compatible servers know the bound by its former name alone.
        bound = "max_tokens" if "max_completion_tokens" in refused else "max_completion_tokens"
        wanted[bound] = self._settings.max_output_tokens
        if self._settings.temperature is not None:
            wanted["temperature"] = self._settings.temperature
        for name, value in self._values(own, bound).items():
            if (model, name, value) not in self._refused_values:
                wanted[name] = value
        return {name: value for name, value in wanted.items() if name not in refused}

    def refuse(
        self, model: str, sent: dict[str, Any], error: openai.APIStatusError, own: Mapping[str, float] = _NONE
    ) -> bool:
        """Whether `error` names one of the parameters that were `sent`; if so it is left out from now on, or where its
        value is one of a voice's `own`, that value.

        Each parameter, and each value, can be refused once, so asking again after True comes to an end.
        """
        if error.status_code not in (400, 422):
            return False
        name = _named(sent, error)
        if name is None:
            return False
        if self._is_own(model, name, sent[name], own):
            if len(self._refused_values) >= _VALUES_REMEMBERED:
                self._refused_values.clear()
            self._refused_values.add((model, name, sent[name]))
            return True
        if len(self._refused) >= _MODELS_REMEMBERED:
            self._refused.clear()
        self._refused[model] = self._refused.get(model, frozenset()) | {name}
        return True

    def _is_own(self, model: str, name: str, value: Any, own: Mapping[str, float]) -> bool:
        """Whether that was sent because of the voice."""
        bound = name if name.startswith("max_") else "max_completion_tokens"
        return (
            self._values(own, bound).get(name) == value and (model, name, value) not in self._refused_values
        )

    def _values(self, own: Mapping[str, float], bound: str) -> dict[str, float]:
        """Those of a voice, by the names by which they are sent."""
        values = {name: own[name] for name in ("temperature", "top_p") if name in own}
        if "max_output_tokens" in own:
            values[bound] = output_bound(self._settings.max_output_tokens, own)
        return values


def output_bound(most: int, own: Mapping[str, float] = _NONE) -> int:
    """How many model tokens an answer may have: a voice's own bound counts within the settings' `most`."""
    return int(min(own.get("max_output_tokens", most), most))


def _named(sent: dict[str, Any], error: openai.APIStatusError) -> str | None:
    """The parameter that `error` is about: its `param` decides, else the first one in its message."""
    for text in (str(error.param or ""), reason_of(error)):
        places = [(found.start(), name) for name in sent if (found := re.search(rf"\b{name}\b", text))]
        if places:
            return min(places)[1]
    return None
