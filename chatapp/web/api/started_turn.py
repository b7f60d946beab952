"""A turn that was started, as it is told to who follows it elsewhere."""

from __future__ import annotations

from typing import Annotated

from flask import Response, jsonify, make_response, url_for
from pydantic import Field
from typing_extensions import TypedDict

from chatapp.turns.turns import FollowedTurn
from chatapp.web.openapi.example import GENERATION_ID, SESSION_ID, TURN_ID
from chatapp.web.openapi.operation import Json


class NewGeneration(TypedDict):
    """One answer that is due."""

    id: str
    voice: str


class StartedTurn(TypedDict):
    """A turn, and where its answers can be followed."""

    turn_id: str
    session_id: str
    generations: list[NewGeneration]
    stream_url: Annotated[str, Field(description="A path without query.")]


_EXAMPLE: StartedTurn = {
    "turn_id": TURN_ID,
    "session_id": SESSION_ID,
    "generations": [{"id": GENERATION_ID, "voice": "seeker"}],
    "stream_url": f"/api/v1/turns/{TURN_ID}/stream",
}
FOLLOW_UPS = {
    "turn": {"turn_id": "$response.body#/turn_id"},
    "turn_stream": {"turn_id": "$response.body#/turn_id"},
    "cancel_turn": {"turn_id": "$response.body#/turn_id"},
    "turn_stream_token": {"turn_id": "$response.body#/turn_id"},
    "generation": {"generation_id": "$response.body#/generations/0/id"},
    "generation_stream": {"generation_id": "$response.body#/generations/0/id"},
    "cancel_generation": {"generation_id": "$response.body#/generations/0/id"},
    "generation_stream_token": {"generation_id": "$response.body#/generations/0/id"},
    "conversation": {"session_id": "$response.body#/session_id"},
    "messages": {"session_id": "$response.body#/session_id"},
}
"""Where that leads."""


def as_started(means: str) -> Json:
    """The answer, for a description."""
    return Json(StartedTurn, _EXAMPLE, means)


def told_turn(session_id: str, turn: FollowedTurn) -> Response:
    """The answer: 202."""
    told: StartedTurn = {
        "turn_id": turn.id,
        "session_id": session_id,
        "generations": [{"id": each["generation_id"], "voice": each["voice"]} for each in turn.standings()],
        "stream_url": url_for("turn.turn_stream", turn_id=turn.id),
    }
    return make_response(jsonify(told), 202)
