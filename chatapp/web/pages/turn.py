"""One turn: its messages as a fragment, and the forms that stop it, ask its voices again, and merge their replies."""

from __future__ import annotations

from flask import redirect, render_template, request, url_for

from chatapp.errors import NotFound
from chatapp.web.body_size import NOTHING, takes
from chatapp.web.further_turn import all_asked_again, merged
from chatapp.web.identity import current_account
from chatapp.web.pages.blueprint import blueprint
from chatapp.web.pages.chat_page import MESSAGES, next_goes_on_from, shown_turn
from chatapp.web.pages.conversation import Answer, or_refused
from chatapp.web.pages.exchange import ShownReply, shown_exchanges
from chatapp.web.pages.reply import to_reply
from chatapp.web.pages.shown import shown_message
from chatapp.web.pieces import Pieces
from chatapp.web.services import services


@blueprint.get("/c/<session_id>/turns/<turn_id>", endpoint="turn")
def turn_fragment(session_id: str, turn_id: str) -> Answer:
    """The whole exchange that a turn belongs to, for the script to put in place of what it has typed out. If another
    turn runs there by now, it says where to follow that. With `reply`, a generation's id, that reply alone, which may
    have ended while others go on."""
    user_id, conversations = current_account().id, services().conversations
    if "reply" in request.args:
        return _reply(session_id, turn_id, request.args["reply"])
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


def _reply(session_id: str, turn_id: str, generation_id: str) -> Answer:
    rows = services().conversations.turn_messages(current_account().id, session_id, turn_id)
    found = next((row for row in rows if row.generation_id == generation_id), None)
    if found is None:
        raise NotFound
    reply = ShownReply(shown_message(found), (), None, offers_again=False, choice=None)
    return render_template("_voice.html", reply=reply)


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
    """Asks again, without repeating the question, every voice whose newest reply to it is not whole."""
    tries = services().conversations.tries_of_turn(current_account().id, turn_id)

    def asked() -> Answer:
        all_asked_again(tries, turn_id)
        return redirect(url_for("pages.conversation", session_id=tries.session_id), 303)

    return or_refused(tries.session_id, asked)


@blueprint.post("/turns/<turn_id>/merge", endpoint="merge_replies")
@takes(NOTHING)
def merge_replies(turn_id: str) -> Answer:
    """Has one voice, the default one or the field's, make one answer of all replies to the question."""
    tries = services().conversations.tries_of_turn(current_account().id, turn_id)
    voice = request.form.get("voice") or None

    def asked() -> Answer:
        turn = merged(tries, turn_id, voice)
        return to_reply(tries.session_id, turn.standings()[0]["generation_id"])

    return or_refused(tries.session_id, asked)
