"""Which voices a message may name, who answers where it names none, and what becomes of a voice that goes meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from gevent.event import Event

from chatapp.turns.built_in_voices import BUILT_IN
from chatapp.turns.voice import Voice
from tests.scripted_upstream import STREAM_HEAD, ScriptedUpstream, answer, chunk, delta
from tests.web.conftest import (
    MODELS,
    MakeApp,
    Person,
    SignUp,
    assert_error,
    bearer_client,
    fields_at_fault,
    parts_of,
    rows,
)
from tests.web.event_stream import LiveStream, read, text_of, until

CHAT, PLAIN, TURNS = "/api/v1/chat", "/api/chat/stream", "/api/v1/turns"
NAME = "session-20250819-143022-a1b2"
POET = Voice("poet", "Poet", "#7a3fa0", "", "Rhyme.", model="gpt-4o-mini", parameters={"temperature": 0.5})


def disable(app: Flask, person: Person, *keys: str) -> None:
    for key in keys:
        parts_of(app).voices.add(person.id, Voice(key, key, "#000000", "", "x", disabled=True))


def refusal(client: FlaskClient, path: str, **fields: Any) -> str:
    """The one sentence of a refusal that names `voices`."""
    answered = client.post(path, json={"message": "Hi", **fields})
    assert {each.partition(".")[0] for each in fields_at_fault(answered)} == {"voices"}
    told: str = assert_error(answered, 422)["message"]
    return told


@pytest.mark.parametrize("path", [CHAT, TURNS])
def test_voices_that_cannot_be_asked(
    app: Flask, person: Person, stranger: Person, api: FlaskClient, upstream: ScriptedUpstream, path: str
) -> None:
    """Each is refused by the field, a stranger's as one that nobody has, and nothing is saved or asked."""
    parts_of(app).voices.add(stranger.id, POET)
    disable(app, person, "explorer")
    unknown = refusal(api, path, voices=["nobody"])
    assert refusal(api, path, voices=["poet"]) == unknown
    assert refusal(api, path, voices=["explorer"]) == unknown
    assert refusal(api, path, voices=["seeker", "poet"]) == unknown
    assert refusal(api, path, voices=["seeker", "seeker"]) == "Each voice can be asked once."
    assert refusal(api, path, voices=[])
    assert refusal(api, path, voices=[f"v{number}" for number in range(9)])
    assert refusal(api, path, voices=["SEEKER"])
    assert refusal(api, path, voices=["x" * 33])
    assert set(rows(app).values()) == {0}
    assert upstream.requests == []


def test_no_more_than_the_setting_allows(
    make_app: MakeApp, sign_up: SignUp, upstream: ScriptedUpstream
) -> None:
    app = make_app(OPENAI_BASE_URL=upstream.base_url, CHATAPP_MODELS=MODELS, CHATAPP_VOICES_PER_TURN="2")
    api = bearer_client(app, sign_up(app))
    assert (
        refusal(api, TURNS, voices=["seeker", "explorer", "analyzer"])
        == "At most 2 voices answer one message."
    )
    assert set(rows(app).values()) == {0}
    assert read(api.post(CHAT, json={"message": "Hi", "voices": ["seeker", "explorer"]}))


def asked(upstream: ScriptedUpstream) -> list[dict[str, Any]]:
    return [each.json() for each in upstream.requests if each.method == "POST"]


@pytest.mark.parametrize("path", [CHAT, PLAIN])
def test_where_none_is_named_seeker_answers_or_the_first_that_can(
    app: Flask, person: Person, api: FlaskClient, upstream: ScriptedUpstream, path: str
) -> None:
    def prompt() -> str:
        assert read(api.post(path, json={"message": "Hi"}))
        told: str = asked(upstream)[-1]["messages"][0]["content"]
        return told

    assert prompt() == BUILT_IN["seeker"].prompt
    disable(app, person, "seeker")
    assert prompt() == BUILT_IN["explorer"].prompt
    assert [each["key"] for each in api.get("/api/v1/voices").get_json()["items"] if each["default"]] == [
        "explorer"
    ]
    parts_of(app).voices.add(person.id, POET)
    disable(app, person, *(key for key in BUILT_IN if key != "seeker"))
    assert prompt() == POET.prompt
    parts_of(app).voices.remove(person.id, "poet")
    before = rows(app)
    assert refusal(api, path) == "There is no voice that could answer."
    assert api.get("/api/v1/voices").get_json()["items"] == []
    assert rows(app) == before


def test_one_s_own_voice_answers_with_its_prompt_its_model_and_its_parameters(
    app: Flask, person: Person, api: FlaskClient, upstream: ScriptedUpstream
) -> None:
    parts_of(app).voices.add(person.id, POET)
    parts_of(app).voices.add(None, Voice("ours", "Ours", "#123456", "", "Be ours."))
    read(api.post(CHAT, json={"message": "Hi", "voices": ["poet", "ours"]}))
    by_prompt = {each["messages"][0]["content"]: each for each in asked(upstream)}
    assert set(by_prompt) == {"Rhyme.", "Be ours."}
    assert (by_prompt["Rhyme."]["model"], by_prompt["Rhyme."]["temperature"]) == ("gpt-4o-mini", 0.5)
    assert by_prompt["Be ours."]["model"] == "gpt-6-luna"


