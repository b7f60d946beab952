"""Streams that are cut after every byte, over HTTP: who comes back has the same text, and one end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from gevent.event import Event

from tests.scripted_upstream import ScriptedUpstream, Step, answer
from tests.streaming.wire import Client
from tests.web.conftest import MODELS, MakeApp
from tests.web.event_stream import patience

TEXTS = ["H\u00e9\n", "\U0001f600 ", "d\u00f3ne"]
WHOLE = "".join(TEXTS)
AFTER = 3
"""The step of the script that follows the first text: its start, the text, and that it was read."""

Opened = Callable[[str], Any]
"""Opens the stream of one turn at the position that a reader has, which may be none."""
Show = Callable[[Client], str]


@pytest.fixture
def app(make_app: MakeApp, upstream: ScriptedUpstream) -> Flask:
    """One that lets a user read an answer as often at once as it has bytes."""
    return make_app(
        OPENAI_BASE_URL=upstream.base_url, CHATAPP_MODELS=MODELS, CHATAPP_STREAMS_PER_USER="10000"
    )


def _events(api: FlaskClient) -> Opened:
    url = api.post("/api/v1/turns", json={"message": "Hi"}).json["stream_url"]  # type: ignore[index]
    return lambda at: api.get(url, headers={"Last-Event-ID": at}, buffered=False)


def _plain(api: FlaskClient) -> Opened:
    """This dialect has no address to come back to: the same message is sent again, under the same id."""
    body = {"message": "Hi"}

    def opened(at: str) -> Any:
        headers = {"Idempotency-Key": "m1", "Last-Event-ID": at}
        return api.post("/api/chat/stream", json=body, headers=headers, buffered=False)

    return opened


def _plain_text(client: Client) -> str:
    """What a client that looks for `replace` shows."""
    shown = ""
    for frame in client.frames:
        data = frame.json()
        shown = data.get("content", "") if "replace" in data else shown + data.get("content", "")
    return shown


def _ends(client: Client) -> int:
    return sum(
        frame.name == "done" or (frame.name, frame.json()) == ("message", {"done": True})
        for frame in client.frames
    )


@pytest.fixture(params=["events", "plain"])
def dialect(request: pytest.FixtureRequest) -> tuple[Callable[[FlaskClient], Opened], Show]:
    return {"events": (_events, Client.text), "plain": (_plain, _plain_text)}[request.param]


def _pieces(answered: Any) -> Iterator[bytes]:
    assert answered.status_code == 200
    return iter(answered.response)


def _rest(answered: Any) -> bytes:
    if answered.status_code == 204:
        return b""
    with patience():
        return b"".join(_pieces(answered))


def _cut_at(read: bytes) -> Client:
    """A client whose line dropped when it had read so much."""
    client = Client()
    client.feed(read)
    client.cut()
    return client


def test_a_finished_answer_is_whole_after_a_cut_at_any_byte(
    api: FlaskClient, upstream: ScriptedUpstream, dialect: tuple[Callable[[FlaskClient], Opened], Show]
) -> None:
    upstream.scripts = [answer(*TEXTS)]
    start, text_of = dialect
    opened = start(api)
    whole = _rest(opened(""))
    for cut in range(len(whole) + 1):
        client = _cut_at(whole[:cut])
        client.feed(_rest(opened(client.last_id)))
        assert (text_of(client), _ends(client)) == (WHOLE, 1), f"cut after {whole[:cut]!r}"
    assert len(upstream.requests) == 1


def test_a_running_answer_is_whole_after_a_cut_at_any_byte(
    api: FlaskClient, upstream: ScriptedUpstream, dialect: tuple[Callable[[FlaskClient], Opened], Show]
) -> None:
    """They all come back while it runs, and read what was there and what comes afterwards."""
    go = Event()
    script: list[Step] = answer(*TEXTS)
    script.insert(AFTER, go)
    upstream.scripts = [script]
    start, text_of = dialect
    opened = start(api)
    first = opened("")
    pieces, begun = _pieces(first), b""
    with patience():
        while not begun.count(b"\n\n") > 1:
            begun += next(pieces)
    readers = []
    for cut in range(len(begun) + 1):
        client = _cut_at(begun[:cut])
        again = _pieces(opened(client.last_id))
        client.feed(next(again))
        readers.append((client, again))
    go.set()
    for cut, (client, again) in enumerate(readers):
        with patience():
            client.feed(b"".join(again))
        assert (text_of(client), _ends(client)) == (WHOLE, 1), f"cut after {begun[:cut]!r}"
    first.close()
    assert len(upstream.requests) == 1


def test_who_only_ever_reads_a_few_bytes_more_comes_to_the_end(
    api: FlaskClient, upstream: ScriptedUpstream, dialect: tuple[Callable[[FlaskClient], Opened], Show]
) -> None:
    """Cut at the same distance again and again; one that is too short for a frame would never end."""
    upstream.scripts = [answer(*TEXTS)]
    start, text_of = dialect
    opened = start(api)
    whole = _rest(opened(""))
    for room in range(_longest(whole), len(whole), 5):
        client = Client()
        while not _ends(client):
            client.feed(_rest(opened(client.last_id))[:room])
            client.cut()
        assert (text_of(client), _ends(client)) == (WHOLE, 1), f"cut every {room} bytes"


def _longest(whole: bytes) -> int:
    """Bytes of the opening and of the longest frame after it."""
    opening, *frames = whole.split(b"\n\n")
    return len(opening) + 2 + max(map(len, frames)) + 2
