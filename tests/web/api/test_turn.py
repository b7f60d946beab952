"""A turn that was started: whose it is, how it is stopped."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from gevent.event import Event

from tests.scripted_upstream import STREAM_HEAD, End, ScriptedUpstream, chunk, delta
from tests.web.conftest import (
    MODELS,
    MakeApp,
    SignUp,
    api_token,
    assert_error,
    bearer_client,
    last_reply,
)
from tests.web.event_stream import LiveStream, read, until

MISSING = "0" * 32


def started(api: FlaskClient) -> dict[str, str]:
    found: dict[str, str] = api.post("/api/v1/turns", json={"message": "Hi"}).get_json()
    return found


@pytest.fixture
def endless(upstream: ScriptedUpstream) -> None:
    """Upstream says one word and then nothing."""
    upstream.scripts = [[STREAM_HEAD, chunk(delta("one ")), End.HANG]]


@pytest.mark.parametrize("path", ["/api/v1/turns/{}/stream", "/api/v1/turns/{}/cancel"])
def test_a_stranger_s_turn_is_missing(api: FlaskClient, strange_api: FlaskClient, path: str) -> None:
    turn_id = started(api)["turn_id"]

    def asked(identifier: str) -> dict[str, object]:
        method = "POST" if path.endswith("cancel") else "GET"
        answered = strange_api.open(path.format(identifier), method=method)
        assert identifier not in answered.get_data(as_text=True)
        return {**assert_error(answered, 404), "request_id": None}

    assert asked(turn_id) == asked(MISSING)


def test_a_stranger_stops_nothing(
    app: Flask, api: FlaskClient, strange_api: FlaskClient, upstream: ScriptedUpstream
) -> None:
    gate = Event()
    upstream.scripts = [[STREAM_HEAD, chunk(delta("one")), gate, chunk(delta("", "stop")), b"0\r\n\r\n"]]
    turn = started(api)
    stream = LiveStream(api.get(turn["stream_url"], buffered=False))
    stream.read_until("one")
    assert strange_api.post(f"/api/v1/turns/{turn['turn_id']}/cancel").status_code == 404
    gate.set()
    stream.read_to_the_end()
    assert last_reply(app).status == "complete"


@pytest.mark.parametrize("identifier", ["%00", "a%00b", "' OR 1=1 --", "..", "x" * 3000, "%ed%a0%80", "é"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/turns/{}/stream"),
        ("POST", "/api/v1/turns/{}/cancel"),
        ("GET", "/api/v1/generations/{}"),
        ("GET", "/api/v1/conversations/{}"),
        ("GET", "/api/v1/conversations/{}/messages"),
        ("DELETE", "/api/v1/conversations/{}"),
    ],
)
def test_names_that_nothing_can_have_are_missing(
    standing_api: FlaskClient, method: str, path: str, identifier: str
) -> None:
    assert_error(standing_api.open(path.format(identifier), method=method), 404)


def test_a_nul_in_a_path_is_missing_on_either_database(app_on_either: Flask, sign_up: SignUp) -> None:
    api = bearer_client(app_on_either, sign_up(app_on_either))
    assert_error(api.get("/api/v1/turns/a%00b/stream"), 404)
    assert_error(api.patch("/api/v1/conversations/a%00b", json={"pinned": True}), 404)


def test_head_on_a_stream_is_not_allowed(api: FlaskClient) -> None:
    answered = api.head(started(api)["stream_url"])
    assert answered.status_code == 405
    assert "GET" in answered.headers["Allow"]


def test_cancelling_keeps_what_arrived(app: Flask, api: FlaskClient, endless: None) -> None:
    turn = started(api)
    stream = LiveStream(api.get(turn["stream_url"], buffered=False))
    stream.read_until("one")
    assert api.post(f"/api/v1/turns/{turn['turn_id']}/cancel").status_code == 200
    assert [each.event for each in stream.read_to_the_end()[1:]] == ["token", "usage", "done"]
    reply = last_reply(app)
    assert (reply.content, reply.status, reply.finish_reason) == ("one ", "cancelled", "cancelled")


def test_cancelling_twice_and_after_the_end_changes_nothing(
    app: Flask, api: FlaskClient, endless: None
) -> None:
    turn = started(api)
    url = f"/api/v1/turns/{turn['turn_id']}/cancel"
    first, second = api.post(url), api.post(url)
    assert (first.status_code, first.get_json()) == (second.status_code, second.get_json())
    whole = read(api.get(turn["stream_url"]))
    assert api.post(url).status_code == 200
    assert read(api.get(turn["stream_url"])) == whole
    assert last_reply(app).status == "cancelled"


def test_a_complete_turn_stays_complete_when_it_is_cancelled(app: Flask, api: FlaskClient) -> None:
    turn = started(api)
    read(api.get(turn["stream_url"]))
    assert api.post(f"/api/v1/turns/{turn['turn_id']}/cancel").status_code == 200
    assert last_reply(app).status == "complete"


def test_a_turn_that_is_cancelled_before_its_first_byte_ends(app: Flask, api: FlaskClient) -> None:
    answered = api.post("/api/v1/chat", json={"message": "Hi"}, buffered=False)
    assert api.post(f"/api/v1/turns/{answered.headers['X-Turn-Id']}/cancel").status_code == 200
    frames = LiveStream(answered).read_to_the_end()
    assert frames[-1].data == {"finish_reason": "cancelled"}
    assert (last_reply(app).status, last_reply(app).content) == ("cancelled", "")


def test_cancelling_takes_no_content_type(api: FlaskClient, endless: None) -> None:
    turn = started(api)
    answered = api.post(f"/api/v1/turns/{turn['turn_id']}/cancel")
    assert "Content-Type" not in dict(answered.request.headers)
    assert answered.status_code == 200


def test_another_browser_of_the_same_person_may_cancel(
    app: Flask, api: FlaskClient, browser: FlaskClient, endless: None
) -> None:
    turn = started(api)
    url = f"/api/v1/turns/{turn['turn_id']}/cancel"
    assert browser.post(url, headers={"X-CSRFToken": api_token(browser)}).status_code == 200
    assert until(lambda: last_reply(app).status == "cancelled")


def test_a_browser_follows_its_own_turn_by_cookie(app: Flask, api: FlaskClient, browser: FlaskClient) -> None:
    assert read(browser.get(started(api)["stream_url"]))[-1].event == "done"


def test_a_stream_asks_for_a_sign_in(app: Flask, api: FlaskClient) -> None:
    assert_error(app.test_client().get(started(api)["stream_url"]), 401)


def test_a_finished_turn_is_told_by_another_process(
    make_app: MakeApp, app: Flask, api: FlaskClient, upstream: ScriptedUpstream, sign_up: SignUp
) -> None:
    turn = started(api)
    whole = read(api.get(turn["stream_url"]))
    other = make_app(OPENAI_BASE_URL=upstream.base_url, CHATAPP_MODELS=MODELS).test_client()
    other.environ_base.update(api.environ_base)
    frames = read(other.get(turn["stream_url"]))
    assert [each.event for each in frames if each.event] == ["snapshot", "usage", "done"]
    assert frames[-1] == whole[-1]
    last = {"Last-Event-ID": str(whole[-1].id)}
    assert other.get(turn["stream_url"], headers=last).status_code == 204
