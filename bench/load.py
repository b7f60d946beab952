"""The loads, and one run of the load client."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.build import built
from bench.process import on_core


@dataclass(frozen=True, slots=True)
class Load:
    """`streams` answers of `tokens` tokens each, `gap_ms` apart (0: as fast as they are taken)."""

    name: str
    streams: int
    at_once: int
    tokens: int
    gap_ms: int = 0
    ramp_ms: int = 0

    @property
    def model(self) -> str:
        """What tells upstream to answer like that."""
        return f"mock-n{self.tokens}-g{self.gap_ms}-t0"

    @property
    def nominal_s(self) -> float:
        return (self.tokens * self.gap_ms + self.ramp_ms) / 1000


FULL = (
    Load("one stream flat out", streams=1, at_once=1, tokens=30_000),
    Load("100 streams × 50 tokens/s", streams=100, at_once=100, tokens=500, gap_ms=20, ramp_ms=2000),
    Load("short messages", streams=200, at_once=4, tokens=1),
)
TINY = (
    Load("one stream flat out", streams=1, at_once=1, tokens=200),
    Load("3 streams × 50 tokens/s", streams=3, at_once=3, tokens=20, gap_ms=20, ramp_ms=60),
    Load("short messages", streams=4, at_once=2, tokens=1),
)


@dataclass(frozen=True, slots=True)
class Heard:
    """What the load client reports; its C source says how each figure is taken."""

    done: int
    refused: int
    cut_short: int
    bad_status: int
    timed_out: int
    tokens: int
    seconds: float
    cpu_s: float
    first_token_p50_ms: float
    first_token_p99_ms: float
    delay_p50_ms: float
    delay_p99_ms: float


def put(load: Load, core: int, port: int, path: str, body: Path, headers: Mapping[str, str]) -> Heard:
    """Puts the load on the server at `port` and waits for its end."""
    command = [str(built("load")), "-p", str(port), "-u", path, "-d", str(body), *_headers(headers)]
    command += ["-n", str(load.streams), "-c", str(load.at_once), "-r", str(load.ramp_ms)]
    command += ["-D", str(load.nominal_s * 4 + 60), "-W", str(load.ramp_ms / 1000)]
    with on_core(core):
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    heard = Heard(**json.loads(done.stdout))
    if heard.done != load.streams or heard.tokens != load.streams * load.tokens:
        raise RuntimeError(f"{load.name}: not every token arrived: {heard} {done.stderr}")
    return heard


def _headers(headers: Mapping[str, str]) -> Sequence[str]:
    return [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
