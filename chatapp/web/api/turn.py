"""A turn that was started: follow it, stop it."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from chatapp.streaming.dialect import EVENTS
from chatapp.web.access import opened_by_stream_token
from chatapp.web.body_size import NOTHING, takes
from chatapp.web.identity import current_account
from chatapp.web.services import services
from chatapp.web.streams.answer import stream

blueprint = Blueprint("turn", __name__, url_prefix="/api/v1")


@blueprint.get("/turns/<turn_id>/stream")
@opened_by_stream_token
def turn_stream(turn_id: str) -> Response:
    """Every voice of the turn on one connection, from the reader's position on."""
    return stream(services().answering.turns.follow(current_account().id, turn_id), EVENTS)


@blueprint.post("/turns/<turn_id>/cancel")
@takes(NOTHING)
def cancel_turn(turn_id: str) -> Response:
    """Stops the turn; one that has ended stays as it is."""
    services().answering.turns.stop(current_account().id, turn_id)
    return jsonify(turn_id=turn_id)
