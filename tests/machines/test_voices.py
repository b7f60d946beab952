"""Five voices answer on one machine; who reads them on the other one resumes all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.machines.choir import VOICES, Choir
from tests.machines.event_source import EventSource
from tests.machines.ground import Ground
from tests.machines.interrupted import told
from tests.reading import Reading
from tests.streaming.wire import Client
from tests.turns.house import until


def _sing(machines: Ground, url: str = "") -> tuple[dict[str, Any], Choir]:
    """A turn of five voices, which upstream has all been asked for."""
    choir = Choir()
    machines.upstream.scripts = [choir.script]
    turn = machines.reading(url).start_turn(voices=list(VOICES))
    assert machines.upstream.wait_for_requests(len(VOICES), 20), "upstream was not asked for each voice"
    return turn, choir


def _until_shown(reading: Iterator[Client], texts: dict[str, str]) -> Client:
    """Reads until the client shows all of that, and no further."""
    for client in reading:
        if client.texts() == texts:
            return client
    raise AssertionError("the stream ended early")


def _saved(reading: Reading, turn: dict[str, Any]) -> dict[str, Any]:
    return {reply["voice"]: reply for reply in reading.replies(turn["session_id"])}


def test_all_five_go_on_where_the_reader_was_on_the_other_machine(machines: Ground) -> None:
    here, there = machines.servers
    turn, choir = _sing(machines)
    on_a = machines.reading(here.url).follow(turn["stream_url"])
    for _ in range(3):
        choir.speak()
    client = _until_shown(on_a, choir.texts())
    del on_a  # the line to the first machine is lost, with no voice at its end
    choir.speak(2)

    resumed = machines.reading(there.url).follow(turn["stream_url"], client.last_id, client)
    _until_shown(resumed, choir.texts())
    choir.finish()
    *_, ended = resumed

    assert ended.texts() == choir.texts(), "each word once"
    assert "snapshot" not in ended.names(), "nothing was lost, so nothing is told anew"
    assert ended.names().count("voice_done") == len(VOICES)
    assert ended.names().count("done") == 1
    assert ended.frames[-1].json() == {"finish_reason": "stop"}
    for server in (here, there):
        saved = _saved(machines.reading(server.url), turn)
        assert {voice: reply["content"] for voice, reply in saved.items()} == choir.texts()
        assert {reply["status"] for reply in saved.values()} == {"complete"}


def test_each_voice_is_followed_alone_on_the_other_machine(machines: Ground) -> None:
    _, there = machines.servers
    turn, choir = _sing(machines)
    readers = {
        voice: EventSource(machines.reading(there.url), f"/api/sessions/{turn['session_id']}/stream/{voice}")
        for voice in VOICES
    }
    choir.speak(2)
    until(lambda: all(each.client.text() == choir.texts()[voice] for voice, each in readers.items()), 20)
    choir.finish()
    for voice, reader in readers.items():
        ended = reader.read_to_the_end()
        assert ended.text() == choir.texts()[voice]
        assert ended.names()[-2:] == ["voice_done", "done"]


def test_one_voice_is_stopped_from_the_other_machine_and_four_go_on(machines: Ground) -> None:
    _, there = machines.servers
    turn, choir = _sing(machines)
    reading = machines.reading(there.url)
    followed = reading.follow(turn["stream_url"])
    choir.speak(2)
    stopped = choir.texts()["analyzer"]
    _until_shown(followed, choir.texts())
    [generation] = [each for each in turn["generations"] if each["voice"] == "analyzer"]
    assert reading.http.post(f"/api/v1/generations/{generation['id']}/cancel").status_code == 200
    until(lambda: _saved(reading, turn)["analyzer"]["status"] == "cancelled", 20)
    choir.speak(2, but="analyzer")
    choir.finish()
    *_, ended = followed

    sent = {**choir.texts(), "analyzer": stopped}
    assert ended.texts() == sent
    endings = {each["voice"]: each["finish_reason"] for each in _voice_ends(ended)}
    assert endings == {voice: "cancelled" if voice == "analyzer" else "stop" for voice in VOICES}
    assert {voice: reply["content"] for voice, reply in _saved(reading, turn).items()} == sent


def test_the_machine_that_answered_dies_and_all_five_keep_what_was_saved(machines: Ground) -> None:
    here, there = machines.servers
    turn, choir = _sing(machines)
    reading = machines.reading(there.url)
    reader = EventSource(reading, turn["stream_url"])
    choir.speak(3)
    until(lambda: reader.client.texts() == choir.texts(), 20)
    kept = choir.texts()
    until(lambda: {voice: reply["content"] for voice, reply in _saved(reading, turn).items()} == kept, 20)
    here.kill()

    ended = reader.read_to_the_end(60)
    saved = _saved(reading, turn)
    assert ended.texts() == {voice: reply["content"] for voice, reply in saved.items()} == kept
    assert {reply["status"] for reply in saved.values()} == {"interrupted"}
    assert {each["finish_reason"] for each in _voice_ends(ended)} == {"error"}
    assert [frame.json()["code"] for frame in told(ended) if frame.name == "failure"] == ["INTERRUPTED"] * 5
    assert ended.frames[-1].json() == {"finish_reason": "error"}


def _voice_ends(client: Client) -> list[dict[str, Any]]:
    return [frame.json() for frame in client.frames if frame.name == "voice_done"]
