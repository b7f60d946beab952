"""What the chat page shows: rows made ready for its template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from markupsafe import Markup, escape

from chatapp.web.markdown.render_thread import SHORT, in_render_thread
from chatapp.web.markdown.renderer import render
from chatapp.web.pieces import Pieces

_NOT_WHOLE = frozenset({"cancelled", "error", "interrupted", "partial"})


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """One message as the page shows it. `html` is safe: the user's words escaped, a reply's Markdown rendered."""

    id: str
    role: str
    content: str
    html: Markup
    status: str
    voice: str | None
    model: str | None
    finish_reason: str | None
    error_sentence: str | None
    created_at: datetime
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None
    total_ms: int | None = None
    again_of: str | None = None
    """The turn that the page offers to ask again; None where it does not."""


@dataclass(frozen=True, slots=True)
class ShownConversation:
    """One line of the sidebar."""

    session_id: str
    title: str
    updated_at: datetime
    current: bool


def shown_messages(rows: Sequence[Any], pieces: Pieces, *, newest: bool) -> list[ShownMessage]:
    """Messages, oldest first, made in `pieces`. `newest` says that the conversation ends with them: if the last is a
    reply that is not whole, its question can be asked again."""
    shown = list(pieces.between(map(shown_message, rows)))
    if newest and shown and shown[-1].status in _NOT_WHOLE:
        shown[-1] = replace(shown[-1], again_of=rows[-1].turn_id)
    return shown


def shown_message(row: Any) -> ShownMessage:
    is_reply = row.role == "assistant"
    running = row.status == "streaming"
    return ShownMessage(
        id=row.id,
        role=row.role,
        content=row.content,
        html=_rendered(row.content) if is_reply and not running else escape(row.content),
        status=row.status or "complete",
        voice=row.voice,
        model=row.model,
        finish_reason=row.finish_reason,
        error_sentence=row.error_message,
        created_at=row.created_at,
        tokens_in=row.tokens_in,
        tokens_out=row.tokens_out,
        cost_usd=row.cost_usd,
        total_ms=row.total_ms,
    )


def _rendered(source: str) -> Markup:
    """The reply as HTML."""
    return render(source) if len(source) <= SHORT else in_render_thread(render, source)


def shown_conversation(row: Any, current: str | None) -> ShownConversation:
    return ShownConversation(row.session_id, row.title, row.updated_at, row.session_id == current)
