"""PostgreSQL goes down in mid-stream, and comes back: nobody starts chatapp again."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.postgresql_server import PostgresqlServer
from tests.scripted_upstream import ScriptedUpstream, answer
from tests.web.conftest import MODELS, MakeApp, Person, parts_of, rows
from tests.web.event_stream import LiveStream, text_of, told, until
from tests.web.streams.paced_answer import PacedAnswer
from tests.web.streams.sender import Sender


@pytest.fixture
def app(make_app: MakeApp, upstream: ScriptedUpstream, fragile_url: str) -> Flask:
    return make_app(OPENAI_BASE_URL=upstream.base_url, CHATAPP_MODELS=MODELS, DATABASE_URL=fragile_url)


def _begin(api: FlaskClient, sent: PacedAnswer) -> tuple[TestResponse, LiveStream]:
    """A streamed answer whose first piece has arrived."""
    answered = api.post("/api/v1/chat", json={"message": "Hi"}, buffered=False)
    stream = LiveStream(answered)
    sent.give()
    stream.read_until("one")
    return answered, stream


def _reply(app: Flask, person: Person, answered: TestResponse) -> tuple[str, str]:
    """The text and the state of a conversation's only reply, as they are saved."""
    rows = parts_of(app).conversations.messages(person.id, answered.headers["X-Session-Id"], 10)
    return rows[1].content, rows[1].status


def test_a_server_that_goes_down_in_mid_stream(
    app: Flask,
    api: FlaskClient,
    person: Person,
    upstream: ScriptedUpstream,
    fragile_postgresql: PostgresqlServer,
) -> None:
    """One reply ends while it is down, the other goes on until it is back."""
    short, long = PacedAnswer("one ", "two"), PacedAnswer("one ", "two ", "three")
    upstream.scripts = [short.script, long.script, answer("Hello, world!")]
    sender = Sender(app, person)
    (cut, cut_stream), (kept, kept_stream) = _begin(api, short), _begin(api, long)
    assert until(lambda: _reply(app, person, kept) == ("one ", "streaming"))
    before = rows(app)

    fragile_postgresql.stop()
    try:
        for sent, stream in ((short, cut_stream), (long, kept_stream)):
            sent.give()
            stream.read_until("two")
        sender.assert_all_are_refused(sender.send_all())
        short.give()
        ended = cut_stream.read_to_the_end()
    finally:
        fragile_postgresql.start()
    assert [name for name, _ in told(ended)] == ["token", "token", "usage", "token", "failure", "done"]
    assert dict(told(ended))["failure"]["code"] == "NOT_SAVED"
    assert dict(told(ended))["done"] == {"finish_reason": "error"}
    assert "".join(data["text"] for name, data in told(ended)[:2] if name == "token") == short.text

    assert until(lambda: _reply(app, person, cut) == (short.text, "complete")), "saved by itself"
    assert rows(app) == before, "nothing was written of what was refused"
    for _ in range(2):
        long.give()
    frames = kept_stream.read_to_the_end()
    assert told(frames)[-1] == ("done", {"finish_reason": "stop"})
    assert (text_of(frames), "complete") == _reply(app, person, kept) == (long.text, "complete")

    session_id = cut.headers["X-Session-Id"]
    again = api.post("/api/v1/chat", json={"message": "And?", "sessionId": session_id})
    assert b"world" in again.get_data(), "its conversation is free"
    sender.assert_all_are_accepted(sender.send_all())


def test_a_server_that_is_back_before_the_reader_loses_patience(
    app: Flask,
    api: FlaskClient,
    person: Person,
    upstream: ScriptedUpstream,
    fragile_postgresql: PostgresqlServer,
) -> None:
    """It freezes, and with it the end of the reply; when it goes on, nobody has noticed."""
    sent = PacedAnswer("one ", "two")
    upstream.scripts = [sent.script]
    answered, stream = _begin(api, sent)
    fragile_postgresql.freeze()
    try:
        sent.give()
        sent.give()
        assert stream.read_until("event: usage")[-1].event == "usage", "done is not said before it is saved"
    finally:
        fragile_postgresql.thaw()
    frames = stream.read_to_the_end()
    assert told(frames)[-1] == ("done", {"finish_reason": "stop"})
    assert (text_of(frames), "complete") == _reply(app, person, answered) == (sent.text, "complete")
