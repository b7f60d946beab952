"""Progress: it follows what has happened, is told at most once a second, and never goes back."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapp.streaming.dialect import EVENTS
from chatapp.streaming.event import Event, done, snapshot, spoken_by, token, usage, voice_done
from chatapp.streaming.event_data import Standing
from chatapp.streaming.event_log import EventLog
from chatapp.streaming.position import Position
from chatapp.streaming.progress_dialect import BEHIND_S, PERIOD_S, ProgressDialect, share
from chatapp.streaming.subscriber import Subscriber
from chatapp.streaming.voice_dialect import VoiceDialect
from tests.hand_clock import HandClock
from tests.streaming.doubles import ScriptedWaiter
from tests.streaming.wire import Client

USED = usage(1, 2, None, "m")
TEXTS = st.lists(st.text("xy\n€", min_size=1, max_size=400), max_size=12)


class Reading:
    """One reader of the generation `g` and what it was told, through any number of connections."""

    def __init__(self, log: EventLog, *, started: bool = True, voice: str | None = None) -> None:
        self.log = log
        self.client = Client()
        self.clock = HandClock(0.0)
        self.started = started
        self.ended = False
        self.standing = lambda: standing("".join(self.said()))
        self._voice = voice

    def connect(self, *happenings: Callable[[], None], room: int = 1_000_000) -> None:
        """Follows to the end, or until `room` bytes have come."""
        at = Position.parse(self.client.last_id)
        waiter = ScriptedWaiter(*happenings)
        subscriber = Subscriber(self.log, self.dialect(at), at, self.standing, waiter=waiter)
        for piece in subscriber.frames():
            self.client.feed(piece[:room])
            room -= len(piece)
            if room < 0:
                break
        self.client.cut()

    def dialect(self, at: Position | None) -> ProgressDialect:
        return ProgressDialect(
            "g",
            EVENTS if self._voice is None else VoiceDialect(self._voice),
            has_started=lambda: self.started,
            has_ended=self.ended,
            is_fresh=at is None,
            clock=self.clock,
        )

    def say(self, *events: Event) -> list[Callable[[], None]]:
        """What happens while the reader waits: one event after the other, and a second for each."""

        def happens(event: Event) -> None:
            self.clock.wait(PERIOD_S)
            self.log.append(event)

        return [lambda event=event: happens(event) for event in events]  # type: ignore[misc]

    def said(self) -> list[str]:
        return [event.data["text"] for event in self.log.events_after(self.log.base) if event.name == "token"]

    def progress(self) -> list[dict[str, Any]]:
        return [frame.json() for frame in self.client.frames if frame.name == "progress"]

    def values(self) -> list[float]:
        return [each["progress"] for each in self.progress()]


def standing(text: str, status: str = "streaming") -> Event:
    others: Standing = {"generation_id": "h", "voice": "other", "text": "x" * 9000, "status": "streaming"}
    mine: Standing = {"generation_id": "g", "voice": "seeker", "text": text, "status": status}
    return snapshot([others, mine])


def log_of(*events: Event, name: str = "log", base: int = 0) -> EventLog:
    log = EventLog(name, base=base)
    for event in events:
        log.append(event)
    return log


def test_a_generation_from_its_queue_to_its_end() -> None:
    reading = Reading(EventLog("log"), started=False)
    reading.connect(*reading.say(token("a" * 100), token("b" * 900), USED, done("stop")))
    assert reading.client.names() == [
        "progress",
        "token",
        "progress",
        "token",
        "progress",
        "usage",
        "progress",
        "done",
    ]
    assert reading.progress() == [
        {"generation_id": "g", "status": "queued", "progress": 0.0},
        {"generation_id": "g", "status": "processing", "progress": share(100)},
        {"generation_id": "g", "status": "processing", "progress": share(1000)},
        {"generation_id": "g", "status": "completed", "progress": 1.0},
    ]


def test_to_the_byte() -> None:
    told = Reading(EventLog("log")).dialect(None).opening("log-0")
    assert told == EVENTS.opening("log-0") + (
        b'event: progress\ndata: {"generation_id":"g","status":"processing","progress":0.0}\n\n'
    )


def test_progress_has_no_position_and_comes_after_the_text_that_it_counts() -> None:
    reading = Reading(EventLog("log"))
    reading.connect(*reading.say(token("a"), done("stop")))
    assert [(frame.name, frame.last_id) for frame in reading.client.frames] == [
        ("progress", "log-0"),
        ("token", "log-1"),
        ("progress", "log-1"),
        ("progress", "log-1"),
        ("done", "log-2"),
    ]


@pytest.mark.parametrize(
    ("finish_reason", "status"),
    [
        ("stop", "completed"),
        ("length", "completed"),
        ("content_filter", "completed"),
        ("cancelled", "cancelled"),
        ("error", "failed"),
    ],
)
def test_the_last_says_how_it_ended(finish_reason: str, status: str) -> None:
    reading = Reading(log_of(token("a"), done(finish_reason)))
    reading.connect()
    assert reading.progress()[-1] == {"generation_id": "g", "status": status, "progress": 1.0}
    assert reading.client.names()[-2:] == ["progress", "done"]


def test_a_flood_is_told_once_a_second() -> None:
    reading = Reading(EventLog("log"))

    def speaks() -> None:
        reading.clock.wait(PERIOD_S / 10 + 1e-9)
        reading.log.append(token("x" * 10))

    reading.connect(*[speaks] * 30, lambda: reading.log.append(done("stop")))
    assert reading.values() == [0.0, share(10), share(110), share(210), 1.0]


def test_no_second_passes_without_text() -> None:
    """Nothing but text moves it, however long it takes."""
    reading = Reading(EventLog("log"))

    def waits() -> None:
        reading.clock.wait(600)
        for reader in reading.log.readers:
            assert isinstance(reader, Subscriber)
            reader.beat(reading.clock.now + 1e9, 10)

    reading.connect(waits, waits, *reading.say(done("stop")))
    assert reading.values() == [0.0, 1.0]
    assert reading.client.names().count("heartbeat") == 2


def test_a_start_in_silence_is_told_with_a_heartbeat() -> None:
    dialect = ProgressDialect(
        "g", EVENTS, has_started=lambda: started, has_ended=False, is_fresh=True, clock=HandClock(0.0)
    )
    started = False
    assert b'"queued"' in dialect.opening("log-0")
    assert dialect.heartbeat(5) == EVENTS.heartbeat(5)
    started = True
    assert b'"processing"' in dialect.heartbeat(6)
    assert dialect.heartbeat(7) == EVENTS.heartbeat(7)


def test_it_stays_under_one_whatever_comes() -> None:
    values = [share(characters) for characters in (0, 1, 50, 2000, 10_000, 10**6, 10**12)]
    assert values == sorted(values)
    assert values[0] == 0
    assert values[-1] < 1


@given(texts=TEXTS, cuts=st.lists(st.integers(0, 600), max_size=10), data=st.data())
def test_it_never_goes_back_through_any_number_of_reconnects(
    texts: list[str], cuts: list[int], data: st.DataObject
) -> None:
    """The line drops after any byte. What was told stays told, and the end is 1."""
    reading = Reading(EventLog("log"), started=data.draw(st.booleans(), label="started"))
    events = [*map(token, texts), USED, done(data.draw(st.sampled_from(["stop", "cancelled", "error"])))]
    while "done" not in reading.client.names():
        room = cuts.pop() if cuts else 1_000_000
        grow = reading.say(*events)
        reading.connect(*grow, room=room)
        reading.started = True
        del events[: reading.log.end - (len(texts) + 2 - len(events))]
        reading.ended = reading.log.closed
    values = reading.values()
    assert values == sorted(values)
    assert values[-1] == 1.0
    assert reading.progress()[-1]["status"] in ("completed", "cancelled", "failed")
    assert reading.client.text() == "".join(texts)
    statuses = [each["status"] for each in reading.progress()]
    assert "queued" not in statuses[len([each for each in statuses if each == "queued"]) :]


def test_who_comes_back_is_told_at_least_what_it_was_told() -> None:
    reading = Reading(log_of(token("a" * 500), token("b" * 500)))
    reading.client.feed(b"id: log-2\n\n")
    reading.connect(*reading.say(token("c" * 1000), done("stop")))
    assert reading.values() == [share(1000), share(2000), 1.0]


def test_who_comes_back_before_the_first_text_hears_how_it_stands() -> None:
    reading = Reading(EventLog("log"), started=False)
    reading.client.feed(b"id: log-0\n\n")
    reading.connect(*reading.say(token("c"), done("stop")))
    assert [each["status"] for each in reading.progress()] == ["queued", "processing", "completed"]


def test_who_was_told_the_end_and_not_done_is_told_nothing_less() -> None:
    """The line dropped between the last progress and `done`."""
    reading = Reading(log_of(done("cancelled")))
    reading.ended = True
    reading.client.feed(b"id: log-0\n\n")
    reading.connect()
    assert reading.values() == [1.0]


def test_a_lost_reader_is_told_what_the_snapshot_holds() -> None:
    reading = Reading(log_of(token("a" * 700)))
    reading.client.feed(b"id: other-7\n\n")
    reading.connect(*reading.say(token("b"), done("stop")))
    assert reading.client.names()[:2] == ["snapshot", "progress"]
    assert reading.values() == [share(700), share(701), 1.0]


def test_a_lost_reader_among_voices_is_told_of_its_own() -> None:
    log = log_of(spoken_by("seeker", token("a" * 700)), spoken_by("other", token("x" * 9000)))
    reading = Reading(log, voice="seeker")
    reading.standing = lambda: standing("a" * 700)
    reading.client.feed(b"id: other-7\n\n")
    reading.connect(*reading.say(spoken_by("seeker", voice_done("length")), done("stop")))
    assert reading.client.names() == ["snapshot", "progress", "progress", "voice_done", "done"]
    assert reading.values() == [share(700), 1.0]


def test_other_voices_move_nothing() -> None:
    reading = Reading(EventLog("log"), voice="seeker")
    events = [
        spoken_by("other", token("x" * 900)),
        spoken_by("seeker", token("a")),
        spoken_by("other", voice_done("error")),
        spoken_by("seeker", voice_done("stop")),
    ]
    reading.connect(*reading.say(*events))
    assert reading.values() == [0.0, share(1), 1.0]
    assert reading.progress()[-1]["status"] == "completed"


def test_other_voices_text_is_not_taken_for_what_a_returning_reader_had() -> None:
    log = log_of(spoken_by("other", token("x" * 900)), spoken_by("seeker", token("a")))
    reading = Reading(log, voice="seeker")
    reading.client.feed(b"id: log-2\n\n")
    reading.connect(*reading.say(done("stop")))
    assert reading.values() == [share(1), 1.0]


def test_a_reply_that_had_ended_is_told_its_end_alone() -> None:
    """The log is gone and made anew from what was saved. What a returning reader had is not known there."""
    log = log_of(standing("a" * 900, "complete"), USED, done("stop"), base=40)
    for at in ("log-40", "log-41", "log-42", "log-7", "other-3"):
        reading = Reading(log)
        reading.standing = lambda: standing("a" * 900, "complete")
        reading.client.feed(b"id: %b\n\n" % at.encode())
        reading.connect()
        assert reading.values() == [1.0]
    fresh = Reading(log)
    fresh.connect()
    assert fresh.values() == [0.0, 1.0]


def test_where_text_has_left_the_log_only_the_end_is_told() -> None:
    log = EventLog("log", kept=10)
    for _ in range(15):
        log.append(token("x" * 900))
    assert log.base > 0
    reading = Reading(log)
    reading.client.feed(b"id: log-14\n\n")
    reading.connect(*reading.say(token("y" * 900), done("stop")))
    assert reading.values() == [1.0]


def test_what_was_saved_may_be_less_than_a_reader_from_elsewhere_has() -> None:
    """A log of another epoch holds saved text: it is given the time to overtake what the reader was told."""
    reading = Reading(log_of(standing("a" * 100), name="log:123abc"))
    reading.standing = lambda: standing("a" * 100)
    reading.client.feed(b"id: log-7\n\n")
    slow = reading.say(*[token("b" * 100)] * 5, done("stop"))
    reading.connect(*slow)
    seconds = round(BEHIND_S / PERIOD_S)
    assert reading.values() == [*(share(100 + 100 * n) for n in range(seconds, 6)), 1.0]


def test_a_reader_that_moves_to_another_log_is_told_nothing_less() -> None:
    log, other = log_of(token("a" * 900)), log_of(standing("a" * 300), name="log:123abc")
    reading = Reading(log)
    reading.standing = lambda: standing("a" * 300)
    texts = [token("b" * 300)] * 3
    more = [lambda event=event: later(event) for event in (*texts, done("stop"))]

    def later(event: Event) -> None:
        reading.clock.wait(PERIOD_S)
        other.append(event)

    reading.connect(lambda: log.replace_by(other), *more)
    values = reading.values()
    assert values == [0.0, share(900), share(1200), 1.0]
    assert all(one <= two for one, two in pairwise(values))


def test_a_reader_s_own_frames_do_not_pile_up() -> None:
    log = EventLog("log")
    encoding = log.encoding(Reading(log).dialect(None))
    for seq in range(1000):
        log.append(token("x"))
        frames, end = encoding.after(seq)
        assert frames.startswith(b"id: log-%d\n" % end)
    assert len(encoding._frames) <= 1
