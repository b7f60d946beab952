"""Conversations and what was said in them."""

from __future__ import annotations

from typing import Annotated, Any

from flask import Blueprint, Response
from flask import jsonify as answer
from pydantic import AfterValidator, Field, StringConstraints

from chatapp.store.conversation import TITLE_LENGTH
from chatapp.store.identifier import ID_PATTERN
from chatapp.turns.continued import TurnRunning
from chatapp.turns.conversations import Place
from chatapp.web.api.page import (
    ID_CURSOR,
    LIMIT_PARAMETER,
    PLACE_CURSOR,
    asked_limit,
    asked_message,
    asked_place,
    cursor_of,
    listed,
)
from chatapp.web.api.said import (
    CONVERSATION,
    QUESTION,
    REPLY,
    Conversation,
    ConversationPage,
    MessagePage,
    told_conversation,
    told_message,
)
from chatapp.web.body import Body, parsed, plain_text, trimmed_schema
from chatapp.web.identity import current_account
from chatapp.web.openapi.operation import Json, Nothing, described
from chatapp.web.services import services

blueprint = Blueprint("conversation", __name__, url_prefix="/api/v1/conversations")


Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=TITLE_LENGTH),
    AfterValidator(plain_text),
    trimmed_schema(TITLE_LENGTH),
]


MessageKey = Annotated[str, StringConstraints(pattern=ID_PATTERN)]


def _no_default(schema: dict[str, Any]) -> None:
    """The default only marks what is absent."""
    schema.pop("default", None)


class ChangeBody(Body):
    """What may be changed; a field that is absent stays as it is."""

    title: Title = Field("", json_schema_extra=_no_default)
    pinned: bool = Field(False, json_schema_extra=_no_default)
    archived: bool = Field(False, json_schema_extra=_no_default)
    goes_on_from: MessageKey | None = Field(
        None,
        json_schema_extra=_no_default,
        description="A reply with text to its newest message, the newest of its voice; `null` takes the choice back.",
    )


@blueprint.get("")
@described(
    {200: Json(ConversationPage, {"items": [CONVERSATION], "next_cursor": None})},
    asks=(LIMIT_PARAMETER, PLACE_CURSOR),
)
def conversations() -> Response:
    """The caller's conversations, the one that was last active first."""
    limit = asked_limit()
    rows = services().conversations.list(current_account().id, limit + 1, asked_place())
    more = len(rows) > limit
    cursor = cursor_of(Place(rows[limit - 1].updated_at, rows[limit - 1].session_id)) if more else None
    return listed(map(told_conversation, rows[:limit]), cursor)


@blueprint.get("/<session_id>")
@described({200: Json(Conversation, CONVERSATION)})
def conversation(session_id: str) -> Response:
    """One conversation."""
    return answer(told_conversation(services().conversations.get(current_account().id, session_id)))


@blueprint.patch("/<session_id>")
@described(
    {200: Json(Conversation, {**CONVERSATION, "title": "The sky", "pinned": True}, "As it is now.")},
    takes=ChangeBody,
    example={"title": "The sky", "pinned": True},
)
def change_conversation(session_id: str) -> Response:
    """Renames, pins or archives a conversation, or chooses the reply that it goes on from."""
    body = parsed(ChangeBody)
    changes = body.model_dump(include=body.model_fields_set)
    return answer(
        told_conversation(services().conversations.change(current_account().id, session_id, changes))
    )


@blueprint.delete("/<session_id>")
@described({204: Nothing("It is gone.")}, errors=(TurnRunning,))
def remove_conversation(session_id: str) -> Response:
    """Removes a conversation with all that was said in it."""
    services().conversations.remove(current_account().id, session_id)
    return Response(status=204)


@blueprint.get("/<session_id>/messages")
@described(
    {200: Json(MessagePage, {"items": [QUESTION, REPLY], "next_cursor": None})},
    asks=(LIMIT_PARAMETER, ID_CURSOR),
)
def messages(session_id: str) -> Response:
    """What was said in a conversation, oldest first."""
    limit = asked_limit()
    rows = services().conversations.messages(current_account().id, session_id, limit + 1, asked_message())
    cursor = rows[limit - 1].id if len(rows) > limit else None
    return listed(map(told_message, rows[:limit]), cursor)
