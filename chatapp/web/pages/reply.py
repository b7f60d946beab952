"""One reply: the forms that stop it, ask its voice again, and choose it to go on from."""

from __future__ import annotations

from flask import redirect, url_for

from chatapp.turns.turns import FollowedTurn
from chatapp.web.body_size import NOTHING, takes
from chatapp.web.further_turn import asked_again
from chatapp.web.identity import current_account
from chatapp.web.pages.blueprint import blueprint
from chatapp.web.pages.conversation import Answer, or_refused
from chatapp.web.services import services


@blueprint.post("/replies/<generation_id>/stop", endpoint="stop_reply")
@takes(NOTHING)
def stop_reply(generation_id: str) -> Answer:
    """Stops this voice, and no other of its turn."""
    user_id = current_account().id
    found = services().conversations.generation(user_id, generation_id)
    services().answering.turns.stop_generation(user_id, generation_id)
    return to_reply(found.session_id, generation_id)


@blueprint.post("/replies/<generation_id>/again", endpoint="ask_voice_again")
@takes(NOTHING)
def ask_voice_again(generation_id: str) -> Answer:
    """Asks this voice once more, and no other."""
    tries = services().conversations.tries_of_generation(current_account().id, generation_id)
    one = tries.of(generation_id)
    return or_refused(tries.session_id, lambda: to_turn(tries.session_id, asked_again(tries, one), one.voice))


@blueprint.post("/replies/<generation_id>/choose", endpoint="choose_reply")
@takes(NOTHING)
def choose_reply(generation_id: str) -> Answer:
    """Goes on from this reply; where the conversation does already, the choice is taken back."""
    user_id, conversations = current_account().id, services().conversations
    tries = conversations.tries_of_generation(user_id, generation_id)
    reply = tries.of(generation_id).message_id
    is_chosen = conversations.get(user_id, tries.session_id).goes_on_from == reply

    def chosen() -> Answer:
        conversations.change(user_id, tries.session_id, {"goes_on_from": None if is_chosen else reply})
        return to_reply(tries.session_id, generation_id)

    return or_refused(tries.session_id, chosen)


def to_turn(session_id: str, turn: FollowedTurn, voice: str) -> Answer:
    """Leads to the reply of that voice in a turn."""
    of_voice = (each["generation_id"] for each in turn.standings() if each["voice"] == voice)
    return to_reply(session_id, next(of_voice))


def to_reply(session_id: str, generation_id: str) -> Answer:
    """Leads to one reply on the page of its conversation."""
    return redirect(
        url_for("pages.conversation", session_id=session_id, _anchor=f"reply-{generation_id}"), 303
    )
