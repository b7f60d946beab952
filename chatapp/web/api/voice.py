"""Voices: what can be asked, and one's own, made and changed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from flask import Blueprint, Response, jsonify, make_response
from pydantic import Field
from typing_extensions import TypedDict

from chatapp.errors import NotFound
from chatapp.turns.built_in_voices import DEFAULT_VOICE
from chatapp.turns.voice import Scope, Voice
from chatapp.turns.voices import TooManyVoices, VoiceExists, default_voice
from chatapp.web.body import parsed
from chatapp.web.body_size import VOICE, takes
from chatapp.web.identity import current_account
from chatapp.web.openapi.operation import Json, Nothing, described
from chatapp.web.services import services
from chatapp.web.voice_body import HistoryName, VoiceBody, VoiceChange, VoiceParameters, parameters_of

blueprint = Blueprint("voice", __name__, url_prefix="/api/v1/voices")

ScopeName = Annotated[
    Literal["built-in", "team", "own"],
    Field(
        description="Whose it is. Of those with the same key the nearest counts: one's own, then the team's."
    ),
]
ModelName = Annotated[
    str | None, Field(description="`null` where the conversation's or the server's counts.")
]


class OfferedVoice(TypedDict):
    """A voice that can be asked."""

    key: str
    name: str
    colour: str
    description: str
    model: ModelName
    parameters: VoiceParameters
    history: HistoryName
    scope: ScopeName
    default: Annotated[bool, Field(description="Whether it answers where none is named.")]


class OfferedVoices(TypedDict):
    """All of them."""

    items: list[OfferedVoice]
    next_cursor: None


class WholeVoice(TypedDict):
    """A voice with its prompt."""

    key: str
    name: str
    colour: str
    description: str
    prompt: str
    model: ModelName
    parameters: VoiceParameters
    history: HistoryName
    scope: ScopeName
    disabled: Annotated[bool, Field(description="Whether it cannot be asked.")]


POET = Voice(
    key="poet",
    name="Poet",
    colour="#7a3fa0",
    description="Answers in verse.",
    prompt="You are Poet. Answer in four lines that rhyme.",
    parameters={"temperature": 1.2},
    scope=Scope.OWN,
)
"""The voice that examples tell of."""


def whole(voice: Voice) -> WholeVoice:
    """`voice` as the API tells it."""
    return {
        "key": voice.key,
        "name": voice.name,
        "colour": voice.colour,
        "description": voice.description,
        "prompt": voice.prompt,
        "model": voice.model,
        "parameters": parameters_of(voice),
        "history": voice.history.value,
        "scope": voice.scope.value,
        "disabled": voice.disabled,
    }


def _offered(voice: Voice, *, default: bool) -> OfferedVoice:
    told: Any = {**whole(voice), "default": default}
    return {name: told[name] for name in OfferedVoice.__annotations__}  # type: ignore[return-value]


EXAMPLE: dict[str, Any] = {
    name: value for name, value in whole(POET).items() if name not in ("scope", "disabled", "model")
}
"""A body that makes it."""
_VOICES: OfferedVoices = {"items": [_offered(DEFAULT_VOICE, default=True)], "next_cursor": None}


@blueprint.get("")
@described({200: Json(OfferedVoices, _VOICES)})
def voices() -> Response:
    """The voices that can be asked: built-in, the team's, and one's own."""
    offered = services().voices.offered(current_account().id)
    default = default_voice(offered)
    items = [_offered(voice, default=voice is default) for voice in offered.values()]
    told: OfferedVoices = {"items": items, "next_cursor": None}
    return jsonify(told)


@blueprint.get("/<key>")
@described({200: Json(WholeVoice, whole(POET))})
def voice(key: str) -> Response:
    """One voice with its prompt: the nearest of that key, also one that is disabled."""
    return jsonify(whole(services().voices.find(current_account().id, key)))


@blueprint.post("")
@takes(VOICE)
@described(
    {201: Json(WholeVoice, whole(POET), "It is made.")},
    takes=VoiceBody,
    example=EXAMPLE,
    errors=(VoiceExists, TooManyVoices),
    follow_ups={
        "voice": {"key": "$response.body#/key"},
        "change_voice": {"key": "$response.body#/key"},
        "remove_voice": {"key": "$response.body#/key"},
    },
)
def make_voice() -> Response:
    """Makes a voice of one's own; one with the key of a built-in voice or of the team's takes its place for oneself."""
    made = services().voices.add(current_account().id, parsed(VoiceBody).voice())
    return make_response(jsonify(whole(made)), 201)


@blueprint.patch("/<key>")
@takes(VOICE)
@described(
    {200: Json(WholeVoice, {**whole(POET), "disabled": True}, "As it is now.")},
    takes=VoiceChange,
    example={"disabled": True},
)
def change_voice(key: str) -> Response:
    """Changes a voice of one's own. What it has said keeps the name and the colour that it had."""
    return jsonify(whole(changed(current_account().id, key)))


@blueprint.delete("/<key>")
@described({204: Nothing("It is gone; one of the same key that it hid is there again.")})
def remove_voice(key: str) -> Response:
    """Removes a voice of one's own. What it has said stays, and so does an answer that it is giving."""
    services().voices.remove(current_account().id, key)
    return Response(status=204)


def changed(owner_id: str | None, key: str) -> Voice:
    """The voice of that owner (None: the team), changed as the body says. Raises NotFound."""
    change = parsed(VoiceChange)
    for each in services().voices.made_by(owner_id):
        if each.key == key:
            return services().voices.change(owner_id, change.changed(each))
    raise NotFound
