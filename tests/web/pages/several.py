"""Conversations in which several voices answer, for tests of the pages and of the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from chatapp.turns.built_in_voices import BUILT_IN
from tests.scripted_upstream import STREAM_HEAD, End, Script, ScriptedUpstream, answer, chunk, delta, refuse
from tests.web.conftest import parts_of
from tests.web.event_stream import until

VOICES = ("seeker", "explorer", "maintainer")
CUT: Script = [STREAM_HEAD, chunk(delta("cut")), End.CLOSE]
HANGING: Script = [STREAM_HEAD, chunk(delta("begun")), End.HANG]
REFUSED: Script = refuse(401, "no")


def give_models(app: Flask, upstream: ScriptedUpstream, scripts: Mapping[str, Script]) -> None:
    """Gives each of these voices a model of its own, which does what its script says. The models are offered."""
    upstream.by_model = {f"model-{key}": list(script) for key, script in scripts.items()}
    parts = parts_of(app)
    for key in scripts:
        voice = replace(parts.voices.known("")[key], model=f"model-{key}") if key in BUILT_IN else None
        assert voice is not None
        if any(each.key == key for each in parts.voices.made_by(None)):
            parts.voices.change(None, voice)
        else:
            parts.voices.add(None, voice)


def asked(api: FlaskClient, *voices: str, session_id: str | None = None, **body: Any) -> dict[str, Any]:
    """The turn of a message to these voices, as the API answers it."""
    sent = {"message": "Why?", "voices": list(voices or VOICES), **body}
    answered = api.post("/api/v1/turns", json=sent | ({"sessionId": session_id} if session_id else {}))
    assert answered.status_code == 202, answered.get_data(as_text=True)
    found: dict[str, Any] = answered.get_json()
    return found


def said(api: FlaskClient, session_id: str) -> list[dict[str, Any]]:
    """What was said in a conversation."""
    found: list[dict[str, Any]] = api.get(f"/api/v1/conversations/{session_id}/messages").get_json()["items"]
    return found


def replies(api: FlaskClient, session_id: str, voice: str) -> list[dict[str, Any]]:
    """What that voice replied on its own, oldest first."""
    return [each for each in said(api, session_id) if each["voice"] == voice and not each["is_merge"]]


def statuses(api: FlaskClient, session_id: str) -> dict[str, str]:
    """How the newest reply of each voice stands."""
    found: Sequence[dict[str, Any]] = said(api, session_id)
    return {each["voice"]: each["status"] for each in found if each["voice"] and not each["is_merge"]}


def wait_for_the_end(api: FlaskClient, session_id: str) -> list[dict[str, Any]]:
    """What is said when nothing is written any more."""
    assert until(lambda: all(each["status"] != "streaming" for each in said(api, session_id)))
    return said(api, session_id)


def answering(*texts: str) -> Script:
    return answer(*texts)
