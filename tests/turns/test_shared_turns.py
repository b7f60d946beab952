"""Turns that one machine answers and readers follow through another, with a real Redis between them.

Each test compares what upstream sent, what readers put together here and there, and what is saved.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import gevent
import pytest
from sqlalchemy import select

from chatapp.store.conversation import Turn
from chatapp.streaming.redis_entry import inbox_key, log_key
from chatapp.turns.built_in_voices import SEEKER
from chatapp.turns.running_turn import RunningTurn
from tests.scripted_upstream import (
    DONE,
    LAST_CHUNK,
    STREAM_HEAD,
    End,
    ReceivedRequest,
    ScriptedUpstream,
    Step,
    answer,
    chunk,
    delta,
)
from tests.turns.house import House, until
from tests.turns.machines import Lockstep, two_machines
from tests.turns.reader import Reader
from tests.valkey import RunningValkey

PARTS = ["One ", "zwei ☃", " ", "drei\n\n", "\U0001f600 four ", "five"]
WHOLE = "".join(PARTS)
HEAD_AND_A: list[Step] = [STREAM_HEAD, chunk(delta("a"))]
OTHER = replace(SEEKER, key="other", name="Other", prompt="You are Other.")
THIRD = replace(SEEKER, key="third", name="Third", prompt="You are Third.")


def _stop(house: House, turn: RunningTurn) -> float:
    """Asks for it; the moment before."""
    asked_at = time.monotonic()
    house.answering.turns.stop(house.account().id, turn.id)
    return asked_at


def test_a_turn_is_followed_live_token_by_token(database_url: str, redis_url: str, tmp_path: Path) -> None:
    script = Lockstep(*PARTS)
    with ScriptedUpstream(script) as upstream:
        with two_machines(database_url, redis_url, tmp_path, upstream) as (here, there):
            turn = here.start()
            assert not isinstance(there.follow(turn.id), RunningTurn)
            near, far = Reader(turn.id).follow(here), Reader(turn.id).follow(there)
            for _ in PARTS:
                far.until_text(script.say())
            assert here.replies(turn.session_id)[0].status == "streaming"
            script.say_the_rest()
            assert far.to_the_end().frames == near.to_the_end().frames, "to the byte, at the same places"
            assert near.client.names() == ["token"] * len(PARTS) + ["usage", "done"]
            assert here.replies(turn.session_id)[0].content == far.client.text() == script.said == WHOLE


def test_a_late_reader_goes_on_from_every_boundary(sqlite_url: str, redis_url: str, tmp_path: Path) -> None:
    script = Lockstep(*PARTS)
    with ScriptedUpstream(script) as upstream:
        with two_machines(sqlite_url, redis_url, tmp_path, upstream) as (here, there):
            turn = here.start()
            whole, far = Reader(turn.id).follow(here), Reader(turn.id).follow(there)
            said = script.say(4)
            for reader in (whole, far):
                reader.until_text(said)
            late = [
                gevent.spawn(there.read, there.follow(turn.id), f"{turn.log.id}-{seq}") for seq in range(5)
            ]
            gevent.sleep(0.05)
            script.say_the_rest()
            frames = whole.to_the_end().frames
            for seq, reading in enumerate(late):
                assert reading.get(timeout=10).frames == frames[seq:]


def test_after_its_end_a_turn_is_told_exactly_and_then_as_a_snapshot(
    database_url: str, redis_url: str, shared_valkey: RunningValkey, tmp_path: Path
) -> None:
    with ScriptedUpstream(answer(*PARTS)) as upstream:
        with two_machines(database_url, redis_url, tmp_path, upstream) as (here, there):
            turn, seen = here.say()
            until(lambda: there.follow(turn.id).log.events_after(0)[-1].name == "done")
            for seq in range(turn.log.end):
                rest = there.read(there.follow(turn.id), f"{turn.log.id}-{seq}")
                assert rest.frames == seen.frames[seq:]
            shared_valkey.redis.delete(log_key(turn.log.id))
            for seq in range(turn.log.end):
                again = there.read(there.follow(turn.id), f"{turn.log.id}-{seq}")
                assert again.last_id == seen.last_id
                assert again.text() == WHOLE or (again.text() == "" and seq >= len(PARTS))
            reader = Reader(turn.id)
            reader.client.last_id = seen.last_id
            reader.follow(there).to_the_end()
            assert reader.finished, "who has the end has everything, as long as the turn is known"


class _Voices:
    """A script for a turn of three voices: the second fails early, the third is heard last."""

    def __init__(self) -> None:
        self.go = gevent.event.Event()

    def __call__(self, request: ReceivedRequest) -> Iterator[Step]:
        prompt = request.json()["messages"][0]["content"]
        if prompt == OTHER.prompt:
            yield from (STREAM_HEAD, chunk(delta("other")), End.CLOSE)
        elif prompt == THIRD.prompt:
            yield from (STREAM_HEAD, chunk(delta("th")))
            yield self.go
            yield from (chunk(delta(each)) for each in "ird")
        else:
            yield from (STREAM_HEAD, chunk(delta("seeker")))
        yield from (chunk(delta("", "stop")), chunk(DONE), LAST_CHUNK)


def test_voices_are_told_apart_from_every_boundary_live_and_late(
    sqlite_url: str, redis_url: str, shared_valkey: RunningValkey, tmp_path: Path
) -> None:
    said = {"seeker": "seeker", "other": "other", "third": "third"}
    script = _Voices()
    with ScriptedUpstream(script) as upstream:
        with two_machines(sqlite_url, redis_url, tmp_path, upstream) as (here, there):
            turn = here.start(voices=(SEEKER, OTHER, THIRD))
            near, far = Reader(turn.id).follow(here), Reader(turn.id).follow(there)
            until(lambda: far.client.names().count("voice_done") == 2)
            script.go.set()
            assert far.to_the_end().frames == near.to_the_end().frames
            assert far.client.texts() == said
            assert {row.voice: row.content for row in here.replies(turn.session_id)} == said
            frames = near.client.frames
            shared_valkey.redis.delete(log_key(turn.log.id))
            for seen in range(len(frames)):
                reader = Reader(turn.id)
                reader.client.frames = frames[:seen]
                reader.client.last_id = f"{turn.log.id}-{seen}"
                reader.follow(there).to_the_end()
                assert reader.client.texts() == said, f"after {seen} of {len(frames)} events"
                assert reader.client.names()[-1] == "done"


def test_a_stop_from_there_lets_upstream_go_within_a_second(
    database_url: str, redis_url: str, shared_valkey: RunningValkey, tmp_path: Path
) -> None:
    with ScriptedUpstream([*HEAD_AND_A, End.HANG]) as upstream:
        with two_machines(database_url, redis_url, tmp_path, upstream) as (here, there):
            turn = here.start()
            near, far = Reader(turn.id).follow(here), Reader(turn.id).follow(there)
            far.until_text("a")
            asked_at = _stop(there, turn)
            _stop(there, turn)
            assert _hung_up_after(upstream, 0, asked_at) < 1
            assert far.to_the_end().frames == near.to_the_end().frames
            assert far.client.names() == ["token", "usage", "done"]
            assert far.client.frames[-1].json() == {"finish_reason": "cancelled"}
            _stop(there, turn)
            _stop(here, turn)
            reply = here.replies(turn.session_id)[0]
            assert (reply.content, reply.status, reply.finish_reason) == ("a", "cancelled", "cancelled")
            assert there.follow(turn.id).log.closed
            until(lambda: shared_valkey.redis.xlen(inbox_key(_owner(here, turn))))  # it was nudged


def _hung_up_after(upstream: ScriptedUpstream, request: int, asked_at: float) -> float:
    """Seconds from the request to stop until upstream saw its caller go."""
    received = upstream.requests[request]
    assert received.hung_up.wait(10)
    assert received.hung_up_at is not None
    return received.hung_up_at - asked_at


def _owner(house: House, turn: RunningTurn) -> str:
    with house.database.read() as connection:
        return connection.scalar(select(Turn.owner_id).where(Turn.id == turn.id)) or ""


@pytest.mark.parametrize("trouble", ["kill", "freeze"])
def test_a_stop_from_there_needs_no_redis(
    trouble: str, sqlite_url: str, valkey: RunningValkey, tmp_path: Path
) -> None:
    with ScriptedUpstream([*HEAD_AND_A, End.HANG]) as upstream:
        with two_machines(sqlite_url, valkey.url, tmp_path, upstream) as (here, there):
            turn = here.start()
            near = Reader(turn.id).follow(here)
            near.until_text("a")
            getattr(valkey, trouble)()
            assert _hung_up_after(upstream, 0, _stop(there, turn)) < 1
            assert near.to_the_end().frames[-1].json() == {"finish_reason": "cancelled"}


def test_one_generation_is_stopped_from_there_and_no_other(
    sqlite_url: str, redis_url: str, tmp_path: Path
) -> None:
    script = _Voices()
    with ScriptedUpstream(script) as upstream:
        with two_machines(sqlite_url, redis_url, tmp_path, upstream) as (here, there):
            turn = here.start(voices=(THIRD, SEEKER))
            far = Reader(turn.id).follow(there)
            until(lambda: far.client.texts() == {"third": "th", "seeker": "seeker"})
            stopped = turn.generations[0]
            asked_at = time.monotonic()
            there.answering.turns.stop_generation(there.account().id, stopped.id)
            request = next(n for n, each in enumerate(upstream.requests) if THIRD.prompt in str(each.json()))
            assert _hung_up_after(upstream, request, asked_at) < 1
            client = far.to_the_end()
            assert client.frames[-1].json() == {"finish_reason": "stop"}
            saved = {row.voice: (row.content, row.status) for row in here.replies(turn.session_id)}
            assert saved == {"third": ("th", "cancelled"), "seeker": ("seeker", "complete")}


def test_a_stop_from_there_before_the_first_token(sqlite_url: str, redis_url: str, tmp_path: Path) -> None:
    with ScriptedUpstream([End.HANG]) as upstream:
        with two_machines(sqlite_url, redis_url, tmp_path, upstream) as (here, there):
            turn = here.start()
            assert upstream.wait_for_requests(1)
            far = Reader(turn.id).follow(there)
            assert _hung_up_after(upstream, 0, _stop(there, turn)) < 1
            assert far.to_the_end().names() == ["done"]
            assert here.replies(turn.session_id)[0].status == "cancelled"


def test_a_stop_from_there_before_the_start_calls_nobody(
    sqlite_url: str, redis_url: str, tmp_path: Path
) -> None:
    with ScriptedUpstream(answer("a")) as upstream:
        with two_machines(sqlite_url, redis_url, tmp_path, upstream) as (here, there):
            _, turn = here.begin()
            there.answering.turns.stop(there.account().id, turn.id)
            assert Reader(turn.id).follow(there).to_the_end().names() == ["done"]
            assert upstream.requests == []


def test_a_stop_from_there_that_races_the_end_ends_well(
    sqlite_url: str, redis_url: str, tmp_path: Path
) -> None:
    script = answer(*"abcdefgh")
    script[2:2] = [0.002]
    script[-4:-4] = [0.002]
    with ScriptedUpstream(script) as upstream:
        with two_machines(sqlite_url, redis_url, tmp_path, upstream) as (here, there):
            endings = set()
            for tries in range(30):
                turn = here.start(session_id=None)
                near, far = Reader(turn.id).follow(here), Reader(turn.id).follow(there)
                gevent.sleep(tries * 0.001)
                _stop(there, turn)
                assert far.to_the_end().text() == near.to_the_end().text()
                reply = here.replies(turn.session_id)[0]
                assert reply.content == near.client.text() == "abcdefgh"[: len(reply.content)]
                assert near.client.names().count("done") == far.client.names().count("done") == 1
                assert (
                    near.client.frames[-1].json()
                    == far.client.frames[-1].json()
                    == {"finish_reason": reply.finish_reason}
                )
                endings.add(reply.status)
            assert endings <= {"complete", "cancelled"}


def test_a_turn_that_is_heard_only_there_is_not_abandoned(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    with ScriptedUpstream([*HEAD_AND_A, End.HANG]) as upstream:
        with two_machines(database_url, redis_url, tmp_path, upstream, abandon_s=1.5) as (
            here,
            there,
        ):
            heard, unheard = here.start(), here.start()
            far = Reader(heard.id).follow(there)
            until(lambda: unheard.log.closed)
            gevent.sleep(3)
            assert not heard.log.closed, "somebody listens, there"
            assert far.connected
            far.cut()
            until(lambda: heard.log.closed)
            for turn in (heard, unheard):
                assert here.replies(turn.session_id)[0].status == "cancelled"
