"""The streamed answer: headers, order of frames, what is saved, resuming from any place."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from gevent.event import Event

from chatapp.web.streams.answer import HEADERS
from tests.scripted_upstream import (
    DONE,
    LAST_CHUNK,
    STREAM_HEAD,
    UNTIL_READ,
    End,
    ScriptedUpstream,
    Step,
    answer,
    chunk,
    delta,
    usage,
)
from tests.web.conftest import MODELS, MakeApp, SignUp, bearer_client, last_reply
from tests.web.event_stream import LiveStream, ids_of, read, text_of, told, until

CHAT = "/api/v1/chat"
TOKENS = ["Hello", ", ", "world!"]
HOSTILE_POSITIONS = [
    "$",
    "+",
    "-",
    "0-0",
    "-1",
    "1",
    "' OR 1=1 --",
    "abc-99999999999999999999",
    "abc-007",
    "ABC-1",
    "zzzzzzzzzzzzzzzzzzzz-3",
    "x" * 10_240,
    "é-1",
    "٣-٣",
]


def paused(before: int, gate: Event) -> list[Step]:
    """An answer of five deltas that waits for `gate` after some of them."""
    texts = ["one ", "two ", "three ", "four ", "five"]
    end = [delta("", "stop"), usage(5, 15), DONE]
    told: list[Step] = []
    for text in texts:
        told += [chunk(delta(text)), UNTIL_READ]
    told.insert(2 * before, gate)
    return [
        STREAM_HEAD,
        *told,
        *map(chunk, end),
        LAST_CHUNK,
    ]


def started(api: FlaskClient, message: str = "Hi") -> dict[str, str]:
    found: dict[str, str] = api.post("/api/v1/turns", json={"message": message}).json  # type: ignore[assignment]
    return found


def test_the_headers_are_those_of_the_contract(api: FlaskClient) -> None:
    answered = api.post(CHAT, json={"message": "Hi"}, buffered=False)
    headers = answered.headers
    assert answered.status_code == 200
    assert headers.getlist("Content-Type") == ["text/event-stream; charset=utf-8"]
    assert headers.getlist("Cache-Control") == ["no-cache, no-store, must-revalidate, no-transform"]
    assert headers["X-Accel-Buffering"] == "no"
    assert re.fullmatch(r"req_[A-Za-z0-9]{8,64}", headers["X-Request-Id"])
    assert re.fullmatch(r"session-\d{8}-\d{6}-[a-z0-9]{4,32}", headers["X-Session-Id"])
    assert headers["X-Turn-Id"]
    assert "Content-Length" not in headers
    assert "Connection" not in headers
    LiveStream(answered).read_to_the_end()


def test_the_first_bytes_come_before_upstream_is_called(
    app: Flask, api: FlaskClient, upstream: ScriptedUpstream
) -> None:
    answered = api.post(CHAT, json={"message": "Hi"}, buffered=False)
    stream = LiveStream(answered)
    (opening,) = stream.read_until("id:")
    assert (opening.comment, opening.retry) == ("Connected to chat stream", "3000")
    assert opening.id is not None
    assert opening.id.endswith("-0")
    assert upstream.requests == []
    assert last_reply(app).status == "streaming"  # the reply's row is there, with the message
    stream.read_to_the_end()


def test_the_frames_come_in_the_order_of_the_contract(api: FlaskClient) -> None:
    frames = read(api.post(CHAT, json={"message": "Hi", "model": "gpt-4o-mini"}))
    used = {"tokens_in": 5, "tokens_out": 15, "cost_usd": 0.00000975, "model": "gpt-4o-mini"}
    assert told(frames) == [
        *(("token", {"text": text}) for text in TOKENS),
        ("usage", used),
        ("done", {"finish_reason": "stop"}),
    ]
    log_id = str(frames[0].id).removesuffix("-0")
    assert ids_of(frames) == [f"{log_id}-{seq}" for seq in range(6)]


def test_a_model_without_a_price_costs_null(api: FlaskClient) -> None:
    frames = read(api.post(CHAT, json={"message": "Hi", "model": "gpt-6-luna"}))
    assert dict(told(frames))["usage"]["cost_usd"] is None


def test_what_was_streamed_is_what_is_saved(app: Flask, api: FlaskClient) -> None:
    frames = read(api.post(CHAT, json={"message": "Hi"}))
    reply = last_reply(app)
    assert reply.content == text_of(frames) == "Hello, world!"
    assert (reply.status, reply.finish_reason, reply.error_code) == ("complete", "stop", None)


def test_the_conversation_is_free_when_done_leaves(api: FlaskClient) -> None:
    answered = api.post(CHAT, json={"message": "Hi"}, buffered=False)
    stream = LiveStream(answered)
    stream.read_until("event: done")
    session_id = answered.headers["X-Session-Id"]
    again = api.post(CHAT, json={"message": "And now?", "sessionId": session_id})
    assert text_of(read(again)) == "Hello, world!"
    stream.read_to_the_end()


def test_nothing_follows_done(api: FlaskClient) -> None:
    frames = read(api.post(CHAT, json={"message": "Hi"}))
    assert [each.event for each in frames].count("done") == 1
    assert frames[-1].event == "done"


def test_the_plain_dialect_speaks_in_unnamed_events(api: FlaskClient) -> None:
    answered = api.post("/api/chat/stream", json={"message": "Hi"}, buffered=False)
    for name, value in HEADERS.items():
        assert answered.headers[name] == value
    assert {"X-Session-Id", "X-Turn-Id", "X-Request-Id"} <= set(answered.headers.keys())
    frames = read(answered)
    assert all(each.event is None for each in frames)
    assert told(frames) == [*((None, {"content": text}) for text in TOKENS), (None, {"done": True})]


@pytest.mark.parametrize(
    ("path", "events"), [(CHAT, [None, "heartbeat"]), ("/api/chat/stream", [None, None])]
)
def test_a_silent_stream_beats(
    make_app: MakeApp, sign_up: SignUp, upstream: ScriptedUpstream, path: str, events: list[str | None]
) -> None:
    upstream.scripts = [[End.HANG]]
    app = make_app(OPENAI_BASE_URL=upstream.base_url, CHATAPP_MODELS=MODELS, OPENAI_SSE_HEARTBEAT_MS="50")
    api = bearer_client(app, sign_up(app))
    stream = LiveStream(api.post(path, json={"message": "Hi"}, buffered=False))
    opening, beat = stream.read_until("heartbeat")[:2]
    assert [opening.event, beat.event] == events
    assert re.fullmatch(r"heartbeat \d{13}", str(beat.comment))
    assert beat.id is None
    assert beat.data == ({"t": int(str(beat.comment).split()[1])} if beat.event else None)
    stream.hang_up()


@pytest.mark.parametrize("seen", range(6))
@pytest.mark.parametrize("by_query", [False, True])
def test_a_finished_turn_resumes_after_any_of_its_events(api: FlaskClient, seen: int, by_query: bool) -> None:
    url = started(api)["stream_url"]
    whole = read(api.get(url))
    position = ids_of(whole)[seen]
    if by_query:
        answered = api.get(url, query_string={"last_event_id": position})
    else:
        answered = api.get(url, headers={"Last-Event-ID": position})
    if seen == 5:
        assert answered.status_code == 204
        assert answered.get_data() == b""
        return
    frames = read(answered)
    assert frames[0].id == position  # a position from the start
    assert frames[1:] == whole[seen + 1 :]


@pytest.mark.parametrize("seen", range(4))
def test_a_running_turn_resumes_after_any_of_its_events(
    api: FlaskClient, upstream: ScriptedUpstream, seen: int
) -> None:
    gate = Event()
    upstream.scripts = [paused(3, gate)]
    url = started(api)["stream_url"]
    first = LiveStream(api.get(url, buffered=False))
    position = ids_of(first.read_until("three"))[seen]
    second = LiveStream(api.get(url, headers={"Last-Event-ID": position}, buffered=False))
    gate.set()
    whole = first.read_to_the_end()
    assert second.read_to_the_end()[1:] == whole[seen + 1 :]
    assert text_of(whole) == "one two three four five"


def test_the_header_wins_over_the_query(api: FlaskClient) -> None:
    url = started(api)["stream_url"]
    ids = ids_of(read(api.get(url)))
    answered = api.get(url, query_string={"last_event_id": ids[5]}, headers={"Last-Event-ID": ids[2]})
    assert ids_of(read(answered)) == ids[2:]


def test_without_a_position_a_finished_turn_replays_to_its_end(api: FlaskClient) -> None:
    url = started(api)["stream_url"]
    assert read(api.get(url)) == read(api.get(url))


@pytest.mark.parametrize("empty", ["header", "query"])
def test_an_empty_position_is_none(api: FlaskClient, empty: str) -> None:
    url = started(api)["stream_url"]
    whole = read(api.get(url))
    if empty == "header":
        assert read(api.get(url, headers={"Last-Event-ID": ""})) == whole
    else:
        assert read(api.get(url + "?last_event_id=")) == whole


@pytest.mark.parametrize("position", HOSTILE_POSITIONS)
def test_a_position_that_is_none_of_ours_gets_a_snapshot(api: FlaskClient, position: str) -> None:
    url = started(api)["stream_url"]
    whole = read(api.get(url))
    frames = read(api.get(url, query_string={"last_event_id": position}))
    assert [each.event for each in frames if each.event] == ["snapshot", "usage", "done"]
    assert text_of(frames) == "Hello, world!"
    assert frames[-2:] == whole[-2:]  # the same events at the same positions


def test_a_position_of_another_turn_gets_a_snapshot(api: FlaskClient) -> None:
    first, second = started(api), started(api, "And?")
    position = ids_of(read(api.get(first["stream_url"])))[2]
    read(
        api.get(second["stream_url"])
    )  # until it has ended: a snapshot of a running turn holds what there is so far
    frames = read(api.get(second["stream_url"], headers={"Last-Event-ID": position}))
    (generation,) = frames[1].data["generations"]
    assert set(generation) == {"generation_id", "voice", "text", "status"}
    assert (generation["voice"], generation["text"]) == ("seeker", "Hello, world!")


def test_a_lost_reader_of_a_running_turn_misses_nothing(
    app: Flask, api: FlaskClient, upstream: ScriptedUpstream
) -> None:
    gate = Event()
    upstream.scripts = [paused(2, gate)]
    url = started(api)["stream_url"]
    LiveStream(api.get(url, buffered=False)).read_until("two")
    lost = LiveStream(api.get(url, headers={"Last-Event-ID": "0-0"}, buffered=False))
    early = lost.read_until("snapshot")
    assert text_of(early) == "one two "
    gate.set()
    assert text_of(lost.read_to_the_end()) == "one two three four five" == last_reply(app).content


def test_a_position_beyond_the_end_of_a_running_turn_gets_a_snapshot(
    api: FlaskClient, upstream: ScriptedUpstream
) -> None:
    gate = Event()
    upstream.scripts = [paused(1, gate)]
    url = started(api)["stream_url"]
    (first, *_) = ids_of(LiveStream(api.get(url, buffered=False)).read_until("one"))
    ahead = first.removesuffix("-0") + "-900"
    lost = LiveStream(api.get(url, headers={"Last-Event-ID": ahead}, buffered=False))
    assert text_of(lost.read_until("snapshot")) == "one "
    gate.set()
    assert text_of(lost.read_to_the_end()) == "one two three four five"


def test_hanging_up_cancels_what_is_tied_to_the_connection(
    app: Flask, api: FlaskClient, upstream: ScriptedUpstream
) -> None:
    upstream.scripts = [paused(2, Event())]
    stream = LiveStream(api.post(CHAT, json={"message": "Hi"}, buffered=False))
    stream.read_until("two")
    stream.hang_up()
    assert upstream.requests[0].hung_up.wait(2), "upstream was not cancelled"
    assert until(lambda: last_reply(app).status != "streaming")
    reply = last_reply(app)
    assert (reply.content, reply.status, reply.finish_reason) == ("one two ", "partial", "cancelled")


def test_a_turn_of_the_conversation_outlives_its_readers(
    app: Flask, api: FlaskClient, upstream: ScriptedUpstream
) -> None:
    gate = Event()
    upstream.scripts = [paused(2, gate)]
    url = started(api)["stream_url"]
    stream = LiveStream(api.get(url, buffered=False))
    stream.read_until("two")
    stream.hang_up()
    gate.set()
    assert text_of(read(api.get(url))) == "one two three four five"
    assert last_reply(app).status == "complete"


def test_a_stream_that_is_never_read_runs_nothing_for_ever(
    app: Flask, api: FlaskClient, upstream: ScriptedUpstream
) -> None:
    """A client that goes before the first byte leaves a reply with an end, and a free conversation."""
    answered = api.post(CHAT, json={"message": "Hi"}, buffered=False)
    session_id = answered.headers["X-Session-Id"]
    answered.close()
    assert until(lambda: last_reply(app).status == "partial")
    assert upstream.requests == []
    assert text_of(read(api.post(CHAT, json={"message": "Again", "sessionId": session_id})))


def test_two_readers_of_one_bound_turn_keep_it_alive(
    app: Flask, api: FlaskClient, upstream: ScriptedUpstream
) -> None:
    gate = Event()
    upstream.scripts = [paused(2, gate)]
    body = {"message": "Hi", "clientMessageId": "m1"}
    first = LiveStream(api.post(CHAT, json=body, buffered=False))
    first.read_until("two")
    second = LiveStream(api.post(CHAT, json=body, buffered=False))
    second.read_until("two")
    first.hang_up()
    gate.set()
    assert text_of(second.read_to_the_end()) == "one two three four five"
    assert last_reply(app).status == "complete"


def test_u_0000_from_upstream_is_replaced_before_it_is_told_or_saved(
    app: Flask, api: FlaskClient, upstream: ScriptedUpstream
) -> None:
    upstream.scripts = [answer("a\0b")]
    assert text_of(read(api.post(CHAT, json={"message": "Hi"}))) == "a\ufffdb" == last_reply(app).content


def test_upstream_that_falls_silent_is_not_waited_for_when_somebody_stops(
    app: Flask, api: FlaskClient, upstream: ScriptedUpstream
) -> None:
    upstream.scripts = [[STREAM_HEAD, chunk(delta("one ")), End.HANG]]
    turn = started(api)
    stream = LiveStream(api.get(turn["stream_url"], buffered=False))
    stream.read_until("one")
    assert api.post(f"/api/v1/turns/{turn['turn_id']}/cancel").status_code == 200
    frames = stream.read_to_the_end()
    assert frames[-1].data == {"finish_reason": "cancelled"}
    assert upstream.requests[0].hung_up.wait(2)
    assert (last_reply(app).content, last_reply(app).status) == ("one ", "cancelled")
