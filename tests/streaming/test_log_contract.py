"""What every event log keeps to, whether its readers are in the process that appends or in another one.

Parity first: the same frames, to the byte, at the same positions. Then everything that a reader can rely on.
"""

from __future__ import annotations

from collections.abc import Iterator

import gevent
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatapp.streaming.dialect import EVENTS, PLAIN, Dialect
from chatapp.streaming.event import Event, done, failure, snapshot, spoken_by, token, usage, voice_done
from chatapp.streaming.event_log import EventLog
from chatapp.streaming.position import Position
from chatapp.streaming.subscriber import Subscriber
from tests.streaming.processes import Follow, process
from tests.streaming.wire import Client, read
from tests.turns.house import until

TURN = (
    token("one "),
    token("zwei \u2603 \U0001f600\n\r\n"),
    usage(5, None, 0.000001, "m"),
    failure("RATE_LIMIT", "Overloaded, please try again soon.", retryable=True, request_id="req_12345678"),
    done("error"),
)
VOICES = (
    spoken_by("a", token("A")),
    spoken_by("b", token("B")),
    spoken_by("a", voice_done("stop")),
    spoken_by("b", token("b")),
    spoken_by("b", voice_done("length")),
    done("stop"),
)


@pytest.fixture(params=["memory", "redis"])
def follow(request: pytest.FixtureRequest) -> Iterator[Follow]:
    """How readers get at a log that somebody appends to."""
    if request.param == "memory":
        yield lambda log: log
        return
    url: str = request.getfixturevalue("redis_url")
    with process(url, "a" * 32) as answering, process(url, "b" * 32) as following:

        def mirrored(log: EventLog) -> EventLog:
            answering.logs.share(log)
            mirror = following.logs.mirror(log.id)
            assert mirror is not None
            until(lambda: mirror.log.end == log.end)
            return mirror.log

        yield mirrored


def _whole_text() -> Event:
    return snapshot([{"generation_id": "g", "voice": "v", "text": "all", "status": "streaming"}])


def _read(log: EventLog, at: Position | None = None, dialect: Dialect = EVENTS) -> Client:
    with gevent.Timeout(10):
        return read(Subscriber(log, dialect, at, _whole_text).frames())


def _appended(*events: Event) -> EventLog:
    log = EventLog()
    for event in events:
        log.append(event)
    return log


@pytest.mark.parametrize("events", [TURN, VOICES])
@pytest.mark.parametrize("dialect", [EVENTS, PLAIN])
def test_readers_get_the_same_bytes(follow: Follow, dialect: Dialect, events: tuple[Event, ...]) -> None:
    log = _appended(*events)
    followed = follow(log)
    here = b"".join(Subscriber(log, dialect, None, _whole_text).frames())
    assert b"".join(Subscriber(followed, dialect, None, _whole_text).frames()) == here


@pytest.mark.parametrize("seen", range(len(TURN)))
def test_a_reader_goes_on_after_any_event(follow: Follow, seen: int) -> None:
    log = _appended(*TURN)
    client = _read(follow(log), Position(log.id, seen))
    assert client.names() == [event.name for event in TURN[seen:]]
    assert client.last_id == str(Position(log.id, len(TURN)))


@pytest.mark.parametrize("seen", range(len(TURN)))
def test_a_reader_goes_on_live_after_any_event(follow: Follow, seen: int) -> None:
    """What was there and what comes meet at any boundary, and nothing falls between."""
    log = _appended(*TURN[:seen])
    followed = follow(log)
    reading = gevent.spawn(_read, followed)
    for event in TURN[seen:]:
        gevent.sleep(0)
        log.append(event)
    client = reading.get(timeout=10)
    assert client.names() == [event.name for event in TURN]
    assert client.text() == "one zwei \u2603 \U0001f600\n\r\n"


def test_many_readers_get_the_same(follow: Follow) -> None:
    log = EventLog()
    followed = follow(log)
    readers = [gevent.spawn(_read, followed) for _ in range(20)]
    gevent.sleep(0)
    for event in TURN:
        log.append(event)
    for reader in readers:
        assert reader.get(timeout=10).names() == [event.name for event in TURN]


@pytest.mark.parametrize("written", ["0-0", "x-1", "$", "+", ""])
def test_a_place_in_no_log_of_ours_is_lost(follow: Follow, written: str) -> None:
    log = _appended(*TURN)
    client = _read(follow(log), Position.parse(written) or Position("", 0))
    assert client.names() == ["snapshot", "usage", "failure", "done"]


def test_a_place_that_was_never_reached_is_lost(follow: Follow) -> None:
    log = _appended(*TURN)
    client = _read(follow(log), Position(log.id, 900))
    assert client.names()[0] == "snapshot"


def test_who_has_the_end_has_everything(follow: Follow) -> None:
    log = _appended(*TURN)
    followed = follow(log)
    assert followed.closed
    assert followed.finished_at(Position(log.id, len(TURN)), EVENTS)
    assert not followed.finished_at(Position(log.id, len(TURN) - 1), EVENTS)


def test_an_empty_log_can_be_followed(follow: Follow) -> None:
    log = EventLog()
    followed = follow(log)
    reading = gevent.spawn(_read, followed)
    gevent.sleep(0)
    log.append(done("stop"))
    assert reading.get(timeout=10).names() == ["done"]


TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), max_size=30)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(texts=TEXTS, cuts=st.lists(st.integers(0, 31), max_size=5), data=st.data())
def test_text_survives_any_cuts(
    follow: Follow, texts: list[str], cuts: list[int], data: st.DataObject
) -> None:
    log = EventLog()
    followed = follow(log)
    for text in texts:
        log.append(token(text))
    log.append(done("stop"))
    until(lambda: followed.closed)
    client = Client()
    position: Position | None = None
    for cut in cuts:
        frames = Subscriber(followed, EVENTS, position, _whole_text).frames()
        written = b"".join(frames)
        client.feed(written[: data.draw(st.integers(0, len(written)), label=f"cut {cut}")])
        client.cut()
        position = Position.parse(client.last_id)
    if not followed.finished_at(position, EVENTS):
        client.feed(b"".join(Subscriber(followed, EVENTS, position, _whole_text).frames()))
    assert client.text() == "".join(texts)
    assert client.names().count("done") == 1
