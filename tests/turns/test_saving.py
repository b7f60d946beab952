"""The end of a reply, and a database that does not play along."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import gevent
import pytest
from gevent.event import Event
from sqlalchemy import create_engine, make_url, select, text, update
from sqlalchemy.exc import DataError

from chatapp.store.base import now
from chatapp.store.conversation import Turn
from chatapp.store.database import Database, DatabaseUnavailable
from chatapp.streaming.event import done
from chatapp.streaming.event_log import EventLog
from chatapp.streaming.shared_logs import PrivateLogs
from chatapp.turns.answering import Answering
from chatapp.turns.built_in_voices import SEEKER
from chatapp.turns.continued import TurnRunning
from chatapp.turns.record import GenerationEnd, TurnEnd, TurnRecord
from chatapp.turns.recover import FORGOTTEN
from chatapp.turns.running_turn import RunningTurn
from chatapp.turns.saved_turn import SavedTurn
from chatapp.turns.turns_elsewhere import TurnsElsewhere
from chatapp.turns.voice import Voice
from chatapp.upstream.prices import Prices
from tests.postgresql_server import PostgresqlServer
from tests.scripted_upstream import STREAM_HEAD, End, ScriptedUpstream, Step, answer, chunk, delta
from tests.sqlite_lock import SqliteLock
from tests.turns.house import House, house, until

HEAD_AND_A: list[Step] = [STREAM_HEAD, chunk(delta("a"))]


class FatefulRecord(TurnRecord):
    """Each end has the next fate: it is "saved"; or that, with the answer "lost", as a connection does that breaks at
    the wrong moment; or the database is "away"; or it is "refused" for a reason that nobody foresaw."""

    def __init__(self, database: Database, owner_id: str, fates: list[str]) -> None:
        super().__init__(database, owner_id)
        self.fates = fates

    def end(self, generation: GenerationEnd | None, turn: TurnEnd | None) -> None:
        fate = self.fates.pop(0)
        if fate in ("saved", "lost"):
            super().end(generation, turn)
        if fate in ("lost", "away"):
            raise DatabaseUnavailable
        if fate == "refused":
            raise DataError("UPDATE", None, Exception("no"))


@contextmanager
def _fated(here: House, *fates: str, voices: Sequence[Voice] = (SEEKER,)) -> Iterator[RunningTurn]:
    """A turn that is answered as any other, and saved as fate wants it."""
    _, begun = here.begin(voices=tuple(voices))
    assert isinstance(begun, RunningTurn)
    with here.database.read() as connection:
        owner_id = connection.scalar(select(Turn.owner_id).where(Turn.id == begun.id)) or ""
    record = FatefulRecord(here.database, owner_id, list(fates))
    log, prices = EventLog(begun.log.id), Prices.load()
    yield RunningTurn(
        begun.id, begun.session_id, "", "req", log, begun.generations, record, prices, bound=False
    )
    begun.log.append(
        done("stop")
    )  # or the house, as it closes, would wait for the one in whose place this stands


@pytest.mark.parametrize("fates", [("lost", "saved"), ("away", "lost", "saved"), ("lost", "away", "saved")])
def test_a_commit_whose_answer_is_lost_is_a_commit(
    fates: tuple[str, ...], database_url: str, tmp_path: Path
) -> None:
    with (
        ScriptedUpstream(answer("a")) as upstream,
        house(database_url, tmp_path / "data", upstream.base_url) as here,
    ):
        with _fated(here, *fates) as turn:
            turn.start()
            client = here.read(turn)
            assert client.names() == ["token", "usage", "done"]
            assert client.frames[-1].json() == {"finish_reason": "stop"}
            assert here.replies(turn.session_id)[0].status == "complete"


@pytest.mark.parametrize(
    "fates",
    [
        ("saved", "lost", "saved", "saved"),
        ("lost", "saved", "away", "saved", "saved"),
        ("away", "saved", "saved"),
    ],
)
def test_what_could_not_be_saved_is_tried_until_all_of_it_is(
    fates: tuple[str, ...], database_url: str, tmp_path: Path
) -> None:
    with (
        ScriptedUpstream(answer("a")) as upstream,
        house(database_url, tmp_path / "data", upstream.base_url) as here,
    ):
        with _fated(here, "refused", *fates) as turn:
            turn.start()
            client = here.read(turn)
            assert client.names() == ["token", "usage", "failure", "done"]
            assert client.frames[2].json()["code"] == "NOT_SAVED"
            for _ in range(len(fates) - fates.count("saved")):
                with pytest.raises(DatabaseUnavailable):
                    turn.save_unsaved()
                assert turn.unsaved
            turn.save_unsaved()
            assert not turn.unsaved
            reply = here.replies(turn.session_id)[0]
            assert (reply.content, reply.status) == ("a", "complete")
            assert here.say("next", session_id=turn.session_id)[1].names()[-1] == "done"


def test_a_turn_does_not_end_before_its_last_reply_is_saved(database_url: str, tmp_path: Path) -> None:
    """Or a process that dies in between would leave a reply that streams for ever."""
    with (
        ScriptedUpstream(answer("a")) as upstream,
        house(database_url, tmp_path / "data", upstream.base_url) as here,
    ):
        voices = SEEKER, replace(SEEKER, key="explorer")
        with _fated(here, "refused", "saved", "saved", "saved", voices=voices) as turn:
            turn.start()
            assert here.read(turn).frames[-1].json() == {"finish_reason": "stop"}
            assert {each.status for each in here.replies(turn.session_id)} == {"streaming", "complete"}
            with pytest.raises(TurnRunning):
                here.say("next", session_id=turn.session_id)
            turn.save_unsaved()
            assert [each.status for each in here.replies(turn.session_id)] == ["complete", "complete"]
            assert here.say("next", session_id=turn.session_id)[1].names()[-1] == "done"


def test_a_process_that_ends_waits_for_what_is_not_saved(sqlite_url: str, tmp_path: Path) -> None:
    with (
        ScriptedUpstream(answer("a")) as upstream,
        house(sqlite_url, tmp_path / "data", upstream.base_url) as here,
    ):
        turn, _ = here.say()
        assert not here.answering.busy
        turn.unsaved.append(None)
        assert here.answering.busy
        here.answering.stop()
        assert not turn.unsaved


def test_a_lock_that_outlasts_the_end_of_a_reply_is_told_and_made_good(
    sqlite_url: str, tmp_path: Path
) -> None:
    rest = Event()
    script: list[Step] = [*HEAD_AND_A, rest, chunk(delta("b")), chunk(delta("", "stop")), End.CLOSE]
    with (
        ScriptedUpstream(script) as upstream,
        house(sqlite_url, tmp_path / "data", upstream.base_url, lock_wait_s=0.02) as here,
    ):
        turn = here.start()
        until(lambda: here.replies(turn.session_id)[0].content == "a")
        with SqliteLock(sqlite_url):
            rest.set()
            client = here.read(turn, timeout_s=30)
            assert client.text() == "ab"
            assert client.names() == ["token", "token", "usage", "failure", "done"]
            assert client.frames[-2].json()["code"] == "NOT_SAVED"
            assert client.frames[-1].json() == {"finish_reason": "error"}
            reply = here.replies(turn.session_id)[0]
            assert (reply.content, reply.status) == ("a", "streaming"), "it is not called saved before it is"
        until(lambda: here.replies(turn.session_id)[0].status == "complete")
        assert here.replies(turn.session_id)[0].content == "ab"
        until(lambda: not turn.unsaved)
        assert here.say("next", session_id=turn.session_id)[1].text() == "ab", "the conversation is free"


def _read_only(url: str, state: str) -> None:
    """Makes the database refuse every write, as a server does that has become a standby; or ends that."""
    name = make_url(url).database
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("SET default_transaction_read_only = off"))
        connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = {state}"))
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
        connection.execute(text(f"{others} AND pid <> pg_backend_pid()"), {"name": name})
    engine.dispose()


def test_what_cannot_be_saved_is_said_and_saved_later(postgresql_url: str, tmp_path: Path) -> None:
    script: list[Step] = [*HEAD_AND_A, chunk(delta("", "stop")), End.CLOSE]
    with (
        ScriptedUpstream(script) as upstream,
        house(postgresql_url, tmp_path / "data", upstream.base_url) as here,
    ):
        _, turn = here.begin()
        assert isinstance(turn, RunningTurn)
        _read_only(postgresql_url, "on")
        turn.start()
        client = here.read(turn, timeout_s=20)
        assert client.names() == ["token", "usage", "failure", "done"]
        assert client.frames[2].json()["code"] == "NOT_SAVED"
        assert client.frames[3].json() == {"finish_reason": "error"}
        _read_only(postgresql_url, "off")
        until(lambda: here.replies(turn.session_id)[0].status == "complete")
        assert here.replies(turn.session_id)[0].content == "a"
        until(lambda: not turn.unsaved)
        assert here.say("next", session_id=turn.session_id)[1].names()[-1] == "done"


def test_many_first_requests_at_once_open_one_house(database_url: str, tmp_path: Path) -> None:
    with (
        ScriptedUpstream(answer("a")) as upstream,
        house(database_url, tmp_path / "one", upstream.base_url) as here,
    ):
        database = Database(database_url)
        answering = Answering(here.settings, database)
        gevent.joinall([gevent.spawn(answering.ready) for _ in range(8)], raise_error=True)
        answering.ready()
        answering.stop()
        database.close()


def test_many_who_find_the_database_locked_wait_together(sqlite_url: str, tmp_path: Path) -> None:
    """Not one after the other, each with a patience of its own: the last of thirty would wait for minutes."""
    with (
        ScriptedUpstream(answer("a")) as upstream,
        house(sqlite_url, tmp_path / "one", upstream.base_url) as here,
    ):
        database = Database(sqlite_url, lock_wait_s=1)
        answering = Answering(here.settings, database)

        def is_refused() -> bool:
            with pytest.raises(DatabaseUnavailable):
                answering.ready()
            return True

        with SqliteLock(sqlite_url):
            callers = [gevent.spawn(is_refused) for _ in range(30)]
            assert len(gevent.joinall(callers, timeout=15)) == 30
            assert all(each.get() for each in callers)
        answering.ready()
        answering.stop()
        database.close()


def test_a_message_whose_commit_nobody_answered_does_not_block_its_conversation(
    fragile_postgresql: PostgresqlServer, fragile_url: str, tmp_path: Path
) -> None:
    """PostgreSQL commits, waits for a standby that is not there, and loses the connection meanwhile."""
    with (
        ScriptedUpstream(answer("a")) as upstream,
        house(fragile_url, tmp_path / "data", upstream.base_url) as here,
    ):
        user_id, session_id = here.account().id, here.say()[0].session_id
        with _no_commit_is_answered(fragile_postgresql):
            with pytest.raises(DatabaseUnavailable):
                here.begin("lost", session_id=session_id, client_message_id="lost")
        assert [row.content for row in here.conversations.messages(user_id, session_id, 9)][2:] == [
            "lost",
            "",
        ]
        with pytest.raises(TurnRunning):
            here.begin("again", session_id=session_id)
        with here.database.write() as connection:
            connection.execute(update(Turn).values(created_at=now() - FORGOTTEN))
        until(lambda: here.replies(session_id)[1].status == "interrupted")
        assert here.say("again", session_id=session_id)[1].text() == "a"
        repeated = here.follow(here.begin("lost", client_message_id="lost")[0].id)
        assert here.read(repeated).frames[-2].json()["code"] == "INTERRUPTED"
        assert len(upstream.requests) == 2


@contextmanager
def _no_commit_is_answered(server: PostgresqlServer) -> Iterator[None]:
    """What is committed meanwhile is committed, and its connection broken."""
    waiting = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"

    def break_connections() -> None:
        while True:
            server.carry_out(waiting)
            gevent.sleep(0.05)

    server.carry_out("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    server.stop()
    server.start()
    breaking = gevent.spawn(break_connections)
    try:
        yield
    finally:
        breaking.kill()
        server.carry_out("ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")


def test_a_follower_has_time_to_begin(database_url: str, tmp_path: Path) -> None:
    """Between the question for a turn and the first look at its log, the turn must go on growing."""
    data = tmp_path / "data"
    with (
        ScriptedUpstream([*HEAD_AND_A, End.HANG]) as upstream,
        house(database_url, data, upstream.base_url) as old,
    ):
        turn = old.start()
        until(lambda: old.replies(turn.session_id)[0].content == "a")
        with house(database_url, data, upstream.base_url) as new:
            elsewhere = TurnsElsewhere(new.database, PrivateLogs())
            followed = elsewhere.find(turn.id)
            elsewhere.tick()
            assert elsewhere.find(turn.id) is followed


def test_a_turn_that_was_removed_ends_for_those_who_follow_it(database_url: str, tmp_path: Path) -> None:
    with (
        ScriptedUpstream(answer("a")) as upstream,
        house(database_url, tmp_path / "data", upstream.base_url) as here,
    ):
        turn, _ = here.say()
        with here.database.write() as connection:
            connection.execute(Turn.__table__.update().values(status="running"))  # type: ignore[attr-defined]
        followed = SavedTurn(here.database, PrivateLogs(), turn.id)
        with here.database.write() as connection:
            connection.execute(Turn.__table__.update().values(status="ended"))  # type: ignore[attr-defined]
        here.conversations.remove(here.account().id, turn.session_id)
        followed.grow()
        assert followed.log.closed


def test_a_finished_turn_s_log_is_let_go(sqlite_url: str, tmp_path: Path) -> None:
    with (
        ScriptedUpstream(answer("a")) as upstream,
        house(sqlite_url, tmp_path / "data", upstream.base_url) as here,
    ):
        turn, seen = here.say()
        assert here.follow(turn.id) is turn
        turn.ended_at = time.monotonic() - 61
        until(lambda: here.follow(turn.id) is not turn)
        assert here.read(here.follow(turn.id)).text() == seen.text()
