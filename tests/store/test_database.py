"""The database seam: the same on SQLite and PostgreSQL."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from sqlite3 import connect

import gevent
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import insert, select, text

from chatapp.store import account, conversation
from chatapp.store.account import User
from chatapp.store.base import Base, now
from chatapp.store.database import Database, DatabaseUnavailable
from chatapp.store.identifier import new_id
from chatapp.store.migration import is_current, upgrade
from tests.postgresql_server import PostgresqlServer
from tests.sqlite_lock import SqliteLock

MODELS = (account, conversation)
PERSON = {"email": "a@example.org", "name": "A", "role": "user", "password_hash": "x"}


def test_migrations_make_exactly_the_models(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_upgrade_can_be_run_again(database: Database) -> None:
    upgrade(database)
    upgrade(database)
    assert is_current(database)


def test_a_database_without_tables_is_not_current(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/empty.sqlite3")
    assert not is_current(database)
    database.close()


def test_a_write_commits(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(User).values(PERSON))
    with database.read() as connection:
        assert connection.scalars(select(User.email)).all() == ["a@example.org"]


def test_a_write_that_fails_leaves_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        connection.execute(insert(User).values(PERSON))
        raise ZeroDivisionError
    with database.read() as connection:
        assert connection.scalars(select(User.email)).all() == []


def test_moments_keep_their_zone(database: Database) -> None:
    moment = now()
    with database.write() as connection:
        connection.execute(insert(User).values({**PERSON, "created_at": moment}))
    with database.read() as connection:
        assert connection.scalar(select(User.created_at)) == moment


def test_a_moment_without_a_zone_is_refused(database: Database) -> None:
    naive = now().replace(tzinfo=None)
    with pytest.raises(Exception, match="time zone"), database.write() as connection:
        connection.execute(insert(User).values({**PERSON, "created_at": naive}))


def test_readers_work_while_a_writer_is_open(database: Database) -> None:
    with database.write() as writing:
        writing.execute(insert(User).values(PERSON))
        with database.read() as reading:
            assert reading.scalars(select(User.email)).all() == []


def test_an_unreachable_database_is_said_to_be_unavailable(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/missing/chatapp.sqlite3")
    with pytest.raises(DatabaseUnavailable):
        database.check()


def test_an_unreachable_server_is_said_to_be_unavailable() -> None:
    database = Database("postgresql+psycopg://nobody@127.0.0.1:9/nothing")
    with pytest.raises(DatabaseUnavailable):
        database.check()


def test_a_lost_connection_is_replaced(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    with database.read() as connection:
        pid = connection.scalar(text("SELECT pg_backend_pid()"))
    other = Database(postgresql_url)
    with other.write() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
    database.check()
    database.close()
    other.close()


@pytest.mark.parametrize("way", ["read", "write"])
def test_all_connections_that_were_lost_are_replaced(postgresql_url: str, way: str) -> None:
    """As after a restart of the server: each next transaction goes through, and none is refused for finding out."""
    database, other = Database(postgresql_url, pool_size=3), Database(postgresql_url)
    pid = text("SELECT pg_backend_pid()")
    with ExitStack() as stack:
        opened = [stack.enter_context(database.read()) for _ in range(3)]
        pids = [connection.scalar(pid) for connection in opened]
    with other.write() as connection:
        for each in pids:
            connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": each})
    with ExitStack() as stack:
        fresh = [stack.enter_context(getattr(database, way)()) for _ in range(3)]
        assert not {connection.scalar(pid) for connection in fresh}.intersection(pids)
    database.close()
    other.close()


def test_every_connection_has_the_statement_timeout(postgresql_url: str) -> None:
    database = Database(postgresql_url, pool_size=3)
    with ExitStack() as stack:
        opened = [stack.enter_context(way()) for way in (database.read, database.write, database.read)]
        for connection in opened:
            assert connection.scalar(text("SHOW statement_timeout")) == "10s"
    database.close()


@pytest.mark.parametrize("way", ["read", "write"])
def test_a_query_that_takes_too_long_is_ended(postgresql_url: str, way: str) -> None:
    """By the server, which would work on long after whoever asked is gone; and its connection is free again."""
    database = Database(postgresql_url, pool_size=1, statement_timeout_ms=200)
    with pytest.raises(DatabaseUnavailable), getattr(database, way)() as connection:
        connection.execute(text("SELECT pg_sleep(60)"))
    assert database.connections_in_use == 0
    with database.write() as connection:
        sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
        assert connection.scalar(text(sleeping)) == 0
        connection.execute(insert(User).values(PERSON))
    database.close()


def test_an_upgrade_takes_as_long_as_it_needs(postgresql_url: str) -> None:
    database = Database(postgresql_url, statement_timeout_ms=200, transaction_s=0.2)
    with database.upgrade() as connection:
        connection.execute(text("SELECT pg_sleep(0.5)"))
    with database.read() as connection:
        assert connection.scalar(text("SHOW statement_timeout")) == "200ms"
    database.close()


def _is_unavailable(database: Database) -> bool:
    try:
        database.check()
    except DatabaseUnavailable:
        return True
    return False


def test_a_server_that_says_nothing_is_given_up(
    fragile_postgresql: PostgresqlServer, fragile_url: str
) -> None:
    """Frozen, it takes connections and questions and answers none: its own timeouts are frozen with it."""
    database = Database(fragile_url, pool_size=2, transaction_s=0.5)
    asking = []
    with ExitStack() as stack, gevent.Timeout(30):
        with pytest.raises(DatabaseUnavailable), database.read() as connection:
            connection.execute(text("SELECT 1"))
            fragile_postgresql.freeze()
            stack.callback(fragile_postgresql.thaw)
            asking = [gevent.spawn(_is_unavailable, database) for _ in range(6)]
            connection.execute(text("SELECT 1"))
        assert all(each.get(timeout=20) for each in asking)
    assert database.connections_in_use == 0
    database.check()
    database.close()


def test_a_server_that_says_nothing_when_a_connection_is_checked_is_given_up(
    fragile_postgresql: PostgresqlServer, fragile_url: str
) -> None:
    database = Database(fragile_url, transaction_s=0.5)
    database.check()
    fragile_postgresql.freeze()
    try:
        with pytest.raises(DatabaseUnavailable):
            database.check()
    finally:
        fragile_postgresql.thaw()
    database.check()
    database.close()


def test_a_greenlet_that_is_killed_in_a_query_dies(
    fragile_postgresql: PostgresqlServer, fragile_url: str
) -> None:
    """Also while the pool checks its connection: what is killed must not go on as after an error."""
    database = Database(fragile_url)
    database.check()
    fragile_postgresql.freeze()
    asking = gevent.spawn(database.check)
    try:
        gevent.sleep(0)
        assert database.connections_in_use == 1, "it waits for an answer"
        asking.kill()
    finally:
        fragile_postgresql.thaw()
    assert isinstance(asking.value, gevent.GreenletExit)
    database.check()
    database.close()


def test_another_process_s_lock_freezes_nobody(sqlite_url: str) -> None:
    """A writer waits for the lock while everything else in this process goes on."""
    database = Database(sqlite_url, lock_wait_s=60)
    with SqliteLock(sqlite_url) as lock:
        beats = 0

        def beat() -> None:
            nonlocal beats
            while beats < 20:
                beats += 1
                gevent.sleep(0.01)
            lock.release()

        beating = gevent.spawn(beat)
        with database.write() as connection:
            connection.execute(insert(User).values(PERSON))
            assert beats == 20, "the lock was let go after the last beat"
        beating.join()
    database.close()


def test_a_lock_that_is_never_released_is_an_error(sqlite_url: str) -> None:
    database = Database(sqlite_url, lock_wait_s=0.1)
    with SqliteLock(sqlite_url):
        with pytest.raises(DatabaseUnavailable), database.write() as connection:
            connection.execute(insert(User).values(PERSON))
        database.check()  # who only reads is not held up at all
    database.close()


def test_a_lock_on_the_whole_file_freezes_nobody(sqlite_url: str) -> None:
    """Not even a new connection can be made then, and that too waits without holding up the rest."""
    path = sqlite_url.removeprefix("sqlite:///")
    holder = connect(path, isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN IMMEDIATE")
    database = Database(sqlite_url)
    checking = gevent.spawn(database.check)
    gevent.sleep(0.1)  # the hub comes back here, where SQLite's own waiting would have kept it
    assert not checking.ready()
    holder.close()
    checking.get(timeout=10)
    database.close()


def test_identifiers_sort_by_time() -> None:
    made = [new_id() for _ in range(10_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert {len(each) for each in made} == {32}
