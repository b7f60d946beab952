"""Turns that another process answers, followed by readers who leave and come back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import gevent
import pytest
from gevent.event import Event
from sqlalchemy import Connection

from chatapp.store.database import Database, DatabaseUnavailable
from chatapp.streaming.dialect import EVENTS
from chatapp.streaming.event import token
from chatapp.streaming.mirror import Mirror
from chatapp.streaming.shared_logs import PrivateLogs
from chatapp.streaming.subscriber import Subscriber
from chatapp.turns.running_turn import RunningTurn
from chatapp.turns.saved_turn import Look, SavedTurn
from chatapp.turns.turns_elsewhere import TurnsElsewhere
from tests.scripted_upstream import DONE, LAST_CHUNK, STREAM_HEAD, ScriptedUpstream, Step, chunk, delta
from tests.streaming.processes import process
from tests.streaming.wire import Client
from tests.turns.house import house, until
from tests.turns.machines import Lockstep
from tests.valkey import RunningValkey

LONG_S = 100.0


class Followed:
    """A turn that one process answers, as another one knows it. `said` lets upstream end its answer."""

    def __init__(self, database_url: str, redis_url: str, folder: Path, stack: ExitStack) -> None:
        self.said = Event()
        self.now = 0.0
        script: list[Step] = [STREAM_HEAD, chunk(delta("first ")), self.said, chunk(delta("second", "stop"))]
        upstream = stack.enter_context(ScriptedUpstream([*script, chunk(DONE), LAST_CHUNK]))
        here, self.there = (
            stack.enter_context(house(database_url, folder / "data", upstream.base_url, REDIS_URL=redis_url))
            for _ in range(2)
        )
        self.turn: RunningTurn = here.start()
        self.elsewhere = TurnsElsewhere(
            self.there.database, self.there.answering.logs, clock=lambda: self.now
        )


@pytest.fixture
def followed(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Followed]:
    with ExitStack() as stack:
        yield Followed(sqlite_url, redis_url, tmp_path, stack)


def test_a_turn_is_not_let_go_between_the_question_and_the_first_look(followed: Followed) -> None:
    elsewhere, there = followed.elsewhere, followed.there
    elsewhere.find(followed.turn.id)
    followed.now += LONG_S
    back = elsewhere.find(followed.turn.id)
    elsewhere.tick()

    reader = gevent.spawn(there.read, back, timeout_s=30)
    until(lambda: back.log.is_heard)
    followed.said.set()

    assert reader.get().text() == "first second"


def test_a_turn_that_nobody_asked_for_again_is_let_go(followed: Followed) -> None:
    elsewhere = followed.elsewhere
    before = elsewhere.find(followed.turn.id)
    followed.now += LONG_S
    elsewhere.tick()

    assert elsewhere.find(followed.turn.id) is not before
    followed.said.set()


def test_who_lost_its_place_when_the_turn_had_just_ended_is_told_all_of_it(followed: Followed) -> None:
    """Its log was let go after the reader had asked for it."""
    elsewhere = followed.elsewhere
    turn = elsewhere.find(followed.turn.id)
    followed.said.set()
    until(lambda: turn.log.closed)
    elsewhere.tick()

    assert followed.there.read(turn, "not a place").text() == "first second"


class OneMirror(PrivateLogs):
    """Logs of others that a test fills by hand."""

    def __init__(self, log_id: str) -> None:
        self.made = Mirror(log_id)
        self.made.take(1, [token("first ")])

    def mirror(self, log_id: str) -> Mirror | None:
        return self.made


def test_a_mirror_that_is_a_moment_behind_what_is_saved_is_kept(followed: Followed) -> None:
    """Who saves and who looks may do so in the same second's moment, always."""
    logs = OneMirror(followed.turn.log.id)
    turn = SavedTurn(followed.there.database, logs, followed.turn.id)
    for number in range(2, 10):
        logs.made.take(number, [token("a")])
        turn.watch(Look(logs.made.log.id, is_ended=False, length=logs.made.length + 1))

    assert turn.log is logs.made.log


def test_a_mirror_that_comes_no_further_is_given_up(followed: Followed) -> None:
    logs = OneMirror(followed.turn.log.id)
    turn = SavedTurn(followed.there.database, logs, followed.turn.id)
    for _ in range(3):
        turn.watch(Look(logs.made.log.id, is_ended=False, length=7))

    assert logs.made.log.successor is turn.log


def test_a_mirror_that_does_not_learn_of_the_end_is_given_up(followed: Followed) -> None:
    logs = OneMirror(followed.turn.log.id)
    turn = SavedTurn(followed.there.database, logs, followed.turn.id)
    for _ in range(3):
        turn.watch(Look(logs.made.log.id, is_ended=True, length=0))

    assert logs.made.log.successor is turn.log


class Failing(Database):
    """Fails once, when it has been read `left` times more."""

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


def _read(client: Client, turn: SavedTurn) -> None:
    for piece in Subscriber(turn.log, EVENTS, None, turn.snapshot).frames():
        client.feed(piece)


@pytest.mark.parametrize("reads", [0, 1])
def test_a_database_that_fails_at_the_wrong_moment_doubles_nothing(
    reads: int, sqlite_url: str, valkey: RunningValkey, tmp_path: Path
) -> None:
    """Redis is gone, and so is the database when the turn is to be followed by its saved text."""
    script = Lockstep(*"abcd")
    with ScriptedUpstream(script) as upstream, process(valkey.url, "b" * 32) as there:
        with house(sqlite_url, tmp_path, upstream.base_url, REDIS_URL=valkey.url) as here:
            database = Failing(sqlite_url)
            elsewhere = TurnsElsewhere(database, there.logs)
            turn = here.start()
            followed, client = elsewhere.find(turn.id), Client()
            reading = gevent.spawn(_read, client, followed)
            script.say(2)
            until(lambda: followed.log.end == 2)
            valkey.kill()
            said = script.say()
            until(lambda: here.replies(turn.session_id)[0].content == said)
            for _ in range(2):
                elsewhere.tick()
            database.left = reads
            with pytest.raises(DatabaseUnavailable):
                elsewhere.tick()
            for _ in range(3):
                elsewhere.tick()
            until(lambda: client.text() == said)
            script.say_the_rest()
            until(lambda: turn.log.closed)
            elsewhere.tick()
            reading.get(timeout=10)
            assert client.text() == "abcd"
            database.close()
