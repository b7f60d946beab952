"""Conversations and what was said in them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from flask import Blueprint, Response
from flask import jsonify as answer
from pydantic import AfterValidator, StringConstraints

from chatapp.store.conversation import TITLE_LENGTH
from chatapp.turns.conversations import Place
from chatapp.web.api.page import asked_limit, asked_message, asked_place, cursor_of, listed
from chatapp.web.body import Body, parsed, plain_text
from chatapp.web.identity import current_account
from chatapp.web.services import services

blueprint = Blueprint("conversation", __name__, url_prefix="/api/v1/conversations")


Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=TITLE_LENGTH),
    AfterValidator(plain_text),
]


class ChangeBody(Body):
    """What may be changed; a field that is absent stays as it is."""

    title: Title = ""
    pinned: bool = False
    archived: bool = False


@blueprint.get("")
def conversations() -> Response:
    limit = asked_limit()
    rows = services().conversations.list(current_account().id, limit + 1, asked_place())
    more = len(rows) > limit
    cursor = cursor_of(Place(rows[limit - 1].updated_at, rows[limit - 1].session_id)) if more else None
    return listed(map(_told, rows[:limit]), cursor)


@blueprint.get("/<session_id>")
def conversation(session_id: str) -> Response:
    return answer(_told(services().conversations.get(current_account().id, session_id)))


@blueprint.patch("/<session_id>")
def change_conversation(session_id: str) -> Response:
    body = parsed(ChangeBody)
    changes = body.model_dump(include=body.model_fields_set)
    return answer(_told(services().conversations.change(current_account().id, session_id, changes)))


@blueprint.delete("/<session_id>")
def remove_conversation(session_id: str) -> Response:
    services().conversations.remove(current_account().id, session_id)
    return Response(status=204)


@blueprint.get("/<session_id>/messages")
def messages(session_id: str) -> Response:
    limit = asked_limit()
    rows = services().conversations.messages(current_account().id, session_id, limit + 1, asked_message())
    cursor = rows[limit - 1].id if len(rows) > limit else None
    return listed(map(_said, rows[:limit]), cursor)


def _told(row: Any) -> dict[str, Any]:
    return {
        "session_id": row.session_id,
        "title": row.title,
        "created_at": moment(row.created_at),
        "updated_at": moment(row.updated_at),
        "pinned": row.pinned,
        "archived": row.archived,
        "model": row.model,
        "voices": row.voices,
    }


def _said(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "parent_id": row.parent_id,
        "turn_id": row.turn_id,
        "generation_id": row.generation_id,
        "role": row.role,
        "voice": row.voice,
        "content": row.content,
        "status": row.status or "complete",
        "finish_reason": row.finish_reason,
        "error_code": row.error_code,
        "model": row.model,
        "tokens_in": row.tokens_in,
        "tokens_out": row.tokens_out,
        "cost_usd": row.cost_usd,
        "citations": row.citations,
        "created_at": moment(row.created_at),
    }


def moment(value: datetime) -> str:
    """ISO 8601 in UTC."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
