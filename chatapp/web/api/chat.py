"""Sending a message: streamed at once, in either dialect, or started as a turn that is followed elsewhere."""

from __future__ import annotations

from flask import Blueprint, Response

from chatapp.errors import NotFound
from chatapp.streaming.dialect import EVENTS, EVENTS_WITH_SENTENCES, PLAIN, Dialect
from chatapp.turns.continued import TurnRunning
from chatapp.turns.new_turn import CommittedTurn, NewTurn
from chatapp.turns.start import MessageIdReused
from chatapp.turns.turns import FollowedTurn
from chatapp.web.access import streams
from chatapp.web.api.message_body import ChatBody, PlainBody
from chatapp.web.api.started_turn import FOLLOW_UPS, as_started, told_turn
from chatapp.web.body import parsed
from chatapp.web.body_size import MESSAGE, takes
from chatapp.web.limits.limits import limits
from chatapp.web.openapi import event_stream
from chatapp.web.openapi.operation import described
from chatapp.web.openapi.parameter import IDEMPOTENCY_KEY, SCENARIO
from chatapp.web.services import services
from chatapp.web.streams.answer import bound_stream

blueprint = Blueprint("chat", __name__, url_prefix="/api")


_ASKS = (IDEMPOTENCY_KEY, SCENARIO)
_ERRORS = (NotFound, TurnRunning, MessageIdReused)
_IN_HEADERS = {
    "turn_stream": {"turn_id": "$response.header.X-Turn-Id"},
    "messages": {"session_id": "$response.header.X-Session-Id"},
}


@blueprint.post("/v1/chat")
@streams
@takes(MESSAGE)
@described(
    {200: event_stream.MESSAGE, 204: event_stream.HAD_EVERYTHING},
    takes=ChatBody,
    example={"message": "Why is the sky blue?"},
    asks=_ASKS,
    errors=_ERRORS,
    follow_ups=_IN_HEADERS,
)
def chat() -> Response:
    """Sends a message and streams the answer.

    The answer is tied to this connection: who hangs up ends it, and what arrived is kept. With one voice the sentence
    of a failure is sent as a `token` as well, for clients that know nothing else.
    """
    return _streamed(parsed(ChatBody).new_turn(bound=True), EVENTS_WITH_SENTENCES)


@blueprint.post("/chat/stream")
@streams
@takes(MESSAGE)
@described(
    {200: event_stream.PLAIN_MESSAGE, 204: event_stream.HAD_EVERYTHING},
    takes=PlainBody,
    example={"message": "Why is the sky blue?"},
    asks=_ASKS,
    errors=_ERRORS,
    follow_ups=_IN_HEADERS,
)
def plain_chat() -> Response:
    """The same in its simplest form: events without names, for a client of ten lines."""
    return _streamed(parsed(PlainBody).new_turn(), PLAIN)


@blueprint.post("/v1/turns")
@takes(MESSAGE)
@described(
    {202: as_started("The message is saved, and the answer on its way.")},
    takes=ChatBody,
    example={"message": "Why is the sky blue?", "voices": ["seeker"]},
    asks=_ASKS,
    errors=_ERRORS,
    follow_ups=FOLLOW_UPS,
)
def start_turn() -> Response:
    """Sends a message; the answer belongs to the conversation, and is followed elsewhere."""
    new = parsed(ChatBody).new_turn(bound=False)
    committed, turn = _begun(new)
    turn.start()
    return told_turn(committed.session_id, turn)


def _streamed(new: NewTurn, dialect: Dialect) -> Response:
    committed, turn = _begun(new)
    return bound_stream(turn, EVENTS if len(new.voices) > 1 else dialect, committed.session_id)


def _begun(new: NewTurn) -> tuple[CommittedTurn, FollowedTurn]:
    limits().count_message()
    return services().answering.turns.begin(new)
