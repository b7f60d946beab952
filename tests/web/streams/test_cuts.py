"""A line that drops at any byte: the reader comes back with its last id and has everything, exactly once.

Through the process that answers, and through another one that follows its log.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from gevent.event import Event

from tests.scripted_upstream import ScriptedUpstream, answer
from tests.streaming.wire import Client
from tests.web.conftest import MODELS, MakeApp, SignUp, bearer_client
from tests.web.event_stream import LiveStream, patience, until
from tests.web.streams.test_answer import paused, started

TEXTS = ["Grüße ☃, ", "\U0001f600\r\n", "data: x\n\n", "end"]


@pytest.fixture
def here(make_app: MakeApp, sign_up: SignUp, upstream: ScriptedUpstream, redis_url: str) -> FlaskClient:
    """Somebody at the process that answers."""
    app = make_app(OPENAI_BASE_URL=upstream.base_url, CHATAPP_MODELS=MODELS, REDIS_URL=redis_url)
    return bearer_client(app, sign_up(app))


@pytest.fixture
def there(make_app: MakeApp, here: FlaskClient, tmp_path: Path, redis_url: str) -> FlaskClient:
    """The same person at another process."""
    secret = (tmp_path / "data" / "jwt_secret").read_text()
    app = make_app(
        CHATAPP_DATA=str(tmp_path / "there"), CHATAPP_MODELS=MODELS, REDIS_URL=redis_url, JWT_SECRET=secret
    )
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = here.environ_base["HTTP_AUTHORIZATION"]
    return client


@pytest.fixture(params=["here", "there"])
def api(request: pytest.FixtureRequest) -> FlaskClient:
    """Where the reader comes back."""
    found: FlaskClient = request.getfixturevalue(request.param)
    return found


def _cut_off(body: bytes, at: int) -> Client:
    """A client whose line dropped after `at` bytes."""
    client = Client()
    client.feed(body[:at])
    client.cut()
    return client


def _resumed(api: FlaskClient, url: str, client: Client) -> Any:
    headers = {"Last-Event-ID": client.last_id} if client.last_id else {}
    return api.get(url, headers=headers, buffered=False)


def test_a_finished_stream_survives_a_cut_at_every_byte(
    here: FlaskClient, api: FlaskClient, upstream: ScriptedUpstream
) -> None:
    upstream.scripts = [answer(*TEXTS)]
    url = started(here)["stream_url"]
    body = here.get(url).get_data()
    whole = _cut_off(body, len(body))
    assert whole.text() == "".join(TEXTS)
    for at in range(len(body) + 1):
        client = _cut_off(body, at)
        answered = _resumed(api, url, client)
        assert (answered.status_code == 204) is (client.names()[-1:] == ["done"])
        client.feed(answered.get_data())
        assert client.frames == whole.frames, f"cut after {at} bytes"


def test_a_running_stream_survives_a_cut_at_every_byte(
    here: FlaskClient, api: FlaskClient, upstream: ScriptedUpstream
) -> None:
    """All of them come back while the turn runs, and go on live."""
    gate = Event()
    upstream.scripts = [paused(3, gate)]
    url = started(here)["stream_url"]
    first = LiveStream(here.get(url, buffered=False))
    first.read_until("three")
    body = first.body
    back = []
    for at in range(len(body) + 1):
        client = _cut_off(body, at)
        pieces = iter(_resumed(api, url, client).response)
        with patience():
            client.feed(next(pieces))
        back.append((client, pieces))
    gate.set()
    first.read_to_the_end()
    whole = _cut_off(first.body, len(first.body))
    assert whole.text() == "one two three four five"
    for client, pieces in back:
        with patience():
            for piece in pieces:
                client.feed(piece)
        assert client.frames == whole.frames


def test_a_stream_survives_a_cut_after_every_few_bytes(
    here: FlaskClient, there: FlaskClient, upstream: ScriptedUpstream
) -> None:
    """One reader, whose line drops again and again, and who is sent now to the one and now to the other process."""
    upstream.scripts = [answer(*TEXTS)]
    url = started(here)["stream_url"]
    assert until(lambda: there.get(url).get_data().endswith(here.get(url).get_data()[-80:]))
    whole = _cut_off(here.get(url).get_data(), 1_000_000)
    client, connections = Client(), 0
    while (answered := _resumed((here, there)[connections % 2], url, client)).status_code == 200:
        connections += 1
        client.feed(answered.get_data()[: 200 + connections % 7])
        client.cut()
        assert connections < 100
    assert answered.status_code == 204
    assert client.frames == whole.frames
    assert connections > 3
