"""What the chat page shows: rows made ready for its templates. See exchange.py for how messages belong together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from markupsafe import Markup, escape

from chatapp.streaming.progress_dialect import HALF
from chatapp.turns.tries import NOT_WHOLE
from chatapp.web.markdown.references import Reference
from chatapp.web.markdown.render_thread import SHORT, in_render_thread
from chatapp.web.markdown.renderer import render

NO_COLOURS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """One message as the page shows it. `html` is safe: the user's words escaped, a reply's Markdown rendered. What
    is below `content` says something of replies alone; `colour` is six hexadecimal digits."""

    id: str
    turn_id: str
    role: str
    created_at: datetime
    content: str
    html: Markup
    status: str = "complete"
    generation_id: str | None = None
    voice: str | None = None
    voice_name: str = ""
    colour: str = ""
    is_merge: bool = False
    model: str | None = None
    finish_reason: str | None = None
    error_sentence: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None
    total_ms: int | None = None

    @property
    def is_running(self) -> bool:
        return self.status == "streaming"

    @property
    def is_whole(self) -> bool:
        return self.status not in NOT_WHOLE and not self.is_running

    @property
    def state(self) -> str:
        """In a word; static/voice.js has the same ones."""
        if self.is_running:
            return "Writing" if self.content else "Waiting"
        if self.is_whole:
            return "Done"
        return "Stopped" if self.finish_reason == "cancelled" else "Failed"

    @property
    def progress(self) -> float:
        """How far it is, as far as anybody can say: it grows with the text, and is 1 at the end."""
        length = len(self.content)
        return round(length / (length + HALF), 3) if self.is_running else 1.0


@dataclass(frozen=True, slots=True)
class ShownConversation:
    """One line of the sidebar."""

    session_id: str
    title: str
    updated_at: datetime
    current: bool


def shown_message(row: Any, colours: Mapping[str, str] = NO_COLOURS) -> ShownMessage:
    """`colours` are those of the replies that a merge may refer to, by generation."""
    if row.role == "user":
        return ShownMessage(row.id, row.turn_id, row.role, row.created_at, row.content, escape(row.content))
    running = row.status == "streaming"
    return ShownMessage(
        row.id,
        row.turn_id,
        row.role,
        row.created_at,
        row.content,
        html=escape(row.content) if running else _rendered(row.content, references_of(row, colours)),
        status=row.status,
        generation_id=row.generation_id,
        voice=row.voice,
        voice_name=row.voice_name,
        colour=row.voice_colour.removeprefix("#"),
        is_merge=row.is_merge,
        model=row.model,
        finish_reason=row.finish_reason,
        error_sentence=row.error_message,
        tokens_in=row.tokens_in,
        tokens_out=row.tokens_out,
        cost_usd=row.cost_usd,
        total_ms=row.total_ms,
    )


def colours_of(rows: Iterable[Any]) -> dict[str, str]:
    """Of the replies among `rows`, by their generations."""
    return {row.generation_id: row.voice_colour.removeprefix("#") for row in rows if row.role != "user"}


def references_of(row: Any, colours: Mapping[str, str]) -> tuple[Reference, ...]:
    """What a merge was made of, and can refer to."""
    return tuple(
        Reference(each["voice"], each["name"], each["generation_id"], colours.get(each["generation_id"], ""))
        for each in (row.citations if row.is_merge else ())
    )


def _rendered(source: str, known: tuple[Reference, ...]) -> Markup:
    """The reply as HTML."""
    return render(source, known) if len(source) <= SHORT else in_render_thread(render, source, known)


def shown_conversation(row: Any, current: str | None) -> ShownConversation:
    return ShownConversation(row.session_id, row.title, row.updated_at, row.session_id == current)
