"""The turns that one process follows and another answers, a look at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gevent
import pytest
from sqlalchemy import Connection, select

from chatapp.store.conversation import Turn
from chatapp.store.database import Database, DatabaseUnavailable
from chatapp.streaming.dialect import EVENTS
from chatapp.streaming.position import Position
from chatapp.streaming.subscriber import Subscriber
from chatapp.turns.listeners import Listeners
from chatapp.turns.running_turns import RunningTurns
from chatapp.turns.saved_turn import BEGIN_S, SavedTurn
from chatapp.turns.turns_elsewhere import TurnsElsewhere
from tests.scripted_upstream import ScriptedUpstream, answer
from tests.streaming.processes import process
from tests.streaming.wire import Client, read
from tests.turns.house import House, house, until
from tests.turns.machines import Lockstep
from tests.valkey import RunningValkey

PARTS = ["One ", "two ", "three ", "four"]
THERE = "b" * 32


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Elsewhere:
    """A process that follows turns of `here`, as often as the test says."""

    def __init__(self, database: Database, redis_url: str) -> None:
        self.clock = Clock()
        self.database = database
        self._redis_url = redis_url

    @contextmanager
    def turns(self) -> Iterator[TurnsElsewhere]:
        with process(self._redis_url, THERE) as there:
            yield TurnsElsewhere(self.database, there.logs, clock=self.clock)


def _reading(turn: SavedTurn, position: Position | None = None) -> Subscriber:
    return Subscriber(turn.log, EVENTS, position, turn.snapshot)


def _read(client: Client, subscriber: Subscriber) -> None:
    for piece in subscriber.frames():
        client.feed(piece)


def _saved(here: House, session_id: str, text: str) -> None:
    until(lambda: here.replies(session_id)[0].content == text)


def test_who_comes_back_to_a_turn_that_nobody_followed_is_served(
    sqlite_url: str, redis_url: str, tmp_path: Path
) -> None:
    script = Lockstep(*PARTS)
    with ScriptedUpstream(script) as upstream:
        with house(sqlite_url, tmp_path, upstream.base_url, REDIS_URL=redis_url) as here:
            turn = here.start()
            there = Elsewhere(here.database, redis_url)
            with there.turns() as turns:
                first = turns.find(turn.id)
                there.clock.now += BEGIN_S + 1
                followed = turns.find(turn.id)
                assert followed is first
                turns.tick()
                reading = gevent.spawn(read, _reading(followed).frames())
                script.say_the_rest()
                assert reading.get(timeout=10).text() == "".join(PARTS)


def test_a_turn_that_nobody_follows_is_let_go(sqlite_url: str, redis_url: str, tmp_path: Path) -> None:
    script = Lockstep(*PARTS)
    with ScriptedUpstream(script) as upstream:
        with house(sqlite_url, tmp_path, upstream.base_url, REDIS_URL=redis_url) as here:
            turn = here.start()
            there = Elsewhere(here.database, redis_url)
            with there.turns() as turns:
                first = turns.find(turn.id)
                turns.tick()
                assert turns.find(turn.id) is first
                there.clock.now += BEGIN_S + 1
                turns.tick()
                assert list(turns) == []
                assert turns.find(turn.id) is not first


def test_a_lost_reader_of_a_turn_that_has_ended_is_told_all_of_it(
    sqlite_url: str, redis_url: str, tmp_path: Path
) -> None:
    """It asked while the turn ran, and begins to read when nobody looks at the turn any more."""
    script = Lockstep(*PARTS)
    with ScriptedUpstream(script) as upstream:
        with house(sqlite_url, tmp_path, upstream.base_url, REDIS_URL=redis_url) as here:
            turn = here.start()
            with Elsewhere(here.database, redis_url).turns() as turns:
                followed = turns.find(turn.id)
                lost = _reading(followed, Position("", 0))
                script.say_the_rest()
                until(lambda: followed.log.closed)
                turns.tick()
                assert list(turns) == []
                client = read(lost.frames())
                assert client.names() == ["snapshot", "usage", "done"]
                assert client.text() == "".join(PARTS)


class Failing(Database):
    """Fails once it has been read `left` times more."""

    left: int | None = None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.left = None
                raise DatabaseUnavailable
        with super().read() as connection:
            yield connection


@pytest.mark.parametrize("reads", [0, 1])
def test_a_database_that_fails_at_the_wrong_moment_doubles_nothing(
    reads: int, sqlite_url: str, valkey: RunningValkey, tmp_path: Path
) -> None:
    script = Lockstep(*PARTS)
    with ScriptedUpstream(script) as upstream:
        with house(sqlite_url, tmp_path, upstream.base_url, REDIS_URL=valkey.url) as here:
            turn = here.start()
            database = Failing(sqlite_url)
            with Elsewhere(database, valkey.url).turns() as turns:
                followed = turns.find(turn.id)
                client = Client()
                reading = gevent.spawn(_read, client, _reading(followed))
                script.say(2)
                until(lambda: followed.log.end == 2)
                valkey.kill()
                _saved(here, turn.session_id, script.say())
                for _ in range(2):
                    turns.tick()
                database.left = reads
                with pytest.raises(DatabaseUnavailable):
                    turns.tick()
                for _ in range(3):
                    turns.tick()
                until(lambda: client.text() == script.said)
                script.say_the_rest()
                until(lambda: turn.log.closed)
                turns.tick()
                reading.get(timeout=10)
                assert client.text() == "".join(PARTS)
            database.close()


def test_whoever_hears_a_turn_says_so_at_once_and_then_now_and_again(
    sqlite_url: str, redis_url: str, tmp_path: Path
) -> None:
    with ScriptedUpstream(answer("a")) as upstream:
        with house(sqlite_url, tmp_path, upstream.base_url) as here:
            _, turn = here.begin()
            there = Elsewhere(here.database, redis_url)
            with there.turns() as turns:
                listeners = Listeners(here.database, RunningTurns(), turns, 300, clock=there.clock)
                frames = _reading(turns.find(turn.id)).frames()
                listeners.tick()
                assert _heard_at(here) is None
                next(frames)
                listeners.tick()
                first = _heard_at(here)
                assert first is not None
                there.clock.now += 1
                listeners.tick()
                assert _heard_at(here) == first
                there.clock.now += 100
                listeners.tick()
                assert _heard_at(here) != first
                frames.close()
                assert listeners.period_s <= 1


def _heard_at(here: House) -> object:
    with here.database.read() as connection:
        return connection.scalar(select(Turn.heard_at))
