"""Which of a server's workers does what, seen from outside: by the files and connections that they hold open."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from tests.server import RunningServer


class Workers:
    """Those of `server`, which is on SQLite."""

    def __init__(self, server: RunningServer) -> None:
        self._server = server
        self._data = Path(server.environment["CHATAPP_DATA"])

    def pids(self) -> set[int]:
        return set(self._server.worker_pids())

    def answering(self, turn_id: str) -> int:
        """The one that owns this turn: it holds the lock file of the owner."""
        database = sqlite3.connect(f"file:{self._data / 'chatapp.sqlite3'}?mode=ro", uri=True)
        try:
            [owner_id] = database.execute("SELECT owner_id FROM turns WHERE id = ?", [turn_id]).fetchone()
        finally:
            database.close()
        return self._holding(str(self._data / "owners" / f"{owner_id}.lock"))

    def serving(self, port: int) -> int:
        """The one that has the connection to the client's `port`."""
        ours = f":{self._server.port:04X}"
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            _, local, remote, *_, inode = line.split()[:10]
            if local.endswith(ours) and remote.endswith(f":{port:04X}"):
                return self._holding(f"socket:[{inode}]")
        raise AssertionError(f"nobody serves port {port}")

    def _holding(self, name: str) -> int:
        [pid] = [pid for pid in self.pids() if name in set(_open_files(pid))]
        return pid


def _open_files(pid: int) -> Iterator[str]:
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            yield str(descriptor.readlink())
        except FileNotFoundError:
            continue  # closed meanwhile
