"""Sending a message: streamed at once, in either dialect, or started as a turn that is followed elsewhere."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, make_response, url_for

from chatapp.streaming.dialect import EVENTS, EVENTS_WITH_SENTENCES, PLAIN, Dialect
from chatapp.turns.new_turn import CommittedTurn, NewTurn
from chatapp.turns.turns import FollowedTurn
from chatapp.web.access import streams
from chatapp.web.api.message_body import ChatBody, PlainBody
from chatapp.web.body import parsed
from chatapp.web.body_size import MESSAGE, takes
from chatapp.web.limits.limits import limits
from chatapp.web.services import services
from chatapp.web.streams.answer import bound_stream

blueprint = Blueprint("chat", __name__, url_prefix="/api")


@blueprint.post("/v1/chat")
@streams
@takes(MESSAGE)
def chat() -> Response:
    """The event dialect. The generation is tied to this connection."""
    return _streamed(parsed(ChatBody).new_turn(bound=True), EVENTS_WITH_SENTENCES)


@blueprint.post("/chat/stream")
@streams
@takes(MESSAGE)
def plain_chat() -> Response:
    """The plain dialect. The generation is tied to this connection."""
    return _streamed(parsed(PlainBody).new_turn(), PLAIN)


@blueprint.post("/v1/turns")
@takes(MESSAGE)
def start_turn() -> Response:
    """Starts a turn that belongs to the conversation, and says where to follow it."""
    new = parsed(ChatBody).new_turn(bound=False)
    committed, turn = _begun(new)
    turn.start()
    told = {
        "turn_id": committed.id,
        "session_id": committed.session_id,
        "generations": [{"id": each["generation_id"], "voice": each["voice"]} for each in turn.standings()],
        "stream_url": url_for("turn.turn_stream", turn_id=committed.id),
    }
    return make_response(jsonify(told), 202)


def _streamed(new: NewTurn, dialect: Dialect) -> Response:
    committed, turn = _begun(new)
    return bound_stream(turn, EVENTS if len(new.voices) > 1 else dialect, committed.session_id)


def _begun(new: NewTurn) -> tuple[CommittedTurn, FollowedTurn]:
    limits().count_message()
    return services().answering.turns.begin(new)
