"""A turn that was started: follow it, stop it."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify
from typing_extensions import TypedDict

from chatapp.streaming.dialect import EVENTS
from chatapp.web.access import opened_by_stream_token
from chatapp.web.body_size import NOTHING, takes
from chatapp.web.identity import current_account
from chatapp.web.openapi import event_stream
from chatapp.web.openapi.example import TURN_ID
from chatapp.web.openapi.operation import Json, described
from chatapp.web.services import services
from chatapp.web.streams.answer import stream

blueprint = Blueprint("turn", __name__, url_prefix="/api/v1")


class StoppedTurn(TypedDict):
    """The turn was asked to stop."""

    turn_id: str


@blueprint.get("/turns/<turn_id>/stream")
@opened_by_stream_token
@described({200: event_stream.TURN, 204: event_stream.HAD_EVERYTHING})
def turn_stream(turn_id: str) -> Response:
    """Every voice of the turn on one connection, from the reader's position on."""
    return stream(services().answering.turns.follow(current_account().id, turn_id), EVENTS)


@blueprint.post("/turns/<turn_id>/cancel")
@takes(NOTHING)
@described({200: Json(StoppedTurn, {"turn_id": TURN_ID})})
def cancel_turn(turn_id: str) -> Response:
    """Stops the turn; one that has ended stays as it is."""
    services().answering.turns.stop(current_account().id, turn_id)
    told: StoppedTurn = {"turn_id": turn_id}
    return jsonify(told)
