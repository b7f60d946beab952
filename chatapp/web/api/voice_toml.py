"""Voices as TOML: out, and in again, here or elsewhere."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from flask import Blueprint, Response, jsonify, request
from pydantic import Field, WithJsonSchema
from typing_extensions import TypedDict

from chatapp.errors import FieldError, Forbidden, ValidationFailed
from chatapp.turns.voices import TooManyVoices
from chatapp.web.administrator import demand_administrator
from chatapp.web.api.voice import POET
from chatapp.web.body import Body, parsed
from chatapp.web.body_size import TOML, takes
from chatapp.web.identity import current_account
from chatapp.web.openapi.operation import Json, Text, described
from chatapp.web.openapi.parameter import Parameter
from chatapp.web.services import services
from chatapp.web.voice_toml import read, written

blueprint = Blueprint("voice_toml", __name__, url_prefix="/api/v1")
MEDIA_TYPE = "application/toml"
Kept = Literal["own", "team"]
_SCOPE: dict[str, Any] = {"type": "string", "enum": ["own", "team"], "default": "own"}


class ImportBody(Body):
    """What `GET /api/v1/voices.toml` gave, here or elsewhere, or something written like it."""

    toml: Annotated[
        str,
        Field(description="A table `[voices.KEY]` for each, with the fields of a voice; at most 64 KiB."),
        WithJsonSchema({"type": "string"}),
    ]
    scope: Annotated[Kept, Field(description="Whose they become; `team` is for administrators.")] = "own"


class ImportedVoices(TypedDict):
    """What was made, or replaced."""

    keys: list[str]


@blueprint.get("/voices.toml")
@described(
    {200: Text(MEDIA_TYPE, "The voices, also those that are disabled.")},
    asks=(Parameter("scope", "query", _SCOPE, "Whose voices: one's own, or the team's."),),
)
def voices_as_toml() -> Response:
    """One's own voices as TOML, or the team's."""
    return toml_of(asked_scope(request.args.get("scope", "own")))


@blueprint.post("/voices.toml")
@takes(TOML)
@described(
    {200: Json(ImportedVoices, {"keys": ["poet"]}, "All of them are there now.")},
    takes=ImportBody,
    example={"toml": written([POET])},
    errors=(Forbidden, TooManyVoices),
)
def import_voices() -> Response:
    """Makes all voices of a TOML text, in place of those with the same keys: all of them, or none."""
    body = parsed(ImportBody)
    told: ImportedVoices = {"keys": imported(body.toml, body.scope)}
    return jsonify(told)


def asked_scope(scope: str) -> Kept:
    """Raises ValidationFailed for what is none."""
    if scope not in ("own", "team"):
        raise ValidationFailed([FieldError("scope", "This is own or team.")])
    return cast(Kept, scope)


def toml_of(scope: Kept) -> Response:
    """The voices of that scope, to be saved as a file."""
    made = services().voices.made_by(owner_of(scope))
    name = "voices.toml" if scope == "own" else "team-voices.toml"
    response = Response(written(made), mimetype=MEDIA_TYPE)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def imported(toml: str, scope: Kept) -> list[str]:
    """The keys of the voices that `toml` has brought in. Raises Forbidden, ValidationFailed, TooManyVoices."""
    if scope == "team":
        demand_administrator()
    voices = read(toml)
    services().voices.put(owner_of(scope), voices)
    return [voice.key for voice in voices]


def owner_of(scope: Kept) -> str | None:
    """Whose they are, as Voices has it."""
    return None if scope == "team" else current_account().id
