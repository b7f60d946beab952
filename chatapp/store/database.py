"""The database: one engine, read and write transactions, and what happens when it cannot be reached."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from sqlite3 import Error as SqliteError
from typing import Any

import gevent
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from chatapp.errors import Unavailable
from chatapp.telemetry.log import warn

POOL_WAIT_S = 5
"""Patience for a free connection."""
LOCK_WAIT_S = 5
"""Patience for SQLite's one writer, when that is another process."""
_LOCK_PAUSE_S = 0.02
STATEMENT_TIMEOUT_MS = 10_000
"""How long PostgreSQL may work on one statement."""
TRANSACTION_S = 15
"""Patience for PostgreSQL that says nothing at all: frozen, or behind a network that lost it. Longer than the two
above, so that who can say what is wrong says it first."""

_NOT_UPGRADED = frozenset({"42P01", "42703"})
"""PostgreSQL's words, no such table and no such column, for a database that was not upgraded; SQLite's is an
OperationalError as it is."""
_UPGRADE_LOCK = 4_820_117

_WRITES = "chatapp_writes"
_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA foreign_keys = ON",
)


class DatabaseUnavailable(Unavailable):
    """The database is down, locked or full; nothing of the transaction was saved, unless the answer to its commit
    is what was lost."""

    code = "DATABASE_UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__("The database cannot be reached right now. Nothing was saved; please try again.")


