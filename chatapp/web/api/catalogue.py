"""What can be asked for: models and voices."""

from __future__ import annotations

from typing import Annotated

from flask import Blueprint, Response, jsonify
from pydantic import Field
from typing_extensions import TypedDict

from chatapp.turns.built_in_voices import DEFAULT_VOICE
from chatapp.turns.voice import Voice
from chatapp.turns.voices import default_voice
from chatapp.web.identity import current_account
from chatapp.web.openapi.example import MODEL
from chatapp.web.openapi.operation import Json, described
from chatapp.web.services import services

blueprint = Blueprint("catalogue", __name__, url_prefix="/api/v1")


class OfferedModel(TypedDict):
    """A model that can be asked."""

    id: str
    default: Annotated[bool, Field(description="Whether it is taken where none is named.")]
    simulated: bool


class OfferedModels(TypedDict):
    """All of them."""

    items: list[OfferedModel]
    next_cursor: None
    simulated: Annotated[bool, Field(description="Whether none of them is real.")]


class OfferedVoice(TypedDict):
    """A voice that can be asked."""

    key: str
    name: str
    colour: str
    description: str
    model: Annotated[str | None, Field(description="`null` where the conversation's or the server's counts.")]
    default: Annotated[bool, Field(description="Whether it answers where none is named.")]


class OfferedVoices(TypedDict):
    """All of them."""

    items: list[OfferedVoice]
    next_cursor: None


def _told(voice: Voice, *, default: bool) -> OfferedVoice:
    return {
        "key": voice.key,
        "name": voice.name,
        "colour": voice.colour,
        "description": voice.description,
        "model": voice.model,
        "default": default,
    }


_MODELS: OfferedModels = {
    "items": [{"id": MODEL, "default": True, "simulated": False}],
    "next_cursor": None,
    "simulated": False,
}
_VOICES: OfferedVoices = {"items": [_told(DEFAULT_VOICE, default=True)], "next_cursor": None}


@blueprint.get("/models")
@described({200: Json(OfferedModels, _MODELS)})
def models() -> Response:
    """The models that can be asked."""
    answering = services().answering
    names = answering.catalogue.names or (answering.catalogue.default,)
    simulated = answering.upstream.simulated
    items: list[OfferedModel] = [
        {"id": name, "default": name == answering.catalogue.default, "simulated": simulated} for name in names
    ]
    told: OfferedModels = {"items": items, "next_cursor": None, "simulated": simulated}
    return jsonify(told)


@blueprint.get("/voices")
@described({200: Json(OfferedVoices, _VOICES)})
def voices() -> Response:
    """The voices that can be asked."""
    offered = services().voices.offered(current_account().id)
    default = default_voice(offered)
    items = [_told(voice, default=voice is default) for voice in offered.values()]
    told: OfferedVoices = {"items": items, "next_cursor": None}
    return jsonify(told)
