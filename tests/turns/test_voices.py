"""Turns with several voices: each has an end of its own, here and in every process that tells the turn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from gevent.event import Event
from sqlalchemy import select

from chatapp.store.conversation import Turn
from chatapp.turns.voice import Voice
from tests.scripted_upstream import STREAM_HEAD, ScriptedUpstream, answer, chunk, delta
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
