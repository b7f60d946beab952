"""One turn: its messages as a fragment, and the forms that stop it and ask it again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import redirect, render_template, url_for

from chatapp.web.body_size import NOTHING, takes
from chatapp.web.identity import current_account
from chatapp.web.pages.blueprint import blueprint
from chatapp.web.pages.conversation import MESSAGES, Answer, next_goes_on_from, shown_turn, started
from chatapp.web.pages.exchange import shown_exchanges
from chatapp.web.pieces import Pieces
from chatapp.web.services import services


@blueprint.get("/c/<session_id>/turns/<turn_id>", endpoint="turn")
def turn_fragment(session_id: str, turn_id: str) -> Answer:
    """The whole exchange that a turn belongs to, for the script to put in place of what it has typed out. If another
    turn runs there by now, it says where to follow that."""
    user_id, conversations = current_account().id, services().conversations
    rows = conversations.exchange_messages(user_id, session_id, turn_id, MESSAGES)
    latest = conversations.latest_messages(user_id, session_id, 1, None)
    newest = [row.id for row in latest] == [rows[-1].id]
    chosen = conversations.get(user_id, session_id).goes_on_from
    if not newest:
        chosen = next_goes_on_from(session_id, rows[-1].id)
    [exchange] = shown_exchanges(rows, Pieces(services().turnstile), chosen, newest=newest)
    running = next((row.turn_id for row in rows if row.status == "streaming"), None)
    turn = shown_turn(services().answering.turns.follow(user_id, running)) if running else None
    return render_template("_turn.html", exchange=exchange, running_turn=turn)


@blueprint.post("/turns/<turn_id>/stop", endpoint="stop_turn")
@takes(NOTHING)
def stop_turn(turn_id: str) -> Answer:
    """Stops a turn and goes back to its conversation."""
    account, turns = current_account(), services().answering.turns
    session_id = services().conversations.of_turn(account.id, turn_id)
    turns.stop(account.id, turn_id)
    return redirect(url_for("pages.conversation", session_id=session_id), 303)


@blueprint.post("/turns/<turn_id>/again", endpoint="ask_again")
@takes(NOTHING)
def ask_again(turn_id: str) -> Answer:
    """Asks the same once more, as a new turn, and goes back to the conversation. However often it is pressed, a turn
    is asked again once: its id makes the message id of the new one."""
    user_id, conversations = current_account().id, services().conversations
    session_id = conversations.of_turn(user_id, turn_id)
    question, *replies = conversations.turn_messages(user_id, session_id, turn_id)
    asked = {
        "message": question.content,
        "voices": _known(replies),
        "model": _offered(replies),
        "clientMessageId": f"again-{turn_id}",
    }
    return started(session_id, asked, draft="")


def _known(replies: Sequence[Any]) -> list[str] | None:
    """The voices that answered, as far as there still are such."""
    offered = services().voices.offered(current_account().id)
    return [reply.voice for reply in replies if reply.voice in offered] or None


def _offered(replies: Sequence[Any]) -> str | None:
    """The model that answered, if it was one and is still offered; else each voice has its own, as at first."""
    models = {reply.model for reply in replies}
    model = models.pop() if len(models) == 1 else None
    return model if model and services().answering.catalogue.offers(model) else None
