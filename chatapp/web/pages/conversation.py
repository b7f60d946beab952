"""The conversation page, the form that sends a message, and the page that is a stream."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Response, redirect, render_template, request, url_for
from markupsafe import Markup
from werkzeug import Response as BaseResponse

from chatapp.errors import ChatappError, Conflict, TooManyRequests, Unavailable, ValidationFailed
from chatapp.turns.conversations import Place
from chatapp.turns.turns import FollowedTurn
from chatapp.turns.voice import Voice
from chatapp.web.api.message_body import ChatBody
from chatapp.web.api.page import asked_place, cursor_of
from chatapp.web.body import validated
from chatapp.web.body_size import MESSAGE, takes
from chatapp.web.error_answers import headers_of
from chatapp.web.identity import current_account
from chatapp.web.limits.limits import limits
from chatapp.web.pages.blueprint import blueprint
from chatapp.web.pages.exchange import ShownExchange, begun_with_a_question, shown_exchanges
from chatapp.web.pages.live_turn import live_dialect, live_voices
from chatapp.web.pages.live_voice import LiveVoice
from chatapp.web.pages.shown import shown_conversation
from chatapp.web.pages.voice_choice import voice_choice
from chatapp.web.pages.written import written
from chatapp.web.pieces import Pieces
from chatapp.web.services import services
from chatapp.web.streams.answer import HEADERS, followed
from chatapp.web.streams.open_streams import TooManyStreams
from chatapp.web.streams.place import kept_place, take_place

_SIDEBAR = 50
MESSAGES = 100
"""On one page of a conversation, at most."""
_HERE = Markup("<!-- answer -->")
Answer = BaseResponse | tuple[str, int, dict[str, str]] | str


@dataclass(frozen=True, slots=True)
class ShownTurn:
    """The turn that a page says is running. `is_bound` says that it ends with somebody's connection, as far as that
    is known here."""

    id: str
    stream_url: str
    cancel_url: str
    is_bound: bool


@blueprint.get("/", endpoint="new_conversation")
def new_conversation() -> Answer:
    return _page(None, draft=request.args.get("draft", ""))


@blueprint.get("/c/<session_id>", endpoint="conversation")
def conversation(session_id: str) -> Answer:
    """The conversation. While a turn runs, a browser without JavaScript gets the page as a stream; where it has too
    many of these, the page with what is saved so far, and a link to try again."""
    found = services().conversations.get(current_account().id, session_id)
    turn_id = services().conversations.running_turn(current_account().id, session_id)
    if turn_id is None or "before" in request.args:
        return _page(found)
    turn = services().answering.turns.follow(current_account().id, turn_id)
    has_script = request.cookies.get("js") == "1" and "live" not in request.args
    if has_script:
        return _page(found, running=turn)
    try:
        take_place(current_account().id)
    except TooManyStreams as error:
        return (
            _page(found, running=turn, form_error=error.message, crowded=True),
            error.status,
            headers_of(error),
        )
    return _streamed_page(found, turn)


@blueprint.get("/c/<session_id>/voices", endpoint="choice_of_voices")
def choice_of_voices(session_id: str) -> Answer:
    """The composer's choice of voices as it is now, for the script: what was said since has its cost."""
    user_id = current_account().id
    found = services().conversations.get(user_id, session_id)
    choice = voice_choice(found, services().voices.offered(user_id))
    return render_template("_voice_picker.html", choice=choice)


@blueprint.post("/messages")
@takes(MESSAGE)
def first_message() -> Answer:
    return _post(None)


@blueprint.post("/c/<session_id>/messages")
@takes(MESSAGE)
def message(session_id: str) -> Answer:
    return _post(session_id)


def _post(session_id: str | None) -> Answer:
    message = request.form.get("message", "").replace("\r\n", "\n")
    asked = {
        "message": message,
        "voices": request.form.getlist("voices") or None,
        "clientMessageId": request.form.get("client_message_id") or None,
    }
    return started(session_id, asked, draft=message)


def started(session_id: str | None, asked: Mapping[str, Any], *, draft: str) -> Answer:
    """Starts the turn that is asked for, by the names of the API's fields, and leads to its conversation, so that a
    reload posts nothing. Where it is refused, the page says why and has `draft` in the composer."""

    def led() -> Answer:
        asked_for = validated(lambda: ChatBody.model_validate({**asked, "sessionId": session_id}))
        new = asked_for.new_turn(bound=False)
        limits().count_message()
        committed, turn = services().answering.turns.begin(new)
        turn.start()
        return redirect(url_for("pages.conversation", session_id=committed.session_id), 303)

    return or_refused(session_id, led, draft=draft)


def or_refused(session_id: str | None, act: Callable[[], Answer], *, draft: str = "") -> Answer:
    """What `act` answers; where it is refused, the page, which says why and has `draft` in the composer."""
    try:
        return act()
    except (ValidationFailed, Conflict, TooManyRequests, Unavailable) as error:
        return _refused(session_id, draft, error)


def _refused(session_id: str | None, draft: str, error: ChatappError) -> Answer:
    """The page again, with the sentence and what was written."""
    found = services().conversations.get(current_account().id, session_id) if session_id else None
    return _page(found, draft=draft, form_error=error.message), error.status, headers_of(error)


def _page(
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
    askable = list(offered.values())
    listed = conversations.list(user_id, _SIDEBAR + 1, _older_than())
    older = url_for("pages.conversation", session_id=session_id, before=rows[0].id) if more else None
    shown: dict[str, Any] = {
        "conversation": found,
        "conversations": [shown_conversation(row, session_id) for row in listed[:_SIDEBAR]],
        "exchanges": exchanges,
        "askable": askable,
        "default_model": services().answering.catalogue.default,
        "colours": [*(each.hash_colour for each in live), *_colours(exchanges, askable)],
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


def _colours(exchanges: Sequence[ShownExchange], askable: Sequence[Voice]) -> list[str]:
    """What is shown, and what can be shown next."""
    replies = (each.message for exchange in exchanges for each in exchange.all_replies)
    return list(dict.fromkeys([*(f"#{each.colour}" for each in replies), *(each.colour for each in askable)]))


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


def _streamed_page(found: Any, turn: FollowedTurn) -> Response:
    """The page with a hole where the answer goes. Both halves are made now, so that nothing is held while the
    answer is written."""
    voices = live_voices(current_account().id, found.session_id, turn)
    page = _page(found, running=turn, live=[*voices.values()], live_blocks=[_HERE])
    head, _, tail = page.partition(_HERE)
    blocks = followed(turn, live_dialect(turn, voices), None)
    streamed = Response(_pieces(head.encode(), blocks, tail.encode()), mimetype="text/html", headers=HEADERS)
    streamed.call_on_close(kept_place())
    return streamed


def _pieces(head: bytes, blocks: Iterator[bytes], tail: bytes) -> Iterator[bytes]:
    yield head
    yield from blocks
    yield tail
