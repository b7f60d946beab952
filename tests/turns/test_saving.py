"""The end of a reply, and a database that does not play along."""

from __future__ import annotations

import time
from pathlib import Path

import gevent
from sqlalchemy import create_engine, make_url, select, text

from chatapp.store.conversation import Turn
from chatapp.store.database import Database, DatabaseUnavailable
from chatapp.streaming.event_log import EventLog
from chatapp.streaming.shared_logs import PrivateLogs
from chatapp.turns.answering import Answering
from chatapp.turns.record import GenerationEnd, TurnEnd, TurnRecord
from chatapp.turns.running_turn import RunningTurn
from chatapp.turns.saved_turn import SavedTurn
from chatapp.turns.turns_elsewhere import TurnsElsewhere
from chatapp.upstream.prices import Prices
from tests.scripted_upstream import STREAM_HEAD, End, ScriptedUpstream, Step, answer, chunk, delta
from tests.turns.house import house, until

HEAD_AND_A: list[Step] = [STREAM_HEAD, chunk(delta("a"))]


class LossyRecord(TurnRecord):
    """Commits the first end and loses the answer, as a connection does that breaks at the wrong moment."""

    lost = False

    def end(self, generation: GenerationEnd | None, turn: TurnEnd | None) -> None:
        super().end(generation, turn)
        if not self.lost:
            self.lost = True
            raise DatabaseUnavailable


def test_a_commit_whose_answer_is_lost_is_a_commit(database_url: str, tmp_path: Path) -> None:
    with (
        ScriptedUpstream(answer("a")) as upstream,
        house(database_url, tmp_path / "data", upstream.base_url) as here,
    ):
        _, begun = here.begin()
        assert isinstance(begun, RunningTurn)
        with here.database.read() as connection:
            owner_id = connection.scalar(select(Turn.owner_id).where(Turn.id == begun.id)) or ""
        record = LossyRecord(here.database, owner_id)
        turn = RunningTurn(
            begun.id,
            begun.session_id,
            "",
            "req",
            EventLog(),
            begun.generations,
            record,
            Prices.load(),
            bound=False,
        )
        turn.start()
        client = here.read(turn)
        assert record.lost
        assert client.names() == ["token", "usage", "done"]
        assert client.frames[-1].json() == {"finish_reason": "stop"}
        assert here.replies(turn.session_id)[0].status == "complete"


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
