"""What the figures were taken on, and what else ran there."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from importlib.metadata import version
from pathlib import Path

from bench.contender import Nginx

_PACKAGES = ("gunicorn", "gevent", "flask", "openai")
_BUSY = (1, 2, 3, 6, 7)
"""Of the first line of /proc/stat: all that is not idle, waiting or stolen (proc_stat(5))."""


def machine() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return (
        f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, {packages}, {_nginx()}"
    )


class Neighbours:
    """Everything that runs on this machine beside the bench and its children."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._used_s = self._cpu_s()

    def share(self) -> float:
        """How much of all cores they have used since; children of the bench count when they have ended."""
        used_s, seconds = self._cpu_s() - self._used_s, time.monotonic() - self._began
        return max(0.0, used_s / seconds / (os.cpu_count() or 1))

    def _cpu_s(self) -> float:
        fields = Path("/proc/stat").read_text("utf-8").splitlines()[0].split()
        busy_s = sum(int(fields[place]) for place in _BUSY) / os.sysconf("SC_CLK_TCK")
        return busy_s - sum(os.times()[:4])


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _nginx() -> str:
    program = Nginx.program()
    if program is None:
        return "no nginx"
    return (
        subprocess.run([program, "-v"], capture_output=True, text=True, check=True)
        .stderr.strip()
        .rpartition(" ")[2]
    )
