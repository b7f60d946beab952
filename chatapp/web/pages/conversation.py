"""A conversation: its page, the form that sends a message, and the page that is a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flask import Response, redirect, render_template, request, url_for
from markupsafe import Markup
from werkzeug import Response as BaseResponse

from chatapp.errors import ChatappError, Conflict, TooManyRequests, Unavailable, ValidationFailed
from chatapp.turns.turns import FollowedTurn
from chatapp.web.api.message_body import ChatBody
from chatapp.web.body import validated
from chatapp.web.body_size import MESSAGE, takes
from chatapp.web.error_answers import headers_of
from chatapp.web.identity import current_account
from chatapp.web.limits.limits import limits
from chatapp.web.pages.blueprint import blueprint
from chatapp.web.pages.chat_page import MESSAGES, chat_page
from chatapp.web.pages.live_turn import live_dialect, live_references, live_voices
from chatapp.web.pages.voice_choice import voice_choice
from chatapp.web.services import services
from chatapp.web.streams.answer import HEADERS, followed
from chatapp.web.streams.open_streams import TooManyStreams
from chatapp.web.streams.place import kept_place, take_place

_HERE = Markup("<!-- answer -->")
Answer = BaseResponse | tuple[str, int, dict[str, str]] | str


@blueprint.get("/", endpoint="new_conversation")
def new_conversation() -> Answer:
    return chat_page(None, draft=request.args.get("draft", ""))


@blueprint.get("/c/<session_id>", endpoint="conversation")
def conversation(session_id: str) -> Answer:
    """The conversation. While a turn runs, a browser without JavaScript gets the page as a stream; where it has too
    many of these, the page with what is saved so far, and a link to try again."""
    found = services().conversations.get(current_account().id, session_id)
    turn_id = services().conversations.running_turn(current_account().id, session_id)
    if turn_id is None or "before" in request.args:
        return chat_page(found)
    turn = services().answering.turns.follow(current_account().id, turn_id)
    has_script = request.cookies.get("js") == "1" and "live" not in request.args
    if has_script:
        return chat_page(found, running=turn)
    try:
        take_place(current_account().id)
    except TooManyStreams as error:
        return (
            chat_page(found, running=turn, form_error=error.message, crowded=True),
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
    return chat_page(found, draft=draft, form_error=error.message), error.status, headers_of(error)


def _streamed_page(found: Any, turn: FollowedTurn) -> Response:
    """The page with a hole where the answer goes. Both halves are made now, so that nothing is held while the
    answer is written."""
    voices = live_voices(current_account().id, found.session_id, turn)
    known = live_references(current_account().id, found.session_id, turn, MESSAGES)
    page = chat_page(found, running=turn, live=[*voices.values()], live_blocks=[_HERE])
    head, _, tail = page.partition(_HERE)
    blocks = followed(turn, live_dialect(turn, voices, known), None)
    streamed = Response(_pieces(head.encode(), blocks, tail.encode()), mimetype="text/html", headers=HEADERS)
    streamed.call_on_close(kept_place())
    return streamed


def _pieces(head: bytes, blocks: Iterator[bytes], tail: bytes) -> Iterator[bytes]:
    yield head
    yield from blocks
    yield tail
