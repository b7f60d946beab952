"""SQLite's write lock in the hands of another process: messages are refused, streams go on, nothing is lost."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from chatapp.store.database import Database
from tests.scripted_upstream import ScriptedUpstream, answer
from tests.sqlite_lock import SqliteLock
from tests.web.conftest import MODELS, MakeApp, Person, last_reply, rows
from tests.web.event_stream import PATIENCE_S, LiveStream, text_of, told, until
from tests.web.streams.paced_answer import PacedAnswer
from tests.web.streams.sender import DRAFT, FORM, Sender


@pytest.fixture
def app(make_app: MakeApp, upstream: ScriptedUpstream, sqlite_url: str) -> Flask:
    """With less patience than usual."""
    database = Database(sqlite_url, lock_wait_s=1)
    return make_app(database, OPENAI_BASE_URL=upstream.base_url, CHATAPP_MODELS=MODELS)


def test_a_locked_database_refuses_messages_and_holds_up_no_stream(
    app: Flask, api: FlaskClient, person: Person, upstream: ScriptedUpstream, sqlite_url: str
) -> None:
    sent = PacedAnswer("one ", "two ", "three ", "four")
    upstream.scripts = [sent.script, answer("Hello, world!")]
    sender = Sender(app, person)
    turn = api.post("/api/v1/turns", json={"message": "Hi"}).get_json()
    stream = LiveStream(api.get(turn["stream_url"], buffered=False))
    sent.give()
    stream.read_until("one")
    assert until(lambda: last_reply(app).content == "one ")
    before = rows(app)

    with SqliteLock(sqlite_url):
        sending = sender.send_all()
        for word in ("two", "three"):
            sent.give()
            stream.read_until(word)
        sender.assert_all_are_refused(sending)
        assert DRAFT in sending[FORM].get().get_data(as_text=True), "the form keeps what was written"
        assert rows(app) == before, "nothing was written by halves"
        assert last_reply(app).content == "one ", "what cannot be saved yet is saved later"
        sent.give()
        stream.read_until("four")
        sent.give()
        stream.read_until("event: usage")
        assert last_reply(app).status == "streaming", "its end waits for the lock"

    frames = stream.read_to_the_end()
    assert told(frames)[-1] == ("done", {"finish_reason": "stop"})
    assert text_of(frames) == sent.text == last_reply(app).content
    assert last_reply(app).status == "complete"
    sender.assert_all_are_accepted(sender.send_all())
    assert rows(app) == {name: count * 5 for name, count in before.items()}
    assert upstream.wait_for_requests(5, PATIENCE_S)
    assert len(upstream.requests) == 5, "none of those that were refused came this far"
