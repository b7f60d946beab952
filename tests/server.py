"""A real chatapp server for tests: gunicorn as in production, on a free loopback port, with fresh data."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parent.parent
START_S = 60
STOP_S = 20

_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")


def free_port() -> int:
    """A port of the loopback that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RunningServer:
    """Gunicorn with the real application; a context manager.

        with RunningServer(tmp_path, {"OPENAI_BASE_URL": upstream.url}) as server:
            server.url, server.token

    `settings` are environment variables beside HOST, PORT and CHATAPP_DATA, which are set here; nothing of
    the test's own environment reaches the server. `arguments` go to gunicorn and win over its file. `within` is a
    command that runs those that are put behind it: the server and all of the application's commands.
    A server that was stopped or killed can be started again: on the same port, with the same data.
    """

    email = "reader@example.org"
    password = "correct horse battery staple"

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, str] | None = None,
        arguments: Sequence[str] = (),
        within: Sequence[str] = (),
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "server.log"
        self.environment = {
            **{name: os.environ[name] for name in _INHERITED if name in os.environ},
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "CHATAPP_DATA": str(folder / "data"),
            "FLASK_SKIP_DOTENV": "1",
            "PYTHONUNBUFFERED": "1",
            **(settings or {}),
        }
        self._arguments = list(arguments)
        self._within = list(within)
        self._process: subprocess.Popen[bytes] | None = None
        self._signed_up = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Migrates the database, starts gunicorn and waits until it answers."""
        self.flask("db", "upgrade")
        gunicorn = [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._within, *gunicorn, *self._arguments, "wsgi:app"],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._wait_until_it_answers()

    def start_again(self) -> None:
        """Starts a server that was stopped or killed; one that runs goes on."""
        if self._process is None:
            self.start()

    @property
    def pid(self) -> int:
        """Of gunicorn's master."""
        assert self._process is not None, "the server is not running"
        return self._process.pid

    def worker_pids(self) -> list[int]:
        """Of the master's workers; more than one while a reload drains the old one."""
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    @cached_property
    def token(self) -> str:
        """An API token of the user `email`, whom it makes if need be."""
        self.sign_up()
        return self.flask("token", "create", self.email)

    def sign_up(self, *options: str) -> None:
        """Makes the user `email` with `password`; once, however often it is called."""
        if not self._signed_up:
            self.create_user(self.email, self.password, *options)
            self._signed_up = True

    def create_user(self, email: str, password: str, *options: str) -> None:
        self.flask("user", "create", email, "--password", password, *options)

    def flask(self, *arguments: str) -> str:
        """What a command of the application prints."""
        done = subprocess.run(
            [*self._within, sys.executable, "-m", "flask", "--app", "wsgi", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=START_S,
        )
        assert done.returncode == 0, f"flask {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def log_text(self) -> str:
        """Everything that the server wrote so far, to standard output and standard error."""
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""

    def wait_for_log(self, words: str) -> None:
        """Until the server has written `words`: a line about a request follows its answer."""
        deadline = time.monotonic() + START_S
        while words not in self.log_text():
            assert time.monotonic() < deadline, f"{words!r} is not in the log:\n{self.log_text()}"
            time.sleep(0.05)

    def hup(self) -> None:
        """Reloads: a new worker starts, and the old one finishes its streams."""
        os.kill(self.pid, signal.SIGHUP)

    def stop(self, *, graceful: bool = False) -> None:
        """Ends the server: at once, or `graceful`ly, when its streams and kept connections have ended."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM if graceful else signal.SIGINT)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """Ends master and worker as a crash would: without a word."""
        if self._process is None:
            return
        os.killpg(self._process.pid, signal.SIGKILL)  # the session that Popen made, so nobody else's
        self._process.wait(STOP_S)
        self._process = None

    def _wait_until_it_answers(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_S
        while not self._answers():
            if self._process.poll() is not None:
                self._process = None
                raise RuntimeError(f"the server did not start:\n{self.log_text()}")
            if time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"the server does not answer:\n{self.log_text()}")
            time.sleep(0.1)

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/api/health")
            return connection.getresponse().status == http.HTTPStatus.OK
        except OSError:
            return False
        finally:
            connection.close()
