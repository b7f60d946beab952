"""The scripted upstream of upstream.c, on the tools' core."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Mapping, Sequence
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
        """What has happened so far: `requests`, `done`, `aborted`, `tokens`, and how many are `open` now."""
        stats: Mapping[str, int] = self._asked("/stats")
        return stats

    def release(self) -> None:
        """Lets the answers that are held begin."""
        self._asked("/release")

    def wait_for_open(self, streams: int) -> None:
        """Until exactly so many answers are being streamed. Costs the server that is measured nothing."""
        deadline = time.monotonic() + PATIENCE_S
        while (stats := self.stats())["open"] != streams:
            if time.monotonic() > deadline:
                raise RuntimeError(f"upstream never had {streams} streams open: {stats}")
            time.sleep(_LOOK_S)

    def _asked(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=20) as answer:
            return json.load(answer)
