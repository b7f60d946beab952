"""The scripted upstream of upstream.c, on the tools' core."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.build import built
from bench.load import Load
from bench.process import PinnedProcess, free_port

PATIENCE_S = 120
_LOOK_S = 0.05


class Upstream(PinnedProcess):
    """Answers as the models of `loads` say; a context manager."""

    def __init__(self, folder: Path, core: int, loads: Sequence[Load]) -> None:
        port = free_port()
        command = [str(built("upstream")), str(port), *(load.model for load in loads)]
        super().__init__(command, core, port, folder / "upstream.log")

    def stats(self) -> Mapping[str, int]:
        """What has happened so far: `requests`, `done`, `aborted`, `tokens`, and how many are `open` now; `aborted_us`
        is when the last reader hung up, in microseconds of time.monotonic()."""
        stats: Mapping[str, int] = self._asked("/stats")
        return stats

    def release(self) -> None:
        """Lets the answers that are held begin."""
        self._asked("/release")

    def reset(self) -> None:
        """Sets every figure back, but for those that are open."""
        self._asked("/reset")

    def wait_for_open(self, streams: int) -> None:
        """Until exactly so many answers are being streamed. Costs the server that is measured nothing."""
        self.wait_until(lambda stats: stats["open"] == streams, f"had {streams} streams open")

    def wait_until(self, happened: Callable[[Mapping[str, int]], bool], what: str) -> Mapping[str, int]:
        """Until its figures say so; those figures. Raises RuntimeError when they never do."""
        deadline = time.monotonic() + PATIENCE_S
        while not happened(stats := self.stats()):
            if time.monotonic() > deadline:
                raise RuntimeError(f"upstream never {what}: {stats}")
            time.sleep(_LOOK_S)
        return stats

    def _asked(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=20) as answer:
            return json.load(answer)
