"""The list of voices: what can be asked or was disabled, whose each is, and where to change it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import render_template, request

from chatapp.turns.built_in_voices import BUILT_IN
from chatapp.turns.voice import Scope, Voice
from chatapp.web.pages.voice_shelf import Shelf
from chatapp.web.services import services

_WHOSE = {Scope.BUILT_IN: "built-in", Scope.TEAM: "the team’s", Scope.OWN: "your own"}
_DONE = {
    "saved": "It is saved.",
    "removed": "It is removed. What it has said stays.",
    "imported": "They are imported.",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One voice, as the list shows it."""

    voice: Voice
    whose: str
    is_here: bool
    comes_back: bool
    """Whether another one of its key is there again when it is removed."""


def voice_list(
    shelf: Shelf, form_error: str | None = None, toml: str = "", faults: Sequence[str] = ()
) -> str:
    """The page of what is seen from `shelf`; `toml` was to be imported, and `faults` are what is wrong with it."""
    team = set() if shelf.is_team else {voice.key for voice in services().voices.made_by(None)}
    rows = [_row(shelf, voice, team) for voice in shelf.known().values()]
    return render_template(
        "voices.html",
        shelf=shelf,
        rows=rows,
        colours=[row.voice.colour for row in rows],
        done=_DONE.get(request.args.get("done", "")),
        form_error=form_error,
        toml=toml,
        faults=faults,
    )


def _row(shelf: Shelf, voice: Voice, team: set[str]) -> Row:
    return Row(voice, _WHOSE[voice.scope], shelf.holds(voice), voice.key in BUILT_IN or voice.key in team)