@pytest.mark.parametrize("key", ["poet", "nobody", "explorer", "import"])
def test_a_stream_of_a_voice_that_was_not_asked_is_missing(
    app: Flask, person: Person, stranger: Person, api: FlaskClient, key: str
) -> None:
    """Whether nobody has it, somebody else has, or it is one's own."""
    parts_of(app).voices.add(stranger.id, POET)
    parts_of(app).voices.add(person.id, Voice("import", "Import", "#123456", "", "x"))
    read(api.post(CHAT, json={"message": "Hi", "sessionId": NAME}))
    assert_error(api.get(f"/api/sessions/{NAME}/stream/{key}"), 404, "NOT_FOUND")


@pytest.fixture
def gate(upstream: ScriptedUpstream) -> Event:
    """The poet's model says one word, and goes on when the gate opens."""
    gate = Event()
    upstream.by_model["gpt-4o-mini"] = [STREAM_HEAD, chunk(delta("one ")), gate, *answer("two")[1:]]
    return gate


def poet_s(api: FlaskClient) -> dict[str, Any]:
    """The poet's reply, as it is told."""
    items = api.get(f"/api/v1/conversations/{NAME}/messages").get_json()["items"]
    (found,) = [each for each in items if each["voice"] == "poet"]
    told: dict[str, Any] = found
    return told


@pytest.mark.parametrize("change", ["removed", "disabled", "changed"])
@pytest.mark.parametrize("others", [[], ["seeker"]], ids=["alone", "among others"])
def test_a_voice_that_goes_while_it_answers_answers_to_the_end_and_keeps_its_name_and_colour(
    app: Flask, person: Person, api: FlaskClient, gate: Event, change: str, others: list[str]
) -> None:
    parts_of(app).voices.add(person.id, POET)
    started = api.post(
        TURNS, json={"message": "Hi", "sessionId": NAME, "voices": ["poet", *others]}
    ).get_json()
    live = LiveStream(api.get(f"/api/sessions/{NAME}/stream/poet", buffered=False))
    live.read_until("one ")
    if change == "removed":
        assert api.delete("/api/v1/voices/poet").status_code == 204
    elif change == "disabled":
        assert api.patch("/api/v1/voices/poet", json={"disabled": True}).status_code == 200
    else:
        other = {"name": "Bard", "colour": "#000000", "prompt": "Sing."}
        assert api.patch("/api/v1/voices/poet", json=other).status_code == 200
    late = LiveStream(api.get(f"/api/sessions/{NAME}/stream/poet", buffered=False))
    late.read_until("one ")
    gate.set()
    for stream in (live, late):
        frames = stream.read_to_the_end()
        assert text_of(frames) == "one two"
        assert frames[-1].data == {"finish_reason": "stop"}
    assert read(api.get(started["stream_url"]))[-1].data == {"finish_reason": "stop"}
    assert until(lambda: not parts_of(app).busy)
    reply = poet_s(api)
    assert (reply["voice_name"], reply["voice_colour"]) == ("Poet", "#7a3fa0")
    assert (reply["content"], reply["status"]) == ("one two", "complete")
    again = api.get(f"/api/sessions/{NAME}/stream/poet")
    assert text_of(read(again)) == "one two", "its stream is told afterwards, too"
    if change == "changed":
        read(api.post(CHAT, json={"message": "Hi", "sessionId": NAME, "voices": ["poet"]}))
        told = api.get(f"/api/v1/conversations/{NAME}/messages").get_json()["items"]
        assert [each["voice_name"] for each in told if each["voice"] == "poet"] == ["Poet", "Bard"]
    else:
        assert refusal(api, TURNS, voices=["poet"], sessionId=NAME)
    if change == "removed":
        assert api.post(
            "/api/v1/voices", json={"key": "poet", "name": "New", "colour": "#111111", "prompt": "x"}
        )
        assert poet_s(api)["voice_name"] == "Poet"


def test_one_s_own_voice_of_the_same_key_does_not_change_what_was_said(
    app: Flask, person: Person, api: FlaskClient
) -> None:
    read(api.post(CHAT, json={"message": "Hi", "sessionId": NAME}))
    parts_of(app).voices.add(person.id, Voice("seeker", "Mine", "#111111", "", "Be mine."))
    told = api.get(f"/api/v1/conversations/{NAME}/messages").get_json()["items"]
    seeker = BUILT_IN["seeker"]
    assert (told[1]["voice_name"], told[1]["voice_colour"]) == (seeker.name, seeker.colour)
