"""The page of a conversation, or of a new one: its messages, the composer, and the list of the others."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import request, url_for

from chatapp.errors import ValidationFailed
from chatapp.turns.conversations import Place
from chatapp.turns.turns import FollowedTurn
from chatapp.turns.voice import Voice
from chatapp.web.api.page import asked_place, cursor_of
from chatapp.web.identity import current_account
from chatapp.web.pages.exchange import ShownExchange, begun_with_a_question, shown_exchanges
from chatapp.web.pages.live_voice import LiveVoice
from chatapp.web.pages.shown import shown_conversation
from chatapp.web.pages.voice_choice import voice_choice
from chatapp.web.pages.written import written
from chatapp.web.pieces import Pieces
from chatapp.web.services import services

_SIDEBAR = 50
MESSAGES = 100
"""On one page of a conversation, at most."""


@dataclass(frozen=True, slots=True)
class ShownTurn:
    """The turn that a page says is running. `is_bound` says that it ends with somebody's connection, as far as that
    is known here."""

    id: str
    stream_url: str
    cancel_url: str
    is_bound: bool


def chat_page(
    found: Any, *, running: FollowedTurn | None = None, live: Sequence[LiveVoice] = (), **values: Any
) -> str:
    """The chat page for a conversation, or for a new one when `found` is None. Voices that are `live` have the replies
    that they are writing in places of their own."""
    user_id = current_account().id
    conversations, session_id = services().conversations, found and found.session_id
    asked = request.args.get("before", "")
    before = asked if asked.isalnum() and asked.isascii() else None
    pieces = Pieces(services().turnstile)
    rows = conversations.latest_messages(user_id, session_id, MESSAGES + 1, before) if found else []
    kept = begun_with_a_question(rows, MESSAGES)
    more, rows = len(kept) < len(rows), kept
    settled = [row for row in rows if row.generation_id not in {each.generation_id for each in live}]
    newest = before is None and not live
    exchanges = shown_exchanges(settled, pieces, _goes_on_from(found, rows, before), newest=newest)
    offered = services().voices.offered(user_id)
    listed = conversations.list(user_id, _SIDEBAR + 1, _older_than())
    older = url_for("pages.conversation", session_id=session_id, before=rows[0].id) if more else None
    shown: dict[str, Any] = {
        "conversation": found,
        "conversations": [shown_conversation(row, session_id) for row in listed[:_SIDEBAR]],
        "exchanges": exchanges,
        "colours": [*(each.hash_colour for each in live), *_colours(exchanges, offered)],
        "older_url": older,
        "next_conversations_url": _older_conversations(listed),
        "running_turn": shown_turn(running) if running else None,
        "live_blocks": None,
        "live_voices": live,
        "crowded": False,
        "choice": voice_choice(found, offered),
        "client_message_id": secrets.token_urlsafe(16),
        "draft": "",
        "form_error": None,
    }
    return written("chat.html", {**shown, **values}, pieces)


def _goes_on_from(found: Any, rows: Sequence[Any], before: str | None) -> str | None:
    """What comes after these messages goes on from: by the choice made so far, or by the next question."""
    if before is None or not rows:
        return found.goes_on_from if found else None
    return next_goes_on_from(found.session_id, rows[-1].id)


def next_goes_on_from(session_id: str, message_id: str) -> str | None:
    """The message that the one after `message_id` follows, if there is one."""
    after = services().conversations.messages(current_account().id, session_id, 1, message_id)
    return after[0].parent_id if after else None


def _colours(exchanges: Sequence[ShownExchange], offered: Mapping[str, Voice]) -> list[str]:
    """What is shown, and what can be shown next."""
    replies = (each.message for exchange in exchanges for each in exchange.all_replies)
    said, next_ones = (f"#{each.colour}" for each in replies), (each.colour for each in offered.values())
    return list(dict.fromkeys([*said, *next_ones]))


def _older_than() -> Place | None:
    """Where the sidebar begins; anything that is no place of ours is the beginning."""
    try:
        return asked_place("older")
    except ValidationFailed:
        return None


def _older_conversations(listed: Sequence[Any]) -> str | None:
    """Where the sidebar goes on, when there is more than it shows."""
    if len(listed) <= _SIDEBAR:
        return None
    last = listed[_SIDEBAR - 1]
    return f"{request.path}?{urlencode({'older': cursor_of(Place(last.updated_at, last.session_id))})}"


def shown_turn(turn: FollowedTurn) -> ShownTurn:
    return ShownTurn(
        turn.id,
        url_for("turn.turn_stream", turn_id=turn.id),
        url_for("turn.cancel_turn", turn_id=turn.id),
        turn.bound is True,
    )
