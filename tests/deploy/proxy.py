"""Debian's nginx and Apache, started with the files of deploy/, with ports and folders of the test's own."""

from __future__ import annotations

import getpass
import http.client
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from tests.server import ROOT, free_port

START_S = 20
_PATH = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"


class Proxy:
    """A proxy in front of `upstream_port`; a context manager. `changes` are more replacements in its file."""

    program: ClassVar[str]
    configuration: ClassVar[Path]

    def __init__(self, folder: Path, upstream_port: int, changes: Mapping[str, str] | None = None) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        text = self.configuration.read_text("utf-8")
        for old, new in {**self._own_places(upstream_port), **(changes or {})}.items():
            assert old in text, f"{self.configuration.name} has no {old!r} any more"
            text = text.replace(old, new)
        self._file = folder / self.configuration.name
        self._file.write_text(text, "utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def path(cls) -> str | None:
        """Where the program is on this machine."""
        return shutil.which(cls.program, path=_PATH)

    def __enter__(self) -> Self:
        program = self.path()
        assert program is not None
        with (self.folder / "output.log").open("wb") as output:
            self._process = subprocess.Popen(
                [program, *self._arguments()], stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        self._wait_until_it_listens(self._process)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(START_S)

    def log_text(self) -> str:
        """All that the proxy logged: accesses, errors, and what it said when it started."""
        return "".join(path.read_text("utf-8", "replace") for path in sorted(self.folder.glob("*.log")))

    def access_log_text(self) -> str:
        return (self.folder / "access.log").read_text("utf-8", "replace")

    def _own_places(self, upstream_port: int) -> dict[str, str]:
        raise NotImplementedError

    def _arguments(self) -> list[str]:
        raise NotImplementedError

    def _wait_until_it_listens(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_S
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            try:
                connection.connect()
            except OSError:
                assert process.poll() is None, self.log_text()
                assert time.monotonic() < deadline, self.log_text()
                time.sleep(0.05)
            else:
                return
            finally:
                connection.close()


class Nginx(Proxy):
    program = "nginx"
    configuration = ROOT / "deploy" / "nginx.conf"

    def _own_places(self, upstream_port: int) -> dict[str, str]:
        return {
            "user www-data;": f"user {getpass.getuser()};",
            "worker_processes auto;": "worker_processes 1;",
            "worker_rlimit_nofile 65536;": "",
            "worker_connections 16384;": "worker_connections 512;",
            "/run/nginx.pid": f"{self.folder}/nginx.pid",
            "/var/log/nginx/": f"{self.folder}/",
            "/var/lib/nginx/": f"{self.folder}/",
            "server 127.0.0.1:8000;": f"server 127.0.0.1:{upstream_port};",
            "listen 80 default_server;": f"listen 127.0.0.1:{self.port} default_server;",
        }

    def _arguments(self) -> list[str]:
        start_log = (
            self.folder / "error.log"
        )  # before it has read its file, nginx would write to its own place
        return ["-p", str(self.folder), "-e", str(start_log), "-c", str(self._file), "-g", "daemon off;"]


class Apache(Proxy):
    program = "apache2"
    configuration = ROOT / "deploy" / "apache.conf"

    def _own_places(self, upstream_port: int) -> dict[str, str]:
        return {
            "/run/apache2": str(self.folder),
            "/var/log/apache2/": f"{self.folder}/",
            "Define UPSTREAM 127.0.0.1:8000": f"Define UPSTREAM 127.0.0.1:{upstream_port}",
            "\nListen 80\n": f"\nListen 127.0.0.1:{self.port}\n",
            "StartServers 2\n": "StartServers 1\n",
        }

    def _arguments(self) -> list[str]:
        return ["-f", str(self._file), "-D", "FOREGROUND"]
