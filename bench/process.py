"""A server process on one core, and what it has cost."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

START_S = 60
SETTLE_S = 0.3
"""Seconds after a load in which a server may finish what belongs to it, such as saving."""
_SCHEDULER_CLOCK = 2


def cores() -> tuple[int, int]:
    """The server's core and the tools' core: two different ones where there are two."""
    available = sorted(os.sched_getaffinity(0))
    return available[0], available[-1]


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Children that are started in here run on that core alone, with all of their threads."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def most_open_files() -> int:
    """How many files a process of ours may open at best: the hard limit."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return sys.maxsize if hard == resource.RLIM_INFINITY else hard


@contextmanager
def open_files(most: int) -> Iterator[None]:
    """Children that are started in here may open at least `most` files each."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class PinnedProcess:
    """A program on one core that listens on `port`; a context manager."""

    def __init__(
        self,
        command: Sequence[str],
        core: int,
        port: int,
        log: Path,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self._command = command
        self._core = core
        self.port = port
        self._log = log
        self._environment = environment
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with on_core(self._core), self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._wait_until_it_listens(self._process)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def cpu_s(self) -> float:
        """Seconds of CPU so far, of the process and its children, to the microsecond."""
        assert self._process is not None
        return sum(cpu_s(pid) for pid in _family(self._process.pid))

    def memory_kib(self) -> int:
        """What the process and its children hold, each page that they share counted once: the anonymous part of
        their proportional set size (proc_pid_smaps(5)), because files are shared with whatever else runs here. What
        the kernel keeps for their sockets is not in it."""
        assert self._process is not None
        return sum(_own_kib(pid) for pid in _family(self._process.pid))

    def _wait_until_it_listens(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(
                        f"{self._command[0]} does not listen:\n{self._log.read_text()}"
                    ) from None
                time.sleep(0.05)
            else:
                return


def cpu_s(pid: int) -> float:
    """Seconds of CPU that a process has used so far, with all of its threads.

    The clock is the one behind clock_getcpuclockid(3); /proc/<pid>/stat counts in hundredths of a second.
    """
    return time.clock_gettime((~pid << 3) | _SCHEDULER_CLOCK)


def _own_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("Pss_Anon:")).split()[1])


def _family(pid: int) -> Iterator[int]:
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from _family(int(child))
