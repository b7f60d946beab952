"""Voices as a file: the download, and the form that takes one, or its text, in."""

from __future__ import annotations

from flask import redirect, request
from werkzeug import Response

from chatapp.errors import Conflict, FieldError, ValidationFailed
from chatapp.web.api.voice_toml import asked_scope, imported, toml_of
from chatapp.web.body_size import TOML, takes
from chatapp.web.pages.blueprint import blueprint
from chatapp.web.pages.voice_list import voice_list
from chatapp.web.pages.voice_shelf import own_shelf, team_shelf
from chatapp.web.voice_toml import text_of

Answer = Response | tuple[str, int] | str


@blueprint.get("/voices.toml", endpoint="voices_toml")
def voices_file() -> Response:
    return toml_of(asked_scope(request.args.get("scope", "own")))


@blueprint.post("/voices.toml")
@takes(TOML)
def import_voices_form() -> Answer:
    scope = asked_scope(request.form.get("scope", "own"))
    shelf = team_shelf() if scope == "team" else own_shelf()
    toml = request.form.get("toml", "").replace("\r\n", "\n")
    try:
        file = request.files.get("file")
        if file and file.filename:
            toml = text_of(file.read())
        imported(toml, scope)
    except ValidationFailed as error:
        faults = [_told(each) for each in error.errors]
        return voice_list(shelf, "Nothing is imported: see below.", toml, faults), error.status
    except Conflict as error:
        return voice_list(shelf, f"Nothing is imported. {error.message}", toml), error.status
    return redirect(f"{shelf.home}?done=imported", 303)


def _told(fault: FieldError) -> str:
    return fault.message if fault.field == "toml" else f"{fault.field}: {fault.message}"
