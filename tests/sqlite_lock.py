"""Another process that holds the write lock of a SQLite database."""

from __future__ import annotations

import subprocess
import sys
from types import TracebackType
from typing import Self

_HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
connection.execute("COMMIT")
"""


class SqliteLock:
    """Held from the beginning of the `with` to its end, or to `release`."""

    def __init__(self, url: str) -> None:
        self._path = url.removeprefix("sqlite:///")

    def __enter__(self) -> Self:
        command = [sys.executable, "-c", _HOLD, self._path]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "locked\n"
        return self

    def release(self) -> None:
        """Lets go; a second call does nothing."""
        self._process.communicate()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
