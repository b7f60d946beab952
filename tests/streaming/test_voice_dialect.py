"""One voice of several: its events alone, at the turn's positions, to its own end."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapp.streaming.dialect import EVENTS
from chatapp.streaming.event import Event, done, failure, snapshot, spoken_by, token, usage, voice_done
from chatapp.streaming.event_log import EventLog
from chatapp.streaming.heartbeat import Heartbeat
from chatapp.streaming.position import Position
from chatapp.streaming.subscriber import Subscriber
from chatapp.streaming.voice_dialect import VoiceDialect, one_voice
from tests.hand_clock import HandClock
from tests.streaming.doubles import ScriptedWaiter
from tests.streaming.wire import Client, read

A, B = VoiceDialect("a"), VoiceDialect("b")
FAILED = failure("RATE_LIMIT", "Overloaded.", retryable=True, request_id="req_12345678")
TURN = (
    spoken_by("a", token("A1 ")),
    spoken_by("b", token("B1 ")),
    spoken_by("a", token("A2")),
    spoken_by("a", usage(1, 2, None, "m")),
    spoken_by("b", token("B2")),
    spoken_by("a", voice_done("length")),
    spoken_by("b", FAILED),
    spoken_by("b", voice_done("error")),
    done("stop"),
)


def log_of(*events: Event) -> EventLog:
    log = EventLog("log")
    for event in events:
        log.append(event)
    return log


def whole(log: EventLog) -> Event:
    """How both voices stand."""
    said = {"a": "", "b": ""}
    for event in log.events_after(log.base):
        if event.name == "token":
            said[event.data["voice"]] += event.data["text"]
    standings = [
        {"generation_id": f"g-{voice}", "voice": voice, "text": text, "status": "streaming"}
        for voice, text in said.items()
    ]
    return snapshot(standings)  # type: ignore[arg-type]


def follow(
    log: EventLog, voice: VoiceDialect, at: Position | None = None, *happenings: Callable[[], None]
) -> Client:
    waiter = ScriptedWaiter(*happenings)
    return read(Subscriber(log, voice, at, lambda: whole(log), waiter=waiter).frames())


def test_a_voice_is_told_alone_and_keeps_its_name() -> None:
    client = follow(log_of(*TURN), A)
    assert client.names() == ["token", "token", "usage", "voice_done", "done"]
    assert client.text() == "A1 A2"
    assert [frame.json().get("voice") for frame in client.frames] == ["a", "a", "a", "a", None]
    assert [frame.last_id for frame in client.frames] == ["log-1", "log-3", "log-4", "log-4", "log-6"]


def test_a_voice_s_end_to_the_byte() -> None:
    assert A.frame(b"log", 6, TURN[5]) == (
        b'event: voice_done\ndata: {"finish_reason":"length","voice":"a"}\n\n'
        b'id: log-6\nevent: done\ndata: {"finish_reason":"length"}\n\n'
    )


def test_it_ends_with_its_voice_though_the_turn_goes_on() -> None:
    log = EventLog("log")
    client = follow(log, A, None, *(lambda event=event: log.append(event) for event in TURN[:6]))
    assert client.frames[-1].json() == {"finish_reason": "length"}
    assert not log.closed
    assert log.readers == set()


@pytest.mark.parametrize(("seen", "rest"), list(enumerate(["ttuvd", "tuvd", "tuvd", "uvd", "vd", "vd"])))
def test_it_goes_on_after_any_event_of_the_turn(seen: int, rest: str) -> None:
    client = follow(log_of(*TURN), A, Position("log", seen))
    assert "".join(name[0] for name in client.names()) == rest


@pytest.mark.parametrize("seen", range(10))
def test_who_has_a_voice_s_end_has_everything(seen: int) -> None:
    log = log_of(*TURN)
    assert log.finished_at(Position("log", seen), A) is (seen >= 6)
    assert log.finished_at(Position("log", seen), B) is (seen >= 8)
    assert log.finished_at(Position("log", seen), EVENTS) is (seen >= 9)


def test_a_lost_reader_gets_its_own_voice_s_snapshot_and_what_follows_its_own_text() -> None:
    log = log_of(*TURN)
    client = follow(log, A, Position("another", 7))
    assert client.names() == ["snapshot", "usage", "voice_done", "done"]
    (standing,) = client.frames[0].json()["generations"]
    assert (standing["voice"], standing["text"]) == ("a", "A1 A2")
    assert follow(log, B, Position("another", 7)).names() == ["snapshot", "failure", "voice_done", "done"]


def test_a_log_that_begins_with_a_snapshot_tells_that_voice_of_it() -> None:
    log = log_of(whole(log_of(*TURN)), spoken_by("a", voice_done("stop")), done("stop"))
    client = follow(log, B)
    assert client.names() == ["snapshot", "done"]
    assert [each["voice"] for each in client.frames[0].json()["generations"]] == ["b"]


def test_the_turn_s_end_ends_it_too() -> None:
    client = follow(log_of(TURN[0], TURN[1], done("cancelled")), A)
    assert client.names() == ["token", "done"]
    assert client.frames[-1].json() == {"finish_reason": "cancelled"}


def test_other_voices_do_not_break_its_silence() -> None:
    """What is not told is no sign of life on this connection."""
    log, clock = EventLog("log"), HandClock(0.0)
    heartbeat = Heartbeat(10, clock=clock)

    def the_other_speaks() -> None:
        clock.wait(6)
        log.append(spoken_by("b", token("B")))
        heartbeat.tick()

    happenings = [the_other_speaks, the_other_speaks, lambda: log.append(TURN[5])]
    waiter = ScriptedWaiter(*happenings)
    subscriber = Subscriber(log, A, None, lambda: whole(log), waiter=waiter, clock=clock)
    heartbeat.add(subscriber)
    assert read(subscriber.frames()).names() == ["heartbeat", "voice_done", "done"]


def test_readers_of_one_voice_share_its_frames() -> None:
    log = log_of(*TURN)
    assert log.encoding(VoiceDialect("a")) is log.encoding(VoiceDialect("a"))
    assert log.encoding(VoiceDialect("a")) is not log.encoding(VoiceDialect("b"))


def test_a_voice_alone_is_told_as_any_turn_is() -> None:
    assert one_voice("a", alone=True) is EVENTS
    assert isinstance(one_voice("a", alone=False), VoiceDialect)


def test_a_heartbeat_and_an_opening_are_those_of_every_stream() -> None:
    assert A.heartbeat(5) == EVENTS.heartbeat(5)
    assert A.opening("k-0") == EVENTS.opening("k-0")


VOICES = st.lists(st.tuples(st.sampled_from("ab"), st.text("xy\n€", min_size=1, max_size=3)), max_size=12)


@given(said=VOICES, first=st.sampled_from("ab"), cuts=st.lists(st.integers(0, 400), max_size=8))
def test_any_number_of_cuts_is_exactly_once(said: list[tuple[str, str]], first: str, cuts: list[int]) -> None:
    """The line drops after any byte, of either voice's stream, while the turn goes on."""
    second = "b" if first == "a" else "a"
    events = [spoken_by(voice, token(text)) for voice, text in said]
    events.append(spoken_by(first, voice_done("stop")))
    events += [spoken_by(second, token("late")), spoken_by(second, voice_done("length")), done("stop")]
    log = EventLog("log")
    for voice in (second, first):
        client, room = Client(), iter(cuts)
        while "done" not in client.names():
            at = Position.parse(client.last_id)
            assert not log.finished_at(at, VoiceDialect(voice))
            left = next(room, 1_000_000)
            grow = [lambda: log.append(events.pop(0))] * 20
            waiter = ScriptedWaiter(*grow)
            for piece in Subscriber(log, VoiceDialect(voice), at, nothing_lost, waiter=waiter).frames():
                client.feed(piece[:left])
                left -= len(piece)
                if left < 0:
                    break
            client.cut()
        expected = "".join(text for name, text in said if name == voice)
        assert client.text() == expected + ("late" if voice == second else "")
        assert client.names().count("done") == 1
        assert log.finished_at(Position.parse(client.last_id), VoiceDialect(voice))


def nothing_lost() -> Event:
    raise AssertionError("this reader's place was not lost")
