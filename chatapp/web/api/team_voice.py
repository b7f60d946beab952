"""The team's voices, which everybody can ask and administrators see to."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response, jsonify, make_response
from typing_extensions import TypedDict

from chatapp.errors import Forbidden
from chatapp.turns.voice import Scope
from chatapp.turns.voices import TooManyVoices, VoiceExists
from chatapp.web.administrator import demand_administrator
from chatapp.web.api.voice import EXAMPLE, POET, WholeVoice, changed, whole
from chatapp.web.body import parsed
from chatapp.web.body_size import VOICE, takes
from chatapp.web.openapi.operation import Json, Nothing, described
from chatapp.web.services import services
from chatapp.web.voice_body import VoiceBody, VoiceChange

blueprint = Blueprint("team_voice", __name__, url_prefix="/api/v1/team/voices")


class TeamVoices(TypedDict):
    """All of them, by key."""

    items: list[WholeVoice]
    next_cursor: None


_POET = whole(replace(POET, scope=Scope.TEAM))
_PLACE = {"team_key": "$response.body#/key"}


@blueprint.get("")
@described({200: Json(TeamVoices, {"items": [_POET], "next_cursor": None})}, errors=(Forbidden,))
def team_voices() -> Response:
    """The team's voices with their prompts, also those that are disabled. For administrators."""
    demand_administrator()
    told: TeamVoices = {
        "items": [whole(each) for each in services().voices.made_by(None)],
        "next_cursor": None,
    }
    return jsonify(told)


@blueprint.post("")
@takes(VOICE)
@described(
    {201: Json(WholeVoice, _POET, "It is made.")},
    takes=VoiceBody,
    example=EXAMPLE,
    errors=(Forbidden, VoiceExists, TooManyVoices),
    follow_ups={"change_team_voice": _PLACE, "remove_team_voice": _PLACE},
)
def make_team_voice() -> Response:
    """Makes a voice for the team. For administrators."""
    demand_administrator()
    return make_response(jsonify(whole(services().voices.add(None, parsed(VoiceBody).voice()))), 201)


@blueprint.patch("/<team_key>")
@takes(VOICE)
@described(
    {200: Json(WholeVoice, {**_POET, "name": "The team's poet"}, "As it is now.")},
    takes=VoiceChange,
    example={"name": "The team's poet"},
    errors=(Forbidden,),
)
def change_team_voice(team_key: str) -> Response:
    """Changes a voice of the team's. For administrators."""
    demand_administrator()
    return jsonify(whole(changed(None, team_key)))


@blueprint.delete("/<team_key>")
@described({204: Nothing("It is gone.")}, errors=(Forbidden,))
def remove_team_voice(team_key: str) -> Response:
    """Removes a voice of the team's. For administrators."""
    demand_administrator()
    services().voices.remove(None, team_key)
    return Response(status=204)
