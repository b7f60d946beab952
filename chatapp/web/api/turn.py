"""A turn that was started: what became of it, follow it, stop it, and merge the replies to its question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from flask import Blueprint, Response, jsonify
from pydantic import Field
from typing_extensions import TypedDict

from chatapp.streaming.dialect import EVENTS
from chatapp.streaming.event_data import FinishReason
from chatapp.turns.continued import TurnRunning
from chatapp.turns.ending import finish_reason_of
from chatapp.turns.question import NothingToMerge, QuestionPassed, TooManyReplies
from chatapp.turns.start import MessageIdReused
from chatapp.web.access import opened_by_stream_token
from chatapp.web.api.generation import GENERATION, Generation, told_generation
from chatapp.web.api.message_body import VoiceKey
from chatapp.web.api.started_turn import FOLLOW_UPS, as_started, told_turn
from chatapp.web.body import Body, parsed_if_any
from chatapp.web.body_size import NOTHING, takes
from chatapp.web.further_turn import merged
from chatapp.web.identity import current_account
from chatapp.web.openapi import event_stream
from chatapp.web.openapi.example import SESSION_ID, TURN_ID
from chatapp.web.openapi.operation import Json, described
from chatapp.web.openapi.parameter import IDEMPOTENCY_KEY, SCENARIO
from chatapp.web.services import services
from chatapp.web.streams.answer import stream

blueprint = Blueprint("turn", __name__, url_prefix="/api/v1")


class GenerationOfTurn(Generation):
    """The same, with the name that the voice had."""

    voice_name: str


class Usage(TypedDict):
    """What a turn has used, all its generations together. A sum is `null` as long as a part of it is not known: while
    one of them still runs, and for good where one ended without that number."""

    tokens_in: int | None
    tokens_out: int | None
    cost_usd: Annotated[float | None, Field(description="US dollars.")]


class Turn(TypedDict):
    """A message and the answers that it provokes, or further answers to one that was sent before."""

    turn_id: str
    session_id: str
    status: Literal["running", "ended"]
    finish_reason: Annotated[
        FinishReason | None, Field(description="As `done` tells it; `null` while it runs.")
    ]
    generations: Annotated[
        list[GenerationOfTurn], Field(description="In the order in which they were asked for.")
    ]
    usage: Usage


class StoppedTurn(TypedDict):
    """The turn was asked to stop."""

    turn_id: str


class MergeBody(Body):
    """Who merges."""

    voice: VoiceKey | None = Field(
        None, description="A key of `GET /api/v1/voices`; without it the default one."
    )


_EXAMPLE: Turn = {
    "turn_id": TURN_ID,
    "session_id": SESSION_ID,
    "status": "ended",
    "finish_reason": "stop",
    "generations": [{**GENERATION, "voice_name": "Seeker"}],
    "usage": {"tokens_in": 5, "tokens_out": 15, "cost_usd": 0.00000975},
}


@blueprint.get("/turns/<turn_id>")
@described({200: Json(Turn, _EXAMPLE)})
def turn(turn_id: str) -> Response:
    """What became of a turn, and what it has used."""
    found, generations = services().conversations.turn(current_account().id, turn_id)
    ended = found.status == "ended"
    ends = [(each.status, each.finish_reason or "error") for each in generations]
    told: dict[str, Any] = {
        "turn_id": found.id,
        "session_id": found.session_id,
        "status": found.status,
        "finish_reason": finish_reason_of(ends) if ended else None,
        "generations": [{**told_generation(each), "voice_name": each.voice_name} for each in generations],
        "usage": _usage(generations),
    }
    return jsonify(told)


def _usage(generations: Sequence[Any]) -> dict[str, float | None]:
    used = {name: [getattr(each, name) for each in generations] for name in Usage.__annotations__}
    return {name: None if None in parts else sum(parts) for name, parts in used.items()}


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


@blueprint.post("/turns/<turn_id>/merge")
@takes(NOTHING)
@described(
    {202: as_started("The merge is on its way, or was already; its turn.")},
    takes=MergeBody,
    needs_body=False,
    example={"voice": "seeker"},
    asks=(IDEMPOTENCY_KEY, SCENARIO),
    errors=(TurnRunning, QuestionPassed, TooManyReplies, NothingToMerge, MessageIdReused),
    follow_ups=FOLLOW_UPS,
)
def merge_turn(turn_id: str) -> Response:
    """Has one voice read all replies to the question of a turn, which must be the newest, and write one answer.

    The answer's message has the replies that were read as its `citations`, and refers to them as `[@voice]`. The
    conversation goes on from it. Asked twice for the same, it merges once, and the turn that there is, is answered;
    name the merge's own turn to have it merged anew. With an `Idempotency-Key` each key asks once."""
    voice = parsed_if_any(MergeBody).voice
    tries = services().conversations.tries_of_turn(current_account().id, turn_id)
    return told_turn(tries.session_id, merged(tries, turn_id, voice))
