"""One generation: what became of it, its stream, and its end; and a voice of a conversation, which is one."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from chatapp.streaming.progress_dialect import ProgressDialect
from chatapp.streaming.voice_dialect import one_voice
from chatapp.web.access import asks_for_stream_token, streams
from chatapp.web.body_size import NOTHING, takes
from chatapp.web.identity import current_account
from chatapp.web.services import services
from chatapp.web.streams.answer import stream
from chatapp.web.streams.position import asked_position

blueprint = Blueprint("generation", __name__)

_TOLD = (
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


@blueprint.get("/api/v1/generations/<generation_id>")
def generation(generation_id: str) -> Response:
    found = services().conversations.generation(current_account().id, generation_id)
    return jsonify({name: getattr(found, name) for name in _TOLD})


@blueprint.get("/api/v1/generations/<generation_id>/stream", endpoint="generation_stream")
@blueprint.get("/generations/generate/<generation_id>/stream", endpoint="generate_stream")
@asks_for_stream_token
def generation_stream(generation_id: str) -> Response:
    """One generation with its progress, from the reader's position on."""
    followed = services().answering.turns.follow_generation(current_account().id, generation_id)
    turn, voice = followed.turn, one_voice(followed.voice, alone=followed.is_alone)
    dialect = ProgressDialect(
        followed.generation_id,
        voice,
        has_started=lambda: turn.has_started,
        has_ended=followed.has_ended or turn.log.ended_at(voice) is not None,
        is_fresh=asked_position() is None,
    )
    return stream(turn, dialect)


@blueprint.post("/api/v1/generations/<generation_id>/cancel")
@takes(NOTHING)
def cancel_generation(generation_id: str) -> Response:
    """Stops the generation, and no other of its turn; one that has ended stays as it is."""
    services().answering.turns.stop_generation(current_account().id, generation_id)
    return jsonify(generation_id=generation_id)


@blueprint.get("/api/sessions/<session_id>/stream/<voice>")
@streams
def voice_stream(session_id: str, voice: str) -> Response:
    """That voice of the conversation's newest turn, from the reader's position on."""
    followed = services().answering.turns.follow_voice(current_account().id, session_id, voice)
    return stream(followed.turn, one_voice(voice, alone=followed.is_alone))
