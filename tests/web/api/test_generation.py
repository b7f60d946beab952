"""One generation: what is told of it, its stream with progress, its cancellation; and a voice found by its name."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from gevent.event import Event

from chatapp.streaming.progress_dialect import share
from tests.scripted_upstream import STREAM_HEAD, End, ScriptedUpstream, answer, chunk, delta, refuse
from tests.web.conftest import MODELS, MakeApp, SignUp, assert_error, bearer_client, last_reply
from tests.web.event_stream import Frame, LiveStream, ids_of, read, text_of, until

MISSING = "0" * 32
NAME = "session-20250819-143022-a1b2"
STREAMS = {
    "generation": "/api/v1/generations/{generation_id}/stream",
    "alias": "/generations/generate/{generation_id}/stream",
    "turn": "/api/v1/turns/{turn_id}/stream",
    "voice": "/api/sessions/{session_id}/stream/seeker",
}
HOSTILE = [
    "",
    "$",
    "+",
    "0-0",
    "-1",
    "1",
    "x" * 8000,
    "a%0d%0aid: b-1",
    "%00-1",
    "' OR 1=1 --",
    "é-1",
    "abc-99999999999",
]


def started(api: FlaskClient, message: str = "Hi", **fields: str) -> dict[str, str]:
    found = api.post("/api/v1/turns", json={"message": message, **fields}).get_json()
    return {**found, "generation_id": found["generations"][0]["id"]}


def progress(frames: list[Frame]) -> list[tuple[str, float]]:
    """What was told of it; each of the generation that was asked for, and none with a position."""
    told = [each for each in frames if each.event == "progress"]
    assert all(each.id is None and set(each.data) == {"generation_id", "status", "progress"} for each in told)
    assert len({each.data["generation_id"] for each in told}) <= 1
    values = [each.data["progress"] for each in told]
    assert all(0 <= one <= two <= 1 for one, two in pairwise([0, *values]))
    return [(each.data["status"], each.data["progress"]) for each in told]


@pytest.fixture
def gate(upstream: ScriptedUpstream) -> Event:
    """Upstream says one word, and goes on when the gate opens."""
    gate = Event()
    upstream.scripts = [[STREAM_HEAD, chunk(delta("one ")), gate, *answer("two")[1:]]]
    return gate


@pytest.fixture
def endless(upstream: ScriptedUpstream) -> None:
    """Upstream says one word and then nothing."""
    upstream.scripts = [[STREAM_HEAD, chunk(delta("one ")), End.HANG]]


# What is told of it


def test_a_stranger_s_generation_is_missing(api: FlaskClient, strange_api: FlaskClient) -> None:
    generation_id = api.post("/api/v1/turns", json={"message": "Hi"}).get_json()["generations"][0]["id"]
    theirs = assert_error(strange_api.get(f"/api/v1/generations/{generation_id}"), 404)
    missing = assert_error(strange_api.get(f"/api/v1/generations/{MISSING}"), 404)
    assert theirs["message"] == missing["message"]


def test_a_generation_tells_how_it_went(api: FlaskClient) -> None:
    turn = api.post("/api/v1/turns", json={"message": "Hi", "model": "gpt-4o-mini"}).get_json()
    read(api.get(turn["stream_url"]))
    found = api.get(f"/api/v1/generations/{turn['generations'][0]['id']}").get_json()
    assert found.pop("ttft_ms") <= found.pop("total_ms")
    assert found == {
        "id": turn["generations"][0]["id"],
        "turn_id": turn["turn_id"],
        "session_id": turn["session_id"],
        "voice": "seeker",
        "model": "gpt-4o-mini",
        "status": "complete",
        "finish_reason": "stop",
        "error_code": None,
        "provider_retry_count": 0,
        "tokens_in": 5,
        "tokens_out": 15,
        "cost_usd": 0.00000975,
    }


# Its stream


def test_progress_from_the_opening_to_the_end(api: FlaskClient, gate: Event) -> None:
    turn = started(api)
    stream = LiveStream(api.get(STREAMS["generation"].format(**turn), buffered=False))
    early = stream.read_until("one")
    gate.set()
    frames = stream.read_to_the_end()
    assert progress(early)[0] == ("processing", 0.0)
    told = progress(frames)
    assert (told[:2], told[-1]) == ([("processing", 0.0), ("processing", share(4))], ("completed", 1.0))
    assert frames[1].data["generation_id"] == turn["generation_id"]
    assert [each.event for each in frames[-3:]] == ["usage", "progress", "done"]
    assert (frames[0].event, frames[0].id is None) == (None, False), "the first frame is an id alone"


def test_beside_progress_it_is_the_turn_s_own_stream(api: FlaskClient) -> None:
    turn = started(api)
    frames = read(api.get(STREAMS["generation"].format(**turn), buffered=False))
    assert [each for each in frames if each.event != "progress"] == read(api.get(turn["stream_url"]))


def test_a_generation_that_has_not_started_is_queued(api: FlaskClient, upstream: ScriptedUpstream) -> None:
    """Its message is committed; upstream is called when the first bytes to some reader are out."""
    chat = api.post("/api/v1/chat", json={"message": "Hi"}, buffered=False)
    messages = api.get(f"/api/v1/conversations/{chat.headers['X-Session-Id']}/messages").get_json()["items"]
    path = f"/api/v1/generations/{messages[-1]['generation_id']}/stream"
    stream = LiveStream(api.get(path, buffered=False))
    assert progress(stream.read_until("progress")) == [("queued", 0.0)]
    assert upstream.requests == []
    told = progress(stream.read_to_the_end())
    assert (told[0], told[-1]) == (("queued", 0.0), ("completed", 1.0))
    chat.close()


def test_a_generation_that_waits_for_its_place_is_queued_and_its_stream_is_kept_open(
    make_app: MakeApp, upstream: ScriptedUpstream, gate: Event, sign_up: SignUp
) -> None:
    app = make_app(
        OPENAI_BASE_URL=upstream.base_url,
        CHATAPP_MODELS=MODELS,
        CHATAPP_UPSTREAM_STREAMS="1",
        OPENAI_SSE_HEARTBEAT_MS="50",
    )
    api = bearer_client(app, sign_up(app))
    first, second = started(api), started(api)
    stream = LiveStream(api.get(STREAMS["generation"].format(**second), buffered=False))
    assert progress(stream.read_until("heartbeat")) == [("queued", 0.0)]
    assert len([each for each in upstream.requests if each.body]) == 1
    gate.set()
    told = progress(stream.read_to_the_end())
    assert (told[0], told[-1]) == (("queued", 0.0), ("completed", 1.0))
    read(api.get(first["stream_url"], buffered=False))


def test_a_failure_is_told(api: FlaskClient, upstream: ScriptedUpstream) -> None:
    upstream.scripts = [refuse(401, "no")]
    frames = read(api.get(STREAMS["generation"].format(**started(api)), buffered=False))
    assert progress(frames)[-1] == ("failed", 1.0)
    assert [each.event for each in frames[-3:]] == ["failure", "progress", "done"]


def test_a_cancellation_is_told(api: FlaskClient, endless: None) -> None:
    turn = started(api)
    stream = LiveStream(api.get(STREAMS["generation"].format(**turn), buffered=False))
    stream.read_until("one")
    assert api.post(f"/api/v1/generations/{turn['generation_id']}/cancel").status_code == 200
    frames = stream.read_to_the_end()
    assert progress(frames)[-1] == ("cancelled", 1.0)
    assert frames[-1].data == {"finish_reason": "cancelled"}


@pytest.mark.parametrize("seen", range(6))
def test_who_comes_back_hears_what_is_missing_and_nothing_less(api: FlaskClient, seen: int) -> None:
    path = STREAMS["generation"].format(**started(api))
    whole = [each for each in read(api.get(path, buffered=False)) if each.event != "progress"]
    position = ids_of(whole)[seen]
    answered = api.get(path, headers={"Last-Event-ID": position}, buffered=False)
    if seen == 5:
        assert answered.status_code == 204
        return
    frames = read(answered)
    assert [each for each in frames[1:] if each.event != "progress"] == whole[seen + 1 :]
    assert progress(frames) == [("completed", 1.0)]


def test_who_comes_back_to_a_running_one_hears_how_far_it_is(api: FlaskClient, gate: Event) -> None:
    path = STREAMS["generation"].format(**started(api))
    first = LiveStream(api.get(path, buffered=False))
    position = ids_of(first.read_until("one"))[-1]
    again = LiveStream(api.get(path, headers={"Last-Event-ID": position}, buffered=False))
    assert progress(again.read_until("progress")) == [("processing", share(4))]
    lost = LiveStream(api.get(path, headers={"Last-Event-ID": "0-0"}, buffered=False))
    assert progress(lost.read_until("progress")) == [("processing", share(4))]
    gate.set()
    for stream in (first, again, lost):
        assert progress(stream.read_to_the_end())[-1] == ("completed", 1.0)


def test_another_process_tells_it_too(
    make_app: MakeApp, api: FlaskClient, upstream: ScriptedUpstream, gate: Event
) -> None:
    """While it runs, and when it has ended."""
    turn = started(api)
    other = make_app(OPENAI_BASE_URL=upstream.base_url, CHATAPP_MODELS=MODELS).test_client()
    other.environ_base.update(api.environ_base)
    path = STREAMS["generation"].format(**turn)
    stream = LiveStream(other.get(path, buffered=False))
    assert progress(stream.read_until("snapshot"))[0] == ("processing", 0.0)
    gate.set()
    frames = stream.read_to_the_end()
    assert text_of(frames) == "one two"
    assert progress(frames)[-1] == ("completed", 1.0)
    ended = read(other.get(path, buffered=False))
    assert [each.event for each in ended[1:]] == ["progress", "snapshot", "usage", "progress", "done"]
    assert progress(ended) == [("processing", 0.0), ("completed", 1.0)]


@pytest.mark.parametrize("path", [STREAMS["generation"], STREAMS["alias"], STREAMS["voice"]])
def test_a_stranger_s_stream_is_a_missing_one(api: FlaskClient, strange_api: FlaskClient, path: str) -> None:
    def told(**names: str) -> dict[str, Any]:
        return {**assert_error(strange_api.get(path.format(**names)), 404), "request_id": None}

    missing = {"generation_id": MISSING, "session_id": NAME}
    assert told(**started(api)) == told(**missing)


# A voice by its name


def test_a_voice_is_followed_in_the_newest_turn(api: FlaskClient, upstream: ScriptedUpstream) -> None:
    upstream.scripts = [answer("first"), answer("second")]
    turn = started(api)
    path = STREAMS["voice"].format(**turn)
    whole = read(api.get(path, buffered=False))
    assert text_of(whole) == "first"
    assert whole == read(api.get(turn["stream_url"])), "alone in its turn, it is told as the turn is"
    started(api, "And now?", sessionId=turn["session_id"])
    assert text_of(read(api.get(path, buffered=False))) == "second"


def test_a_voice_is_resumed(api: FlaskClient, browser: FlaskClient) -> None:
    path = STREAMS["voice"].format(**started(api))
    whole = read(api.get(path, buffered=False))
    for client in (api, browser):
        again = read(client.get(path, headers={"Last-Event-ID": ids_of(whole)[2]}, buffered=False))
        assert again[1:] == whole[3:]
        assert client.get(path, headers={"Last-Event-ID": ids_of(whole)[-1]}).status_code == 204


def test_a_voice_that_was_not_asked_or_a_conversation_that_is_not_there_is_missing(api: FlaskClient) -> None:
    session_id = started(api)["session_id"]
    for path in (f"/api/sessions/{session_id}/stream/explorer", f"/api/sessions/{NAME}/stream/seeker"):
        assert_error(api.get(path), 404, "NOT_FOUND")


@pytest.mark.parametrize("name", ["%00", "a%00b", "' OR 1=1 --", "x" * 3000, "%ed%a0%80", "é", "%"])
def test_names_that_nothing_can_have_are_missing(standing_api: FlaskClient, name: str) -> None:
    assert_error(standing_api.get(f"/api/sessions/{name}/stream/seeker"), 404)
    assert_error(standing_api.get(f"/api/sessions/{NAME}/stream/{name}"), 404)
    assert_error(standing_api.post(f"/api/v1/generations/{name}/cancel"), 404)


def test_a_voice_s_stream_asks_for_a_sign_in_and_takes_no_head(app: Flask, api: FlaskClient) -> None:
    path = STREAMS["voice"].format(**started(api))
    assert_error(app.test_client().get(path), 401)
    assert api.head(path).status_code == 405


# Whatever a reader says of its place


@pytest.mark.parametrize("kind", STREAMS)
def test_hostile_positions_get_a_snapshot_of_one_s_own(
    app: Flask, api: FlaskClient, strange_api: FlaskClient, upstream: ScriptedUpstream, kind: str
) -> None:
    upstream.scripts = [answer("theirs"), answer("mine")]
    theirs = started(strange_api)
    stolen = ids_of(read(strange_api.get(theirs["stream_url"])))
    turn = started(api)
    path = STREAMS[kind].format(**turn)
    read(api.get(path, buffered=False))
    for position in (*HOSTILE, *stolen):
        answered = api.get(f"{path}?last_event_id={position}", buffered=False)
        frames = read(answered)
        assert text_of(frames) == "mine"
        assert frames[-1].data == {"finish_reason": "stop"}
    for position in ("$", "+", "0-0", "x" * 8000, *stolen):
        assert text_of(read(api.get(path, headers={"Last-Event-ID": position}, buffered=False))) == "mine"


# Its cancellation


def test_cancelling_is_the_same_however_often(app: Flask, api: FlaskClient, endless: None) -> None:
    turn = started(api)
    url = f"/api/v1/generations/{turn['generation_id']}/cancel"
    for _ in range(3):
        answered = api.post(url)
        assert "Content-Type" not in dict(answered.request.headers)
        assert (answered.status_code, answered.get_json()) == (200, {"generation_id": turn["generation_id"]})
    read(api.get(turn["stream_url"]))
    assert api.post(url).status_code == 200
    assert last_reply(app).status == "cancelled"


def test_what_has_ended_stays_as_it_is(app: Flask, api: FlaskClient) -> None:
    turn = started(api)
    read(api.get(turn["stream_url"]))
    for name in (f"generations/{turn['generation_id']}", f"turns/{turn['turn_id']}"):
        assert api.post(f"/api/v1/{name}/cancel").status_code == 200
    assert last_reply(app).status == "complete"


@pytest.mark.parametrize("what", ["generations/{generation_id}", "turns/{turn_id}"])
def test_another_process_can_cancel(
    make_app: MakeApp, app: Flask, api: FlaskClient, upstream: ScriptedUpstream, endless: None, what: str
) -> None:
    turn = started(api)
    assert until(lambda: len(upstream.requests) == 1)
    other = make_app(OPENAI_BASE_URL=upstream.base_url, CHATAPP_MODELS=MODELS).test_client()
    other.environ_base.update(api.environ_base)
    for _ in range(2):
        assert other.post(f"/api/v1/{what.format(**turn)}/cancel").status_code == 200
    assert until(lambda: last_reply(app).status == "cancelled")
    assert other.post(f"/api/v1/{what.format(**turn)}/cancel").status_code == 200
    assert upstream.requests[0].hung_up.wait(10)


def test_a_stranger_cancels_nothing(
    app: Flask, api: FlaskClient, strange_api: FlaskClient, gate: Event
) -> None:
    turn = started(api)
    told = [
        {**assert_error(strange_api.post(f"/api/v1/generations/{each}/cancel"), 404), "request_id": None}
        for each in (turn["generation_id"], MISSING)
    ]
    assert told[0] == told[1]
    gate.set()
    read(api.get(turn["stream_url"]))
    assert last_reply(app).status == "complete"


def test_two_people_s_streams_do_not_meet(app: Flask, sign_up: SignUp, upstream: ScriptedUpstream) -> None:
    upstream.scripts = [answer("one"), answer("two")]
    people = [bearer_client(app, sign_up(app, f"{name}@example.org")) for name in ("a", "b")]
    turns = []
    for person in people:
        turns.append(started(person))
        read(person.get(turns[-1]["stream_url"]))
    for path in STREAMS.values():
        texts = [
            text_of(read(person.get(path.format(**turn), buffered=False)))
            for person, turn in zip(people, turns, strict=True)
        ]
        assert texts == ["one", "two"]
        assert_error(people[0].get(path.format(**turns[1])), 404)
