"""Connections to the database: no stream holds one, and when all are busy a message waits, then is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import gevent
import pytest
from flask import Flask
from flask.testing import FlaskClient

from chatapp.store.database import Database
from tests.scripted_upstream import ScriptedUpstream, answer
from tests.web.conftest import (
    MODELS,
    MakeApp,
    Person,
    SignUp,
    bearer_client,
    form_token,
    last_reply,
    parts_of,
    rows,
    signed_in,
)
from tests.web.event_stream import LiveStream, ids_of, patience, text_of, told, until
from tests.web.streams.paced_answer import PacedAnswer
from tests.web.streams.sender import Sender

POOL_SIZE = 5


def test_no_stream_holds_a_connection(
    app_on_either: Flask, sign_up: SignUp, upstream: ScriptedUpstream
) -> None:
    """Every kind of stream is open and waits for the next piece."""
    app, sent = app_on_either, [PacedAnswer("**one**\n\n", "two") for _ in range(4)]
    upstream.scripts = [each.script for each in sent]
    person = sign_up(app)
    api, browser = bearer_client(app, person), signed_in(app, person)

    for each in sent:
        each.give()
    turn = _started(api)
    first = LiveStream(api.get(turn, buffered=False))
    position = ids_of(first.read_until("one"))[0]
    streams = {
        "chat": LiveStream(api.post("/api/v1/chat", json={"message": "Hi"}, buffered=False)),
        "plain": LiveStream(api.post("/api/chat/stream", json={"message": "Hi"}, buffered=False)),
        "follow": first,
        "resume": LiveStream(api.get(turn, headers={"Last-Event-ID": position}, buffered=False)),
    }
    for stream in streams.values():
        stream.read_until("one")
    with _streamed_page(browser) as page:
        # What runs beside the streams needs one now and then, and gives it back.
        assert until(lambda: parts_of(app).database.connections_in_use == 0)
        for each in sent:
            each.give()
            each.give()
        with patience():
            assert b"two" in b"".join(page)
    for name, stream in streams.items():
        frames = stream.read_to_the_end()
        text = "".join(each.data.get("content", "") for each in frames if each.data) or text_of(frames)
        assert text == sent[0].text, name
    assert last_reply(app).content == sent[0].text


def _started(api: FlaskClient) -> str:
    """Where a new turn is followed."""
    return str(api.post("/api/v1/turns", json={"message": "Hi"}).get_json()["stream_url"])


@contextmanager
def _streamed_page(browser: FlaskClient) -> Iterator[Iterator[bytes]]:
    """The rest of a conversation's page for a browser without JavaScript, read as far as the first block."""
    fields = {"csrf_token": form_token(browser, "/"), "message": "Hi"}
    where = browser.post("/messages", data=fields).headers["Location"]
    answered = browser.get(where, buffered=False)
    pieces, read = (bytes(piece) for piece in answered.response), b""  # type: ignore[arg-type]
    with patience():
        while b"<strong>one</strong>" not in read:
            read += next(pieces)
    assert b"</html>" not in read
    yield pieces
    answered.close()


@pytest.fixture
def app(make_app: MakeApp, upstream: ScriptedUpstream, postgresql_url: str) -> Flask:
    """On PostgreSQL, whose connections can be busy while others work, and with less patience than usual."""
    database = Database(postgresql_url, pool_size=POOL_SIZE, pool_wait_s=2)
    return make_app(database, OPENAI_BASE_URL=upstream.base_url, CHATAPP_MODELS=MODELS)


@contextmanager
def _every_connection_is_busy(app: Flask) -> Iterator[None]:
    database = parts_of(app).database
    with ExitStack() as busy:
        for _ in range(POOL_SIZE):
            busy.enter_context(database.engine.connect())
        assert database.connections_in_use == POOL_SIZE
        yield


def test_without_a_free_connection_a_message_waits_and_streams_go_on(
    app: Flask, api: FlaskClient, person: Person, upstream: ScriptedUpstream
) -> None:
    sent = PacedAnswer("one ", "two ", "three")
    upstream.scripts = [sent.script, answer("Hello, world!")]
    sender = Sender(app, person)
    stream = LiveStream(api.get(_started(api), buffered=False))
    sent.give()
    stream.read_until("one")
    before = rows(app)

    with _every_connection_is_busy(app):
        sending = sender.send_all()
        for _ in range(2):
            sent.give()
        stream.read_until("three")
        sender.assert_all_are_refused(sending)
        sent.give()
        assert stream.read_until("event: usage")[-1].event == "usage", "its end waits for a connection"
        waiting = sender.send_all()
        gevent.idle()
    sender.assert_all_are_accepted(waiting)

    frames = stream.read_to_the_end()
    assert told(frames)[-1] == ("done", {"finish_reason": "stop"})
    assert text_of(frames) == sent.text
    assert rows(app) == {name: count * 5 for name, count in before.items()}
    assert until(lambda: parts_of(app).database.connections_in_use == 0)
