"""The form of a voice: what was written in its fields, and what a voice says in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import request

from chatapp.turns.voice import History, Voice
from chatapp.web.body import validated
from chatapp.web.services import services
from chatapp.web.voice_body import VoiceBody

NEW = {"key": "", "name": "", "colour": "#2f6f8f", "description": "", "prompt": "", "model": "", "history": "branch",
       "temperature": "", "top_p": "", "max_output_tokens": "", "disabled": ""}  # fmt: skip
"""What the fields of a new one hold."""
_NUMBERS = {"temperature": float, "top_p": float, "max_output_tokens": int}
HISTORIES = {
    History.BRANCH: "the one that was chosen, or else its own",
    History.OWN: "only its own",
    History.ALL: "those of all voices",
}


def written_fields() -> dict[str, str]:
    """What this request's form holds."""
    return {name: request.form.get(name, "") for name in NEW}


def fields_of(voice: Voice) -> dict[str, str]:
    """What the fields hold where `voice` is to be changed."""
    told: dict[str, Any] = {name: getattr(voice, name, "") for name in NEW} | dict(voice.parameters)
    return {**{name: _shown(value) for name, value in told.items()}, "history": voice.history.value}


def _shown(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return "1" if value else ""
    return str(value)


def voice_of(fields: Mapping[str, str], key: str) -> Voice:
    """The voice that the fields describe. Raises ValidationFailed."""
    numbers = {name: _number(fields[name], kind) for name, kind in _NUMBERS.items() if fields[name].strip()}
    texts = {name: fields[name] for name in ("name", "colour", "description", "prompt", "history")}
    body = {
        **texts,
        "key": key,
        "model": fields["model"] or None,
        "parameters": numbers,
        "disabled": bool(fields["disabled"]),
    }
    return validated(lambda: VoiceBody.model_validate(body)).voice()


def _number(written: str, kind: type[int] | type[float]) -> float | str:
    """What is no number stays what it is, and is refused as that."""
    try:
        return kind(written.strip().replace(",", "."))
    except ValueError:
        return written


def models(current: str) -> list[str]:
    """Those to choose from, with the one that is chosen, offered or not."""
    names = services().answering.catalogue.names
    return [*names, *([current] if current and current not in names else [])]
