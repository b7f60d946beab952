from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chatapp.streaming.dialect import EVENTS, EVENTS_WITH_SENTENCES, PLAIN
from chatapp.streaming.event import Event, done, failure, snapshot, spoken_by, token, usage
from tests.streaming.wire import read

FAILED = failure("RATE_LIMIT", "Overloaded.", retryable=True, request_id="req_12345678")


def test_the_opening_holds_a_position_so_that_every_reader_can_resume() -> None:
    assert EVENTS.opening("k3v9-0") == b": Connected to chat stream\nretry: 3000\nid: k3v9-0\n\n"


def test_an_opening_without_a_position_sets_none() -> None:
    assert EVENTS.opening("") == b": Connected to chat stream\nretry: 3000\n\n"


def test_a_token_to_the_byte() -> None:
    assert EVENTS.frame(b"k3v9", 1, token("Hello")) == b'id: k3v9-1\nevent: token\ndata: {"text":"Hello"}\n\n'


def test_usage_to_the_byte() -> None:
    frame = EVENTS.frame(b"k3v9", 42, usage(5, 15, 0.00000975, "gpt-4o-mini"))
    assert frame == (
        b"id: k3v9-42\nevent: usage\n"
        b'data: {"tokens_in":5,"tokens_out":15,"cost_usd":9.75e-6,"model":"gpt-4o-mini"}\n\n'
    )


def test_done_to_the_byte() -> None:
    frame = EVENTS.frame(b"k3v9", 43, done("stop"))
    assert frame == b'id: k3v9-43\nevent: done\ndata: {"finish_reason":"stop"}\n\n'


def test_a_heartbeat_is_a_comment_and_an_event_in_one_write_without_a_position() -> None:
    expected = b': heartbeat 1704074400000\nevent: heartbeat\ndata: {"t":1704074400000}\n\n'
    assert EVENTS.heartbeat(1704074400000) == expected


def test_a_plain_heartbeat_is_a_comment_alone() -> None:
    assert PLAIN.heartbeat(5) == b": heartbeat 5\n\n"


def test_a_failure_s_sentence_also_travels_as_a_token_where_clients_know_nothing_else() -> None:
    client = read([EVENTS_WITH_SENTENCES.frame(b"k", 2, FAILED)])
    assert client.names() == ["token", "failure"]
    assert client.frames[0].json() == {"text": "Overloaded."}
    assert client.frames[0].last_id == ""
    assert client.frames[1].last_id == "k-2"


def test_elsewhere_a_failure_is_a_failure_alone() -> None:
    assert read([EVENTS.frame(b"k", 2, FAILED)]).names() == ["failure"]
    assert read([EVENTS_WITH_SENTENCES.frame(b"k", 2, spoken_by("explorer", FAILED))]).names() == ["failure"]


def test_the_plain_dialect_says_content_error_and_done() -> None:
    frames = [
        PLAIN.frame(b"k", seq, event) for seq, event in enumerate([token("a"), FAILED, done("error")], 1)
    ]
    assert [frame.json() for frame in read(frames).frames] == [
        {"content": "a"},
        {"error": "Overloaded."},
        {"done": True},
    ]


def test_the_plain_dialect_replaces_by_content_and_keeps_quiet_about_the_rest() -> None:
    standing = {"generation_id": "g", "voice": "seeker", "text": "all", "status": "streaming"}
    told = PLAIN.frame(b"k", 1, Event("snapshot", {"generations": [standing]}))
    assert read([told]).frames[0].json() == {"content": "all"}
    lost = PLAIN.replacement(b"k", 1, Event("snapshot", {"generations": [standing]}))
    assert read([lost]).frames[0].json() == {"content": "all", "replace": True}
    assert PLAIN.frame(b"k", 1, usage(1, 2, None, "m")) == b""


def test_who_knows_tokens_alone_gets_a_finished_reply_as_one() -> None:
    told = snapshot([{"generation_id": "g", "voice": "seeker", "text": "all", "status": "complete"}])
    client = read([EVENTS_WITH_SENTENCES.frame(b"k", 3, told)])
    assert (client.names(), client.text(), client.last_id) == (["token"], "all", "k-3")
    assert read([EVENTS_WITH_SENTENCES.replacement(b"k", 3, told)]).names() == ["snapshot"]
    assert read([EVENTS.frame(b"k", 3, told)]).names() == ["snapshot"]


@given(st.text())
def test_any_text_travels_unchanged_and_in_one_frame(text: str) -> None:
    for dialect, key in ((EVENTS, "text"), (PLAIN, "content")):
        frame = dialect.frame(b"k", 1, token(text))
        assert frame.count(b"\n\n") == 1
        assert read([frame]).frames[0].json()[key] == text


@given(st.text(), st.text())
def test_any_snapshot_travels_unchanged(one: str, two: str) -> None:
    standings = [
        {"generation_id": "g1", "voice": "a", "text": one, "status": "streaming"},
        {"generation_id": "g2", "voice": "b", "text": two, "status": "complete"},
    ]
    client = read([EVENTS.frame(b"k", 1, snapshot(standings))])  # type: ignore[arg-type]
    assert client.frames[0].json() == {"generations": standings}
