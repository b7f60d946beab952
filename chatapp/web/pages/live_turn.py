"""The turn that the streamed page is about: the places of its voices, and the dialect that fills them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import render_template
from markupsafe import Markup

from chatapp.streaming.dialect import Dialect
from chatapp.turns.turns import FollowedTurn
from chatapp.web.markdown.references import Reference
from chatapp.web.pages.blocks_dialect import BlocksDialect
from chatapp.web.pages.live_voice import LiveVoice
from chatapp.web.pages.shown import colours_of, references_of
from chatapp.web.pages.voices_dialect import VoicesDialect
from chatapp.web.services import services


def live_voices(user_id: str, session_id: str, turn: FollowedTurn) -> dict[str, LiveVoice]:
    """The voices of a turn of several, by key, in the order in which they were asked. One voice has the page to
    itself, and no place is made for it."""
    if len(turn.standings()) == 1:
        return {}
    rows = services().conversations.turn_messages(user_id, session_id, turn.id)
    replies = [row for row in rows if row.role == "assistant"]
    return {row.voice: _live_voice(f"v{number}", row) for number, row in enumerate(replies, 1)}


def live_dialect(
    turn: FollowedTurn, voices: Mapping[str, LiveVoice], known: tuple[Reference, ...] = ()
) -> Dialect:
    """How the page tells the turn. `known` are the replies that it may refer to."""
    if voices:
        return VoicesDialect(voices)
    return BlocksDialect(_again(turn_id=turn.id), known)


def live_references(user_id: str, session_id: str, turn: FollowedTurn, most: int) -> tuple[Reference, ...]:
    """What a merge that is being written may refer to, among the last `most` messages of its exchange; nothing for
    any other turn."""
    rows = services().conversations.exchange_messages(user_id, session_id, turn.id, most)
    return references_of(rows[-1], colours_of(rows))


def _live_voice(slot: str, row: Any) -> LiveVoice:
    again = _again(again_url=f"/replies/{row.generation_id}/again")
    colour = row.voice_colour.removeprefix("#")
    return LiveVoice(slot, row.voice_name, colour, row.model, row.generation_id, again)


def _again(**values: str) -> Markup:
    return Markup(render_template("_again.html", **values))  # noqa: S704 - a template of our own
