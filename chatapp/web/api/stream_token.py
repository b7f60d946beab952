"""Stream tokens, for those who are signed in and will read a stream where they are not."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, url_for

from chatapp.accounts.stream_token import LIFETIME
from chatapp.web.body_size import NOTHING, takes
from chatapp.web.identity import current_account, current_issuer
from chatapp.web.services import services

blueprint = Blueprint("stream_token", __name__)


@blueprint.post("/api/v1/generations/<generation_id>/stream-token")
@takes(NOTHING)
def generation_stream_token(generation_id: str) -> Response:
    return _issued("generation.generation_stream", generation_id=generation_id)


@blueprint.post("/generations/generate/<generation_id>/stream-token")
@takes(NOTHING)
def generate_stream_token(generation_id: str) -> Response:
    """The same, where existing front ends ask for it."""
    return _issued("generation.generate_stream", generation_id=generation_id)


@blueprint.post("/api/v1/turns/<turn_id>/stream-token")
@takes(NOTHING)
def turn_stream_token(turn_id: str) -> Response:
    return _issued("turn.turn_stream", turn_id=turn_id)


def _issued(endpoint: str, **stream: Any) -> Response:
    token = services().stream_tokens.issue(current_account(), current_issuer(), **stream)
    told = {"sse_token": token, "expires_in": int(LIFETIME.total_seconds())}
    return jsonify(told | {"stream_url": url_for(endpoint, **stream), **stream})
