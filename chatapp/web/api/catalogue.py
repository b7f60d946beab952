"""What can be asked for: models and voices."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from chatapp.turns.voice import DEFAULT_VOICE, VOICES
from chatapp.web.services import services

blueprint = Blueprint("catalogue", __name__, url_prefix="/api/v1")


@blueprint.get("/models")
def models() -> Response:
    """The models that are offered; `simulated` says that none of them is real."""
    answering = services().answering
    names = answering.catalogue.names or (answering.catalogue.default,)
    simulated = answering.upstream.simulated
    items = [
        {"id": name, "default": name == answering.catalogue.default, "simulated": simulated} for name in names
    ]
    return jsonify(items=items, next_cursor=None, simulated=simulated)


@blueprint.get("/voices")
def voices() -> Response:
    items = [
        {
            "key": voice.key,
            "name": voice.name,
            "colour": voice.colour,
            "description": voice.description,
            "model": voice.model,
            "default": voice is DEFAULT_VOICE,
        }
        for voice in VOICES.values()
    ]
    return jsonify(items=items, next_cursor=None)
