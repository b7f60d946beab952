"""Stream tokens, for those who are signed in and will read a stream where they are not."""

from __future__ import annotations

from typing import Annotated, Any

from flask import Blueprint, Response, jsonify, url_for
from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from chatapp.accounts.stream_token import LIFETIME
from chatapp.web.body_size import NOTHING, takes
from chatapp.web.identity import current_account, current_issuer
from chatapp.web.openapi.example import GENERATION_ID, TURN_ID
from chatapp.web.openapi.operation import Json, described
from chatapp.web.services import services

blueprint = Blueprint("stream_token", __name__)

SseToken = Annotated[str, Field(description="Send it as `?token=`.")]
StreamUrl = Annotated[str, Field(description="A path without query.")]


@with_config(ConfigDict(extra="forbid"))
class GenerationStreamToken(TypedDict):
    """The key to one generation's stream: for one use, within `expires_in` seconds."""

    sse_token: SseToken
    expires_in: int
    stream_url: StreamUrl
    generation_id: str


@with_config(ConfigDict(extra="forbid"))
class TurnStreamToken(TypedDict):
    """The key to one turn's stream: for one use, within `expires_in` seconds."""

    sse_token: SseToken
    expires_in: int
    stream_url: StreamUrl
    turn_id: str


_SECRET = "q3Zk0uVbN5cX8sLw1fYhTj7R"  # noqa: S105 - an example

_TURN_EXAMPLE: TurnStreamToken = {
    "sse_token": _SECRET,
    "expires_in": 60,
    "stream_url": f"/api/v1/turns/{TURN_ID}/stream",
    "turn_id": TURN_ID,
}


def _example(path: str) -> GenerationStreamToken:
    return {"sse_token": _SECRET, "expires_in": 60, "stream_url": path, "generation_id": GENERATION_ID}


@blueprint.post("/api/v1/generations/<generation_id>/stream-token")
@takes(NOTHING)
@described({200: Json(GenerationStreamToken, _example(f"/api/v1/generations/{GENERATION_ID}/stream"))})
def generation_stream_token(generation_id: str) -> Response:
    """A stream token for this generation."""
    return _issued("generation.generation_stream", generation_id=generation_id)


@blueprint.post("/generations/generate/<generation_id>/stream-token")
@takes(NOTHING)
@described({200: Json(GenerationStreamToken, _example(f"/generations/generate/{GENERATION_ID}/stream"))})
def generate_stream_token(generation_id: str) -> Response:
    """The same, where existing front ends ask for it."""
    return _issued("generation.generate_stream", generation_id=generation_id)


@blueprint.post("/api/v1/turns/<turn_id>/stream-token")
@takes(NOTHING)
@described({200: Json(TurnStreamToken, _TURN_EXAMPLE)})
def turn_stream_token(turn_id: str) -> Response:
    """A stream token for this turn."""
    return _issued("turn.turn_stream", turn_id=turn_id)


def _issued(endpoint: str, **stream: Any) -> Response:
    token = services().stream_tokens.issue(current_account(), current_issuer(), **stream)
    told = {"sse_token": token, "expires_in": int(LIFETIME.total_seconds())}
    return jsonify(told | {"stream_url": url_for(endpoint, **stream), **stream})
