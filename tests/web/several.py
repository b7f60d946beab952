"""Conversations in which several voices answer, each as a script of its own says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
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


class Choir:
    """What a person's voices say: voice `x` has the model `model-x`, which answers `x says so` until a test gives
    `scripts` another one."""

    def __init__(self, app: Flask, upstream: ScriptedUpstream, api: FlaskClient) -> None:
        self.app, self.upstream, self.api = app, upstream, api
        self.session_id: str | None = None
        parts_of(app).voices.put(
            None, [replace(each, model=f"model-{key}") for key, each in BUILT_IN.items()]
        )
        self.says({key: answer(f"{key} ", "says so") for key in BUILT_IN})

    def says(self, scripts: dict[str, Script]) -> None:
        self.upstream.by_model |= {f"model-{key}": script for key, script in scripts.items()}

    def ask(self, *voices: str, **scripts: Script) -> dict[str, Any]:
        """Sends a message to these voices; the turn, as the API tells it."""
        self.says(scripts)
        body: dict[str, Any] = {"message": "Why?", "voices": list(voices or VOICES)}
        body |= {"sessionId": self.session_id} if self.session_id else {}
        answered = self.api.post("/api/v1/turns", json=body)
        assert answered.status_code == 202, answered.get_data(as_text=True)
        turn: dict[str, Any] = answered.get_json()
        self.session_id = turn["session_id"]
        return turn

    def asked(self, *voices: str, **scripts: Script) -> dict[str, Any]:
        """The same, and waits until all have ended; upstream answers well after that."""
        turn = self.ask(*voices, **scripts)
        self.rest()
        self.says({key: answer(f"{key} ", "says so") for key in scripts})
        return turn

    def rest(self) -> None:
        """Waits until nothing runs."""
        assert until(lambda: not parts_of(self.app).busy)

    @property
    def said(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api.get(
            f"/api/v1/conversations/{self.session_id}/messages"
        ).get_json()["items"]
        return found

    def replies(self, voice: str) -> list[dict[str, Any]]:
        """What that voice replied on its own, oldest first."""
        return [each for each in self.said if each["voice"] == voice and not each["is_merge"]]

    def generation(self, voice: str) -> str:
        """Of its newest reply."""
        found: str = self.replies(voice)[-1]["generation_id"]
        return found

    @property
    def merges(self) -> list[dict[str, Any]]:
        return [each for each in self.said if each["is_merge"]]

    @property
    def goes_on_from(self) -> str | None:
        found: str | None = self.api.get(f"/api/v1/conversations/{self.session_id}").get_json()[
            "goes_on_from"
        ]
        return found

    @property
    def page(self) -> str:
        return f"/c/{self.session_id}"


@pytest.fixture
def choir(app: Flask, upstream: ScriptedUpstream, api: FlaskClient) -> Choir:
    return Choir(app, upstream, api)
