"""The gauge: memory and CPU of processes, as the kernel counts them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_PAGE_KB = os.sysconf("SC_PAGESIZE") // 1024


class Slope(NamedTuple):
    """How memory grows: in KB a minute, fitted to `minutes` of all processes together."""

    kb_per_min: float
    minutes: float


class Gauge:
    """Processes of one kind. Somebody calls `look` every few seconds with those that live."""

    def __init__(self, warm_up_s: float) -> None:
        self._warm_up_s = warm_up_s
        self._born: dict[int, float] = {}
        self._memory: dict[int, list[tuple[float, float]]] = {}
        self._cpu_s: dict[int, float] = {}
        self._leaving: set[int] = set()
        self.highest_kb = 0.0

    def look(self, pids: Iterable[int]) -> None:
        now = time.monotonic()
        for pid in pids:
            try:
                kb, cpu_s = _resident_kb(pid), _cpu_s(pid)
            except (OSError, IndexError):
                continue  # it has just died
            self.highest_kb = max(self.highest_kb, kb)
            self._cpu_s[pid] = cpu_s
            born = self._born.setdefault(pid, now)
            if now - born >= self._warm_up_s and pid not in self._leaving:
                self._memory.setdefault(pid, []).append((now / 60, kb))

    def retire(self, pids: Iterable[int]) -> None:
        """Those have less and less to do from now on: their memory says nothing more."""
        self._leaving.update(pids)

    def cpu_s(self) -> float:
        """Of all that ever lived, as last seen."""
        return sum(self._cpu_s.values())

    def slope(self) -> Slope | None:
        """By least squares, with one slope for all processes and a level of its own for each."""
        above = below = minutes = 0.0
        for points in self._memory.values():
            middle = sum(x for x, _ in points) / len(points)
            level = sum(y for _, y in points) / len(points)
            above += sum((x - middle) * (y - level) for x, y in points)
            below += sum((x - middle) ** 2 for x, _ in points)
            minutes += points[-1][0] - points[0][0]
        return Slope(above / below, minutes) if below else None


def _resident_kb(pid: int) -> float:
    return float(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_KB


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_S
