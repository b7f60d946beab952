"""What a message would cost at most, before it is sent."""

from __future__ import annotations

from typing import Annotated

from flask import Blueprint, Response, jsonify
from pydantic import Field
from typing_extensions import TypedDict

from chatapp.errors import NotFound
from chatapp.turns.estimate import Estimate, sum_of
from chatapp.web.api.message_body import ChatBody
from chatapp.web.body import parsed
from chatapp.web.body_size import MESSAGE, takes
from chatapp.web.openapi.example import MODEL
from chatapp.web.openapi.operation import Json, described
from chatapp.web.openapi.parameter import IDEMPOTENCY_KEY
from chatapp.web.services import services

blueprint = Blueprint("estimate", __name__, url_prefix="/api/v1")
_ABOUT = "About four characters of Latin script make one; counted on the careful side for other scripts."
_NO_PRICE = "`null` where the model's price is not known."


class VoiceEstimate(TypedDict):
    """What one voice's answer would take."""

    voice: str
    model: str
    tokens_in: Annotated[int, Field(description=_ABOUT)]
    tokens_out_at_most: int
    cost_usd_at_most: Annotated[float | None, Field(description=_NO_PRICE)]


class TurnEstimate(TypedDict):
    """What all that were asked would take."""

    voices: list[VoiceEstimate]
    cost_usd_at_most: Annotated[float | None, Field(description="`null` where one of them is not known.")]


_EXAMPLE: TurnEstimate = {
    "voices": [
        {
            "voice": "seeker",
            "model": MODEL,
            "tokens_in": 110,
            "tokens_out_at_most": 2000,
            "cost_usd_at_most": 0.0012165,
        }
    ],
    "cost_usd_at_most": 0.0012165,
}


@blueprint.post("/estimates")
@takes(MESSAGE)
@described(
    {200: Json(TurnEstimate, _EXAMPLE, "Nothing was sent, and nothing is counted as a message.")},
    takes=ChatBody,
    example={"message": "Why is the sky blue?", "voices": ["seeker"]},
    asks=(IDEMPOTENCY_KEY,),
    errors=(NotFound,),
)
def estimate_turn() -> Response:
    """Says what a message would cost at most.

    What would be sent is counted as it is: the voice's prompt, what it sees of the conversation, the message. An answer
    counts as long as it may be.
    """
    estimates = services().answering.estimates.of(parsed(ChatBody).new_turn(bound=False))
    told: TurnEstimate = {
        "voices": [_told(each) for each in estimates],
        "cost_usd_at_most": sum_of([each.cost_usd_at_most for each in estimates]),
    }
    return jsonify(told)


def _told(estimate: Estimate) -> VoiceEstimate:
    return {
        "voice": estimate.voice.key,
        "model": estimate.model,
        "tokens_in": estimate.tokens_in,
        "tokens_out_at_most": estimate.tokens_out_at_most,
        "cost_usd_at_most": estimate.cost_usd_at_most,
    }
