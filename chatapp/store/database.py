"""The database: one engine, read and write transactions, and what happens when it cannot be reached."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from chatapp.errors import Unavailable
from chatapp.telemetry.log import warn

POOL_WAIT_S = 5
"""Patience for a free connection."""
LOCK_WAIT_S = 5
"""Patience for SQLite's one writer, when that is another process."""
_LOCK_PAUSE_S = 0.02
STATEMENT_TIMEOUT_MS = 10_000

_NO_SUCH_TABLE = "42P01"
"""PostgreSQL's word for a database that was not upgraded; SQLite's is an OperationalError as it is."""

_WRITES = "chatapp_writes"
_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA foreign_keys = ON",
    # SQLite's own waiting blocks the whole process and with it every stream; we wait in _begin instead.
    "PRAGMA busy_timeout = 0",
)


class DatabaseUnavailable(Unavailable):
    """The database is down, locked or full; nothing of the transaction was saved."""

    code = "DATABASE_UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__("The database cannot be reached right now. Nothing was saved; please try again.")


class Database:
    """SQLite in WAL mode, or PostgreSQL. Raises DatabaseUnavailable wherever it cannot do what was asked."""

    def __init__(self, url: str, *, pool_size: int = 10, lock_wait_s: float = LOCK_WAIT_S) -> None:
        """`lock_wait_s` is the patience, in seconds, for another process's lock on SQLite's one writer."""
        self._lock_wait_s = lock_wait_s
        self.on_sqlite = url.startswith("sqlite")
        self.engine = self._engine(url, pool_size)
        # SQLite's writers wait for one lock: those who only read must not wait for a connection behind them.
        writers = self._engine(url, pool_size) if self.on_sqlite else self.engine
        self._writing = writers.execution_options(**{_WRITES: True})

    def _engine(self, url: str, pool_size: int) -> Engine:
        options: dict[str, Any] = {"pool_size": pool_size, "max_overflow": 0, "pool_timeout": POOL_WAIT_S}
        options["hide_parameters"] = True  # errors reach the log, and parameters are what people wrote
        if self.on_sqlite:
            engine = create_engine(url, connect_args={"timeout": 5, "isolation_level": None}, **options)
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", self._begin_sqlite)
            return engine
        arguments = {"connect_timeout": 5, "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS}"}
        return create_engine(url, connect_args=arguments, pool_pre_ping=True, **options)

    def _begin_sqlite(self, connection: Connection) -> None:
        """Begins, waiting for another process's lock in small sleeps that let the streams of this one go on.
        Nothing is held while it sleeps."""
        begin = "BEGIN IMMEDIATE" if connection.get_execution_options().get(_WRITES) else "BEGIN"
        patience = time.monotonic() + self._lock_wait_s
        while True:
            try:
                connection.exec_driver_sql(begin)
                return
            except OperationalError as error:
                if "locked" not in str(error.orig) or time.monotonic() > patience:
                    raise
            time.sleep(_LOCK_PAUSE_S)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads. Never keep it open while a stream waits."""
        with _translated(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that commits at the end, or leaves nothing.

        On SQLite it holds the one write lock from its first statement, so what runs inside must not wait for
        anything but the database: no other greenlet of this process may need the lock meanwhile.
        """
        with _translated(), self._writing.begin() as connection:
            yield connection

    def check(self) -> None:
        """Raises DatabaseUnavailable unless a query works."""
        with self.read() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        self.engine.dispose()
        self._writing.dispose()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (IntegrityError, DataError):
        raise  # the database is well, and says what is wrong with the values
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) == _NO_SUCH_TABLE:
            raise _unavailable(error) from error
        raise
    except (DBAPIError, PoolTimeout) as error:
        raise _unavailable(error) from error


def _unavailable(error: PoolTimeout | DBAPIError) -> DatabaseUnavailable:
    cause = error.orig if isinstance(error, DBAPIError) else error
    warn("Database unavailable", reason=f"{type(cause).__name__}: {cause}"[:200])
    return DatabaseUnavailable()


def _prepare_sqlite(connection: Any, _record: object) -> None:
    for pragma in _SQLITE_PRAGMAS:
        connection.execute(pragma)