class Database:
    """SQLite in WAL mode, or PostgreSQL. Raises DatabaseUnavailable wherever it cannot do what was asked."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 10,
        pool_wait_s: float = POOL_WAIT_S,
        lock_wait_s: float = LOCK_WAIT_S,
        statement_timeout_ms: int = STATEMENT_TIMEOUT_MS,
        transaction_s: float = TRANSACTION_S,
    ) -> None:
        """`pool_wait_s` and `lock_wait_s` are the patience, in seconds, for a free connection and for another
        process's lock on SQLite's one writer. On PostgreSQL a statement is ended after `statement_timeout_ms`, and a
        transaction given up after `transaction_s`."""
        self._pool_wait_s = pool_wait_s
        self._lock_wait_s = lock_wait_s
        self._statement_timeout_ms = statement_timeout_ms
        self.on_sqlite = url.startswith("sqlite")
        # SQLite never lets others run while it works, and its waits have their own ends.
        self._transaction_s = None if self.on_sqlite else transaction_s
        self.engine = self._engine(url, pool_size)
        # SQLite's writers wait for one lock: those who only read must not wait for a connection behind them.
        writers = self._engine(url, pool_size) if self.on_sqlite else self.engine
        self._writing = writers.execution_options(**{_WRITES: True})

    def _engine(self, url: str, pool_size: int) -> Engine:
        options: dict[str, Any] = {
            "pool_size": pool_size,
            "max_overflow": 0,
            "pool_timeout": self._pool_wait_s,
        }
        options["hide_parameters"] = True  # errors reach the log, and parameters are what people wrote
        if self.on_sqlite:
            # SQLite's own waiting blocks the whole process and with it every stream; we wait in _unlocked instead.
            engine = create_engine(url, connect_args={"timeout": 0, "isolation_level": None}, **options)
            event.listen(engine, "connect", self._prepare_sqlite)
            event.listen(engine, "begin", self._begin_sqlite)
            return engine
        arguments = {"connect_timeout": 5, "options": f"-c statement_timeout={self._statement_timeout_ms}"}
        # The driver begins nothing by itself: BEGIN is ours, and tells whether a connection still lives.
        engine = create_engine(url, connect_args={**arguments, "autocommit": True}, **options)
        event.listen(engine, "begin", _begin_postgresql)
        return engine

    def _prepare_sqlite(self, connection: Any, _record: object) -> None:
        for pragma in _SQLITE_PRAGMAS:
            self._unlocked(connection.execute, pragma)

    def _begin_sqlite(self, connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES)
        # Said to the driver itself: by way of SQLAlchemy it would be a statement like any other, and a message has
        # three of them. Saves 0.1 ms a message.
        driver: Any = connection.connection.driver_connection
        self._unlocked(driver.execute, "BEGIN IMMEDIATE" if writes else "BEGIN")

    def _unlocked(self, execute: Callable[[str], object], statement: str) -> None:
        """Carries out what another process's lock may forbid, waiting for it in small sleeps that let the streams
        of this one go on. Nothing is held while it sleeps."""
        patience = time.monotonic() + self._lock_wait_s
        while True:
            try:
                execute(statement)
                return
            except SqliteError as error:
                if "locked" not in str(error) or time.monotonic() > patience:
                    raise
            time.sleep(_LOCK_PAUSE_S)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads. Never keep it open while a stream waits."""
        with self._translated(), self.engine.connect() as connection:
            connection.begin()
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that commits at the end, or leaves nothing.

        On SQLite it holds the one write lock from its first statement, so what runs inside must not wait for
        anything but the database: no other greenlet of this process may need the lock meanwhile.
        """
        with self._translated(), self._writing.begin() as connection:
            yield connection

    @contextmanager
    def upgrade(self) -> Iterator[Connection]:
        """A write transaction that may take as long as it needs, as one does that changes a large table. One at a
        time; it does not wait long for others to let go of a table, because all who come after would wait behind it."""
        with _translated_errors(), self._writing.begin() as connection:
            if not self.on_sqlite:
                connection.execute(text("SET LOCAL statement_timeout = 0"))
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
                connection.execute(text("SET LOCAL lock_timeout = '5s'"))
            yield connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """What goes wrong, and what does not come to an end, as DatabaseUnavailable."""
        silence = gevent.Timeout.start_new(self._transaction_s)
        try:
            with _translated_errors():
                yield
        except gevent.Timeout as timeout:
            if timeout is not silence:
                raise
            raise _unavailable(timeout) from timeout
        finally:
            silence.close()

    @property
    def connections_in_use(self) -> int:
        """How many connections somebody holds at this moment. No stream ever does."""
        pools = {engine.pool for engine in (self.engine, self._writing)}
        return sum(pool.checkedout() for pool in pools if isinstance(pool, QueuePool))

    def check(self) -> None:
        """Raises DatabaseUnavailable unless a query works."""
        with self.read() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        self.engine.dispose()
        self._writing.dispose()


def _begin_postgresql(connection: Connection) -> None:
    """Begins, on another connection where this one was lost: nothing was said on it yet that could be said twice.
    SQLAlchemy's `pool_pre_ping` would ask before each transaction whether its connection lives, and wait for that."""
    try:
        connection.exec_driver_sql("BEGIN")
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        connection.exec_driver_sql("BEGIN")  # those that waited with it count as lost too


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except (IntegrityError, DataError) as error:
        _forget_values(error)
        raise  # the database is well, and says what is wrong with the values
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) in _NOT_UPGRADED:
            raise _unavailable(error) from error
        _forget_values(error)
        raise
    except (DBAPIError, PoolTimeout, SqliteError) as error:
        raise _unavailable(error) from error


def _forget_values(error: DBAPIError) -> None:
    """Leaves of PostgreSQL's words what they are about. It repeats the row that it refuses, which is what people
    wrote, and errors reach the log."""
    diagnostics: Any = getattr(error.orig, "diag", None)
    if diagnostics is not None and error.orig is not None:
        found = (diagnostics.table_name, diagnostics.column_name, diagnostics.constraint_name)
        said = " ".join(filter(None, (diagnostics.sqlstate, *found)))
        error.args = error.orig.args = (said,)


def _unavailable(error: DBAPIError | PoolTimeout | SqliteError | gevent.Timeout) -> DatabaseUnavailable:
    cause = error.orig if isinstance(error, DBAPIError) else error
    said = str(cause).partition("\nDETAIL:")[0]
    warn("Database unavailable", reason=f"{type(cause).__name__}: {said}"[:200])
    return DatabaseUnavailable()
