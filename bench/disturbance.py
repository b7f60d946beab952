"""What else somebody does to a server while others listen, over and over."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from bench.build import built
from bench.contender import Contender
from bench.process import on_core

_MOST_S = 600
_OFTEN = "1000000"
_RECEIVE_BUFFER = 4096
_SIP, _PAUSE_S = 1024, 0.25
"""Bytes that the slow reader takes at once, and the seconds between: 4 KiB/s."""


class Disturbance(Protocol):
    """A context manager; afterwards `told` says what was done, and `share` how much of the tools' core that took."""

    told: str
    share: float

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Nobody:
    """Disturbs nobody."""

    told = ""
    share = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class Repeated:
    """The load client asks the same over and over, so many times at once; whoever is refused counts as answered.

    It yields to the client that measures: both share the tools' core.
    """

    def __init__(self, contender: Contender, core: int, at_once: int, asked: Sequence[str]) -> None:
        fields = [part for name, value in contender.headers.items() for part in ("-H", f"{name}: {value}")]
        self._command = [str(built("load")), "-p", str(contender.port), *asked, *fields]
        self._command += ["-n", _OFTEN, "-c", str(at_once), "-D", str(_MOST_S)]
        self._core = core
        self.told = ""
        self.share = 0.0

    def __enter__(self) -> Self:
        with on_core(self._core):
            self._client = subprocess.Popen(
                ["nice", "-n", "10", *self._command],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.terminate()
        told = json.loads(self._client.communicate()[0])
        self.told = f"{told['done'] + told['bad_status']:,} answers"
        self.share = told["cpu_s"] / told["seconds"]


class SlowReader:
    """Reads one stream at 4 KiB/s, with a receive buffer as small as the kernel allows."""

    def __init__(self, contender: Contender, body: Path) -> None:
        fields = {"Host": "127.0.0.1", "Content-Type": "application/json", **contender.headers}
        data = body.read_bytes()
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self._request = (
            f"POST {contender.path} HTTP/1.1\r\n{head}Content-Length: {len(data)}\r\n\r\n".encode() + data
        )
        self._port = contender.port
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._bytes = 0
        self.told = ""
        self.share = 0.0

    def __enter__(self) -> Self:
        self._line = socket.socket()
        self._line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        self._line.connect(("127.0.0.1", self._port))
        self._line.sendall(self._request)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        with suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._line.close()
        self.told = f"{self._bytes / 1024:.0f} KiB read"

    def _read(self) -> None:
        with suppress(OSError):
            while piece := self._line.recv(_SIP):
                self._bytes += len(piece)
                if self._over.wait(_PAUSE_S):
                    return


def body_of(folder: Path, size: int) -> Path:
    """A message as a JSON body of so many bytes: far too long a message, which is refused once it was read."""
    start, end = '{"message":"', '"}'
    path = folder / "upload.json"
    path.write_text(f"{start}{'a' * (size - len(start) - len(end))}{end}", "utf-8")
    assert path.stat().st_size == size
    return path
