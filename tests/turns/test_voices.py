"""Turns with several voices: each has an end of its own, here and in every process that tells the turn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from gevent.event import Event
from sqlalchemy import select

from chatapp.errors import NotFound
from chatapp.store.conversation import Turn
from chatapp.streaming.dialect import EVENTS
from chatapp.streaming.position import Position
from chatapp.streaming.voice_dialect import VoiceDialect
from chatapp.turns.voice import Voice
from tests.scripted_upstream import STREAM_HEAD, End, ScriptedUpstream, answer, chunk, delta
from tests.turns.house import House, house, until

A, B = (Voice(key, key.upper(), "#000000", "", "", model=f"model-{key}") for key in "ab")
BOTH = (A, B)


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    """`a` says two words and ends; `b` says one and waits for `go`."""
    with ScriptedUpstream(answer("c")) as upstream:
        upstream.by_model = {"model-a": answer("a1 ", "a2")}
        yield upstream


@pytest.fixture
def go(upstream: ScriptedUpstream) -> Iterator[Event]:
    go = Event()
    upstream.by_model["model-b"] = [STREAM_HEAD, chunk(delta("b1 ")), go, *answer("b2")[1:]]
    yield go
    go.set()


@pytest.fixture
def here(database_url: str, tmp_path: Path, upstream: ScriptedUpstream) -> Iterator[House]:
    with house(database_url, tmp_path / "data", upstream.base_url) as here:
        yield here


def test_a_voice_ends_before_its_turn(here: House, go: Event) -> None:
    turn = here.start(voices=BOTH)
    first, second = turn.generations
    until(lambda: here.generation(turn).ended_at)
    with here.database.read() as connection:
        assert connection.scalar(select(Turn.ended_at).where(Turn.id == turn.id)) is None
    assert here.conversations.generation(here.account().id, second.id).ended_at is None
    go.set()
    assert here.read(turn).names()[-1] == "done"
    assert (
        here.generation(turn).ended_at < here.conversations.generation(here.account().id, second.id).ended_at
    )
    assert here.generation(turn).id == first.id


def test_each_voice_is_followed_to_its_own_end(here: House, go: Event) -> None:
    turn = here.start(voices=BOTH)
    first = here.follow_voice(turn.id, "a")
    assert (first.text(), first.names()) == ("a1 a2", ["token", "token", "usage", "voice_done", "done"])
    assert not turn.log.closed
    go.set()
    second = here.follow_voice(turn.id, "b")
    assert (second.text(), second.frames[-1].json()) == ("b1 b2", {"finish_reason": "stop"})
    whole = here.read(turn)
    assert {frame.last_id for frame in (*first.frames, *second.frames)} < {
        frame.last_id for frame in whole.frames
    }


def test_a_voice_is_found_by_its_generation_and_by_its_name(here: House, go: Event) -> None:
    turns, user_id = here.answering.turns, here.account().id
    turn = here.start(voices=BOTH)
    for generation in turn.generations:
        by_id = turns.follow_generation(user_id, generation.id)
        by_name = turns.follow_voice(user_id, turn.session_id, generation.voice)
        assert by_id == by_name
        assert (by_id.turn, by_id.generation_id, by_id.voice) == (turn, generation.id, generation.voice)
        assert not by_id.is_alone
    until(lambda: turns.follow_voice(user_id, turn.session_id, "a").has_ended)
    assert not turns.follow_voice(user_id, turn.session_id, "b").has_ended
    go.set()
    here.read(turn)
    newest = here.say(voices=(B,), session_id=turn.session_id)[0]
    found = turns.follow_voice(user_id, turn.session_id, "b")
    assert (found.turn.id, found.is_alone, found.has_ended) == (newest.id, True, True)
    with pytest.raises(NotFound):
        turns.follow_voice(user_id, turn.session_id, "a")


def test_what_is_not_there_or_somebody_else_s_is_missing(here: House, go: Event) -> None:
    go.set()
    turns, turn = here.answering.turns, here.say(voices=BOTH)[0]
    other = here.accounts.create("b@example.org", "long enough")
    for user_id, session_id, voice in (
        (other.id, turn.session_id, "a"),
        (here.account().id, turn.session_id, "c"),
        (here.account().id, "session-20250819-143022-a1b2", "a"),
    ):
        with pytest.raises(NotFound):
            turns.follow_voice(user_id, session_id, voice)
    for user_id, generation_id in ((other.id, turn.generations[0].id), (here.account().id, "0" * 32)):
        with pytest.raises(NotFound):
            turns.follow_generation(user_id, generation_id)


def test_one_generation_is_stopped_and_the_other_goes_on(here: House, go: Event) -> None:
    turn = here.start(voices=BOTH)
    stopped = turn.generations[1]
    until(lambda: stopped.parts)
    here.answering.turns.stop_generation(here.account().id, stopped.id)
    assert here.follow_voice(turn.id, "b").frames[-1].json() == {"finish_reason": "cancelled"}
    assert here.follow_voice(turn.id, "a").frames[-1].json() == {"finish_reason": "stop"}
    assert here.read(turn).frames[-1].json() == {"finish_reason": "stop"}
    assert here.conversations.generation(here.account().id, stopped.id).status == "cancelled"


def test_nothing_is_told_of_a_voice_after_its_end(here: House, go: Event, upstream: ScriptedUpstream) -> None:
    unfinished = delta("b2").removesuffix(b"\n")
    upstream.by_model = {
        "model-a": [STREAM_HEAD, chunk(delta("a1 ")), go, *answer("a2")[1:]],
        "model-b": [STREAM_HEAD, chunk(delta("b1 ") + unfinished), End.HANG],
    }
    turn = here.start(voices=BOTH)
    stopped = turn.generations[1]
    until(lambda: stopped.parts)
    here.answering.turns.stop_generation(here.account().id, stopped.id)
    # The decoder gives out what it held when the connection is closed, which is after the end is committed.
    asked = next(each for each in upstream.requests if each.json()["model"] == "model-b")
    assert asked.hung_up.wait(10)
    go.set()
    names = [frame.name for frame in here.read(turn).frames if '"voice":"b"' in frame.data]
    assert names == ["token", "usage", "voice_done"]
    assert stopped.text == here.replies(turn.session_id)[1].content == "b1 "


def test_a_saved_turn_tells_every_voice_s_end(
    here: House, go: Event, database_url: str, tmp_path: Path, upstream: ScriptedUpstream
) -> None:
    go.set()
    turn, whole = here.say(voices=BOTH)
    with house(database_url, tmp_path / "another", upstream.base_url) as another:
        saved = another.follow(turn.id)
        told = another.read(saved)
        assert told.names() == ["snapshot", *["usage", "voice_done"] * 2, "done"]
        ends = {
            frame.json()["voice"]: frame.json()["finish_reason"]
            for frame in told.frames[:-1]
            if frame.name == "voice_done"
        }
        assert ends == {"a": "stop", "b": "stop"}
        assert told.frames[-1] == whole.frames[-1], "the end has the position that it had"
        for voice, text in (("a", "a1 a2"), ("b", "b1 b2")):
            alone = another.follow_voice(turn.id, voice)
            assert (alone.names(), alone.text()) == (["snapshot", "usage", "voice_done", "done"], text)
            assert saved.log.finished_at(Position.parse(alone.last_id), VoiceDialect(voice))
        assert saved.log.finished_at(Position.parse(whole.last_id), EVENTS)


def test_a_place_among_the_voices_of_a_saved_turn_loses_no_text(
    here: House, go: Event, database_url: str, tmp_path: Path, upstream: ScriptedUpstream
) -> None:
    """In which order they spoke is not saved: only the end can be gone on from."""
    go.set()
    turn, whole = here.say(voices=BOTH)
    with house(database_url, tmp_path / "another", upstream.base_url) as another:
        saved = another.follow(turn.id)
        for seq in range(turn.log.end):
            told = another.read(saved, f"{turn.log.id}-{seq}")
            assert told.names()[0] == "snapshot"
            assert told.last_id == whole.last_id
        resumed = another.read(saved, another.read(saved).frames[2].last_id)
        assert resumed.names() == ["usage", "voice_done", "done"], "places in this telling are good again"


def test_a_voice_that_ends_elsewhere_ends_here_though_its_turn_goes_on(
    here: House, go: Event, database_url: str, tmp_path: Path, upstream: ScriptedUpstream
) -> None:
    """Another process knows what is saved, and no more."""
    turn = here.start(voices=BOTH)
    with house(database_url, tmp_path / "another", upstream.base_url) as another:
        assert another.follow(turn.id).has_started(turn.generations[0].id)
        early = another.follow_voice(turn.id, "a")
        assert early.text() == "a1 a2"
        assert early.names()[-3:] == ["usage", "voice_done", "done"]
        with house(database_url, tmp_path / "third", upstream.base_url) as third:
            late = third.follow_voice(turn.id, "a")
            assert (late.names(), late.text()) == (["snapshot", "usage", "voice_done", "done"], "a1 a2")
        go.set()
        rest = another.follow_voice(turn.id, "b")
        assert rest.text() == "b1 b2"
        assert rest.names()[-3:] == ["usage", "voice_done", "done"]
        whole = another.read(another.follow(turn.id))
        assert whole.names().count("voice_done") == 2


def test_only_a_turn_that_was_begun_has_started(here: House, go: Event) -> None:
    _, turn = here.begin(voices=BOTH)
    ids = [each["generation_id"] for each in turn.standings()]
    assert not any(map(turn.has_started, ids))
    turn.start()
    assert all(map(turn.has_started, ids))
