"""The pages of one's own voices and of the team's: the list, and the form that makes or changes one."""

from __future__ import annotations

from collections.abc import Mapping

from flask import redirect, render_template, request
from werkzeug import Response

from chatapp.errors import ChatappError, Conflict, FieldError, ValidationFailed
from chatapp.turns.voice import Voice
from chatapp.turns.voices import VoiceExists
from chatapp.web.body_size import VOICE, takes
from chatapp.web.pages import voice_form
from chatapp.web.pages.blueprint import blueprint
from chatapp.web.pages.voice_list import voice_list
from chatapp.web.pages.voice_shelf import Shelf, own_shelf, team_shelf
from chatapp.web.services import services

Answer = Response | tuple[str, int] | str


@blueprint.get("/voices", endpoint="voices")
def voices_page() -> Answer:
    return voice_list(own_shelf())


@blueprint.get("/team/voices", endpoint="team_voices")
def team_voices_page() -> Answer:
    return voice_list(team_shelf())


@blueprint.get("/new-voice", endpoint="new_voice")
def new_voice_page() -> Answer:
    return _page(own_shelf(), voice_form.NEW)


@blueprint.get("/team/new-voice", endpoint="new_team_voice")
def new_team_voice_page() -> Answer:
    return _page(team_shelf(), voice_form.NEW)


@blueprint.post("/new-voice")
@takes(VOICE)
def new_voice_form() -> Answer:
    return _made(own_shelf())


@blueprint.post("/team/new-voice")
@takes(VOICE)
def new_team_voice_form() -> Answer:
    return _made(team_shelf())


@blueprint.get("/voices/<key>", endpoint="voice")
def voice_page(key: str) -> Answer:
    shelf = own_shelf()
    return _page(shelf, voice_form.fields_of(voice := shelf.find(key)), voice)


@blueprint.get("/team/voices/<team_key>", endpoint="team_voice")
def team_voice_page(team_key: str) -> Answer:
    shelf = team_shelf()
    return _page(shelf, voice_form.fields_of(voice := shelf.find(team_key)), voice)


@blueprint.post("/voices/<key>")
@takes(VOICE)
def voice_form_sent(key: str) -> Answer:
    return _changed(own_shelf(), key)


@blueprint.post("/team/voices/<team_key>")
@takes(VOICE)
def team_voice_form_sent(team_key: str) -> Answer:
    return _changed(team_shelf(), team_key)


@blueprint.post("/voices/<key>/remove")
def remove_voice_form(key: str) -> Answer:
    return _removed(own_shelf(), key)


@blueprint.post("/team/voices/<team_key>/remove")
def remove_team_voice_form(team_key: str) -> Answer:
    return _removed(team_shelf(), team_key)


@blueprint.post("/voices/<key>/disable")
def disable_voice_form(key: str) -> Answer:
    return _disabled(own_shelf(), key)


@blueprint.post("/team/voices/<team_key>/disable")
def disable_team_voice_form(team_key: str) -> Answer:
    return _disabled(team_shelf(), team_key)


def _made(shelf: Shelf) -> Answer:
    fields = voice_form.written_fields()
    try:
        services().voices.add(shelf.owner_id, voice_form.voice_of(fields, fields["key"]))
    except (ValidationFailed, Conflict) as error:
        return _page(shelf, fields, error=error), error.status
    return redirect(f"{shelf.home}?done=saved", 303)


def _changed(shelf: Shelf, key: str) -> Answer:
    fields, there = {**voice_form.written_fields(), "key": key}, shelf.find(key)
    try:
        shelf.save(voice_form.voice_of(fields, key))
    except (ValidationFailed, Conflict) as error:
        return _page(shelf, fields, there, error), error.status
    return redirect(f"{shelf.home}?done=saved", 303)


def _removed(shelf: Shelf, key: str) -> Answer:
    services().voices.remove(shelf.owner_id, key)
    return redirect(f"{shelf.home}?done=removed", 303)


def _disabled(shelf: Shelf, key: str) -> Answer:
    try:
        shelf.disable(key, disabled=bool(request.form.get("disabled")))
    except Conflict as error:
        return voice_list(shelf, error.message), error.status
    return redirect(f"{shelf.home}?done=saved", 303)


def _page(
    shelf: Shelf, fields: Mapping[str, str], voice: Voice | None = None, error: ChatappError | None = None
) -> str:
    """The form of `voice`, or of a new one."""
    faults = _faults(error)
    return render_template(
        "voice.html",
        shelf=shelf,
        voice=voice,
        is_here=voice is not None and shelf.holds(voice),
        behind=shelf.behind(voice) if voice else None,
        fields=fields,
        models=voice_form.models(fields["model"]),
        default_model=services().answering.catalogue.default,
        histories=voice_form.HISTORIES,
        most_tokens=services().settings.max_output_tokens,
        faults=faults,
        form_error=error
        and (error.message if not faults else "It is not saved yet: see what is marked below."),
    )


def _faults(error: ChatappError | None) -> dict[str, str]:
    """What is wrong, by field."""
    if isinstance(error, VoiceExists):
        return {"key": error.message}
    told: tuple[FieldError, ...] = error.errors if isinstance(error, ValidationFailed) else ()
    return {each.field.removeprefix("parameters."): each.message for each in told}
