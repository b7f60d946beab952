"""One generation: what became of it, its stream, and its end; and a voice of a conversation, which is one."""

from __future__ import annotations

from typing import Annotated, Any, cast

from flask import Blueprint, Response, jsonify
from pydantic import Field
from typing_extensions import TypedDict

from chatapp.streaming.event_data import FinishReason, GenerationStatus
from chatapp.streaming.progress_dialect import ProgressDialect
from chatapp.streaming.voice_dialect import one_voice
from chatapp.turns.continued import TurnRunning
from chatapp.turns.question import QuestionPassed, TooManyReplies
from chatapp.turns.start import MessageIdReused
from chatapp.web.access import asks_for_stream_token, streams
from chatapp.web.api.started_turn import FOLLOW_UPS, as_started, told_turn
from chatapp.web.body_size import NOTHING, takes
from chatapp.web.further_turn import VoiceGone, asked_again
from chatapp.web.identity import current_account
from chatapp.web.openapi import event_stream
from chatapp.web.openapi.example import GENERATION_ID, MODEL, SESSION_ID, TURN_ID
from chatapp.web.openapi.operation import Json, described
from chatapp.web.openapi.parameter import IDEMPOTENCY_KEY, SCENARIO
from chatapp.web.services import services
from chatapp.web.streams.answer import stream
from chatapp.web.streams.position import asked_position

blueprint = Blueprint("generation", __name__)


class Generation(TypedDict):
    """One answer by one voice, and what became of it."""

    id: str
    turn_id: str
    session_id: str
    voice: str
    model: str
    status: GenerationStatus
    finish_reason: FinishReason | None
    error_code: str | None
    provider_retry_count: Annotated[int, Field(description="How often the model's provider was asked again.")]
    ttft_ms: Annotated[int | None, Field(description="From the call of upstream to the first text.")]
    total_ms: Annotated[
        int | None, Field(description="From the call of upstream to the end; `null` where it was not called.")
    ]
    tokens_in: int | None
    tokens_out: int | None
    cost_usd: Annotated[float | None, Field(description="`null` without a known price or without counts.")]


class StoppedGeneration(TypedDict):
    """The generation was asked to stop."""

    generation_id: str


GENERATION: Generation = {
    "id": GENERATION_ID,
    "turn_id": TURN_ID,
    "session_id": SESSION_ID,
    "voice": "seeker",
    "model": MODEL,
    "status": "complete",
    "finish_reason": "stop",
    "error_code": None,
    "provider_retry_count": 0,
    "ttft_ms": 312,
    "total_ms": 1280,
    "tokens_in": 5,
    "tokens_out": 15,
    "cost_usd": 0.00000975,
}


@blueprint.get("/api/v1/generations/<generation_id>")
@described({200: Json(Generation, GENERATION)})
def generation(generation_id: str) -> Response:
    """What became of one generation."""
    return jsonify(told_generation(services().conversations.generation(current_account().id, generation_id)))


def told_generation(row: Any) -> Generation:
    """`row` of Conversations, as the API tells it."""
    return cast(Generation, {name: getattr(row, name) for name in Generation.__annotations__})


@blueprint.get("/api/v1/generations/<generation_id>/stream", endpoint="generation_stream")
@blueprint.get("/generations/generate/<generation_id>/stream", endpoint="generate_stream")
@asks_for_stream_token
@described({200: event_stream.GENERATION, 204: event_stream.HAD_EVERYTHING})
def generation_stream(generation_id: str) -> Response:
    """One generation with its progress, from the reader's position on."""
    followed = services().answering.turns.follow_generation(current_account().id, generation_id)
    turn, voice = followed.turn, one_voice(followed.voice, alone=followed.is_alone)
    dialect = ProgressDialect(
        followed.generation_id,
        voice,
        has_started=lambda: turn.has_started(followed.generation_id),
        has_ended=followed.has_ended or turn.log.ended_at(voice) is not None,
        is_fresh=asked_position() is None,
    )
    return stream(turn, dialect)


@blueprint.post("/api/v1/generations/<generation_id>/cancel")
@takes(NOTHING)
@described({200: Json(StoppedGeneration, {"generation_id": GENERATION_ID})})
def cancel_generation(generation_id: str) -> Response:
    """Stops the generation, and no other of its turn; one that has ended stays as it is."""
    services().answering.turns.stop_generation(current_account().id, generation_id)
    told: StoppedGeneration = {"generation_id": generation_id}
    return jsonify(told)


@blueprint.post("/api/v1/generations/<generation_id>/again")
@takes(NOTHING)
@described(
    {202: as_started("The voice is asked again, or was already; its turn.")},
    asks=(IDEMPOTENCY_KEY, SCENARIO),
    errors=(TurnRunning, QuestionPassed, TooManyReplies, VoiceGone, MessageIdReused),
    follow_ups=FOLLOW_UPS,
)
def try_again(generation_id: str) -> Response:
    """Asks the voice of a generation again, and no other, without repeating the question.

    A generation is tried again once, however often that is asked; the turn that there is, is answered. With an
    `Idempotency-Key` each key asks once."""
    tries = services().conversations.tries_of_generation(current_account().id, generation_id)
    return told_turn(tries.session_id, asked_again(tries, tries.of(generation_id)))


@blueprint.get("/api/sessions/<session_id>/stream/<voice>")
@streams
@described({200: event_stream.TURN, 204: event_stream.HAD_EVERYTHING})
def voice_stream(session_id: str, voice: str) -> Response:
    """That voice's newest answer to the newest question, merges aside, from the reader's position on."""
    followed = services().answering.turns.follow_voice(current_account().id, session_id, voice)
    return stream(followed.turn, one_voice(voice, alone=followed.is_alone))
