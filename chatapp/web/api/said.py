"""What is told of a conversation and of its messages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from chatapp.streaming.event_data import FinishReason, GenerationStatus
from chatapp.web.openapi.example import (
    GENERATION_ID,
    MODEL,
    MOMENT,
    QUESTION_ID,
    REPLY_ID,
    SESSION_ID,
    TURN_ID,
)

Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
NextCursor = Annotated[
    str | None, Field(description="Hand it back as `cursor` for the next page; `null` on the last one.")
]


class Conversation(TypedDict):
    """One conversation."""

    session_id: str
    title: str
    created_at: Moment
    updated_at: Moment
    pinned: bool
    archived: bool
    model: Annotated[
        str | None, Field(description="What the first message named; `null` where it named none.")
    ]
    voices: Annotated[list[str], Field(description="Who was asked last.")]
    goes_on_from: Annotated[
        str | None, Field(description="The reply to its newest message that was chosen to go on from.")
    ]


class ConversationPage(TypedDict):
    """A page of conversations, the one that was last active first."""

    items: list[Conversation]
    next_cursor: NextCursor


class Message(TypedDict):
    """One message. What only a reply has is `null` for a user's."""

    id: str
    parent_id: Annotated[str | None, Field(description="The message that it follows.")]
    turn_id: str
    generation_id: str | None
    role: Literal["user", "assistant"]
    voice: str | None
    voice_name: Annotated[str | None, Field(description="As it was when it answered; so is the colour.")]
    voice_colour: str | None
    is_merge: Annotated[bool, Field(description="Whether it was made of all replies to its message.")]
    content: Annotated[str, Field(description="While it is being written, what was saved so far.")]
    status: GenerationStatus
    finish_reason: FinishReason | None
    error_code: str | None
    model: str | None
    tokens_in: int | None
    tokens_out: int | None
    cost_usd: float | None
    citations: Annotated[list[Any], Field(description="What a merged answer was made of.")]
    created_at: Moment


class MessagePage(TypedDict):
    """A page of messages, oldest first."""

    items: list[Message]
    next_cursor: NextCursor


def told_conversation(row: Any) -> Conversation:
    """`row` of Conversations, as the API tells it."""
    return {
        "session_id": row.session_id,
        "title": row.title,
        "created_at": moment(row.created_at),
        "updated_at": moment(row.updated_at),
        "pinned": row.pinned,
        "archived": row.archived,
        "model": row.model,
        "voices": row.voices,
        "goes_on_from": row.goes_on_from,
    }


def told_message(row: Any) -> Message:
    """The same for a row of what was said."""
    return {
        "id": row.id,
        "parent_id": row.parent_id,
        "turn_id": row.turn_id,
        "generation_id": row.generation_id,
        "role": row.role,
        "voice": row.voice,
        "voice_name": row.voice_name,
        "voice_colour": row.voice_colour,
        "is_merge": bool(row.is_merge),
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


CONVERSATION: Conversation = {
    "session_id": SESSION_ID,
    "title": "Why is the sky blue?",
    "created_at": MOMENT,
    "updated_at": MOMENT,
    "pinned": False,
    "archived": False,
    "model": None,
    "voices": ["seeker"],
    "goes_on_from": None,
}
QUESTION: Message = {
    "id": QUESTION_ID,
    "parent_id": None,
    "turn_id": TURN_ID,
    "generation_id": None,
    "role": "user",
    "voice": None,
    "voice_name": None,
    "voice_colour": None,
    "is_merge": False,
    "content": "Why is the sky blue?",
    "status": "complete",
    "finish_reason": None,
    "error_code": None,
    "model": None,
    "tokens_in": None,
    "tokens_out": None,
    "cost_usd": None,
    "citations": [],
    "created_at": MOMENT,
}
REPLY: Message = {
    **QUESTION,
    "id": REPLY_ID,
    "parent_id": QUESTION_ID,
    "generation_id": GENERATION_ID,
    "role": "assistant",
    "voice": "seeker",
    "voice_name": "Seeker",
    "voice_colour": "#2f6f8f",
    "content": "Air scatters blue light more than red.",
    "finish_reason": "stop",
    "model": MODEL,
    "tokens_in": 5,
    "tokens_out": 15,
    "cost_usd": 0.00000975,
}
