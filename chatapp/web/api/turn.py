"""A turn that was started: follow it, stop it; and what became of a generation."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import MethodNotAllowed

from chatapp.streaming.dialect import EVENTS
from chatapp.web.identity import current_account
from chatapp.web.services import services
from chatapp.web.streams.answer import stream

blueprint = Blueprint("turn", __name__, url_prefix="/api/v1")

_GENERATION = (
    "id",
    "turn_id",
    "session_id",
    "voice",
    "model",
    "status",
    "finish_reason",
    "error_code",
    "provider_retry_count",
    "ttft_ms",
    "total_ms",
    "tokens_in",
    "tokens_out",
    "cost_usd",
)


@blueprint.get("/turns/<turn_id>/stream")
def turn_stream(turn_id: str) -> Response:
    """Every voice of the turn on one connection, from the reader's position on."""
    if request.method == "HEAD":
        raise MethodNotAllowed(["GET", "OPTIONS"])
    return stream(services().answering.turns.follow(current_account().id, turn_id), EVENTS)


@blueprint.post("/turns/<turn_id>/cancel")
def cancel_turn(turn_id: str) -> Response:
    """Stops the turn; one that has ended stays as it is."""
    services().answering.turns.stop(current_account().id, turn_id)
    return jsonify(turn_id=turn_id)


@blueprint.get("/generations/<generation_id>")
def generation(generation_id: str) -> Response:
    found = services().conversations.generation(current_account().id, generation_id)
    return jsonify({name: getattr(found, name) for name in _GENERATION})
