from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from chatapp.streaming.dialect import EVENTS
from chatapp.streaming.event import Event, done, failure, snapshot, token
from chatapp.streaming.event_log import EventLog
from chatapp.streaming.heartbeat import Heartbeat
from chatapp.streaming.position import Position
from chatapp.streaming.subscriber import Subscriber
from tests.hand_clock import HandClock
from tests.streaming.doubles import ScriptedWaiter
from tests.streaming.wire import Client, read


def _standing(text: str) -> Event:
    standing = {"generation_id": "g", "voice": "seeker", "text": text, "status": "streaming"}
    return snapshot([standing])  # type: ignore[list-item]


def _append(log: EventLog, *texts: str) -> None:
    for text in texts:
        log.append(token(text))


def _hang_up(log: EventLog) -> None:
    for reader in log.readers:
        assert isinstance(reader, Subscriber)
        reader.hang_up()


def _nothing_lost() -> Event:
    raise AssertionError("this reader's place was not lost")


def _subscriber(
    log: EventLog, *happenings: Callable[[], None], at: Position | None = None, text: str | None = None
) -> Subscriber:
    told = _nothing_lost if text is None else lambda: _standing(text)
    return Subscriber(log, EVENTS, at, told, waiter=ScriptedWaiter(*happenings))


def test_the_opening_comes_before_anything_is_known() -> None:
    log = EventLog("log")
    frames = _subscriber(log).frames()
    assert next(frames) == EVENTS.opening("log-0")


def test_a_fresh_reader_sees_the_log_live_to_its_end() -> None:
    log = EventLog("log")
    subscriber = _subscriber(
        log,
        lambda: log.append(token("a")),
        lambda: _append(log, "b", "c"),
        lambda: log.append(done("stop")),
    )
    chunks = list(subscriber.frames())
    assert len(chunks) == 4, "what arrived together leaves in one write"
    client = read(chunks)
    assert client.text() == "abc"
    assert client.names() == ["token", "token", "token", "done"]


def test_a_reader_is_known_to_the_log_while_it_reads() -> None:
    log = EventLog("log")
    frames = _subscriber(log).frames()
    next(frames)
    assert len(log.readers) == 1
    frames.close()
    assert log.readers == set()


@given(
    st.lists(st.text("ab\n\u20ac", min_size=1, max_size=3), max_size=8),
    st.lists(st.integers(0, 300), max_size=8),
)
def test_any_number_of_cuts_and_resumes_is_exactly_once(texts: list[str], cuts: list[int]) -> None:
    """The line drops after any byte; the reader comes back with what it holds, and the log goes on growing."""
    log = EventLog("log")
    events = [token(text) for text in texts] + [done("stop")]
    client = Client()
    while "done" not in client.names():
        room = cuts.pop() if cuts else 1_000_000
        at = Position.parse(client.last_id)
        for chunk in _subscriber(log, *[lambda: log.append(events.pop(0))] * 10, at=at).frames():
            client.feed(chunk[:room])
            room -= len(chunk)
            if room < 0:
                break
        client.cut()
    assert client.text() == "".join(texts)
    assert client.names().count("done") == 1


def test_a_lost_place_is_told_by_a_snapshot_and_then_goes_on() -> None:
    log = EventLog("log")
    log.append(token("a"))
    subscriber = _subscriber(
        log,
        lambda: log.append(token("b")),
        lambda: log.append(done("stop")),
        at=Position("another", 7),
        text="a",
    )
    chunks = list(subscriber.frames())
    assert b"id: log-0\n" not in chunks[0], "resuming from before the snapshot would double its text"
    client = read(chunks)
    assert client.names() == ["snapshot", "token", "done"]
    assert client.text() == "ab"
    assert client.frames[0].last_id == "log-1"


def test_a_place_past_the_end_is_lost_too() -> None:
    log = EventLog("log")
    subscriber = _subscriber(log, lambda: log.append(done("stop")), at=Position("log", 9), text="")
    assert read(subscriber.frames()).names() == ["snapshot", "done"]


def test_a_lost_reader_of_a_finished_turn_still_hears_how_it_ended() -> None:
    log = EventLog("log")
    log.append(token("a"))
    log.append(failure("SERVER_ERROR", "Server error.", retryable=True, request_id="req_12345678"))
    log.append(done("error"))
    client = read(_subscriber(log, at=Position("another", 1), text="a").frames())
    assert client.names() == ["snapshot", "failure", "done"]


def test_a_reader_that_hung_up_gets_nothing_more() -> None:
    log = EventLog("log")
    subscriber = _subscriber(log, lambda: _hang_up(log))
    assert len(list(subscriber.frames())) == 1
    assert log.readers == set()


def test_silence_is_broken_by_heartbeats_and_only_silence() -> None:
    log, clock = EventLog("log"), HandClock(0.0)
    heartbeat = Heartbeat(10, clock=clock)

    def passes(seconds: float) -> Callable[[], None]:
        def happens() -> None:
            clock.wait(seconds)
            heartbeat.tick()

        return happens

    waiter = ScriptedWaiter(
        passes(9.9),
        passes(0.1),
        passes(9.9),
        lambda: log.append(token("a")),
        passes(9.9),
        passes(0.1),
        lambda: log.append(done("stop")),
    )
    subscriber = Subscriber(log, EVENTS, None, _nothing_lost, waiter=waiter, clock=clock)
    heartbeat.add(subscriber)
    assert len(heartbeat) == 1
    client = read(subscriber.frames())
    assert client.names() == ["heartbeat", "token", "heartbeat", "done"]
    assert [frame.last_id for frame in client.frames] == ["log-0", "log-1", "log-1", "log-2"]
    heartbeat.remove(subscriber)
    assert len(heartbeat) == 0


def test_the_ticker_is_fine_enough_for_short_silences() -> None:
    assert Heartbeat(10).period_s == 1.0
    assert Heartbeat(0.1).period_s == 0.01
