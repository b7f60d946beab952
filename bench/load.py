"""The loads, and one run of the load client."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.build import built
from bench.process import cpu_s, on_core

MESSAGE = "Please count."


@dataclass(frozen=True, slots=True)
class Load:
    """`streams` answers of `tokens` tokens each, `gap_ms` apart (0: as fast as they are taken); where several `voices`
    answer a message, so many tokens of each. What is `held` is silent until upstream is told to release it, and what
    is `paused` is so after its first token."""

    name: str
    streams: int
    at_once: int
    tokens: int
    gap_ms: int = 0
    ramp_ms: int = 0
    held: bool = False
    paused: bool = False
    voices: int = 1

    @property
    def model(self) -> str:
        """What tells upstream to answer like that."""
        return f"mock-n{self.tokens}-g{self.gap_ms}-t0" + "-w1" * self.held + "-p1" * self.paused

    @property
    def all_tokens(self) -> int:
        return self.streams * self.voices * self.tokens

    @property
    def nominal_s(self) -> float:
        return (self.tokens * self.gap_ms + self.ramp_ms) / 1000


PACED = Load("100 streams × 50 tokens/s", streams=100, at_once=100, tokens=500, gap_ms=20, ramp_ms=2000)
FEW_PACED = Load("3 streams × 50 tokens/s", streams=3, at_once=3, tokens=20, gap_ms=20, ramp_ms=60)
FULL = (
    Load("one stream flat out", streams=1, at_once=1, tokens=30_000),
    PACED,
    Load("short messages", streams=200, at_once=4, tokens=1),
)
TINY = (
    Load("one stream flat out", streams=1, at_once=1, tokens=200),
    FEW_PACED,
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
    streamed_s: float = 0.0
    all_began_p50_ms: float = 0.0


def put(
    load: Load,
    core: int,
    port: int,
    path: str,
    body: Path,
    headers: Mapping[str, str],
    people: Path | None = None,
) -> Heard:
    """Puts the load on the server at `port` and waits for its end. `people` is a file with a further header in each
    line, which the streams have in turn."""
    command = [str(built("load")), "-p", str(port), "-u", path, "-d", str(body), *_headers(headers)]
    command += ["-n", str(load.streams), "-c", str(load.at_once), "-r", str(load.ramp_ms)]
    command += ["-D", str(load.nominal_s * 4 + 60), "-W", str(load.ramp_ms / 1000), "-v", str(load.voices)]
    command += ["-a", str(people)] if people else []
    with on_core(core):
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    heard = Heard(**json.loads(done.stdout))
    if heard.done != load.streams or heard.tokens != load.all_tokens:
        raise RuntimeError(f"{load.name}: not every token arrived: {heard} {done.stderr}")
    return heard


class OpenStreams:
    """Streams that the load client has opened and reads: entered when each of them has begun. What is not heard to
    its end is hung up; a context manager."""

    WAITING = 50
    """Streams that wait for their head at the same time: the server is kept busy, and no queue overflows."""

    def __init__(
        self, core: int, port: int, headers: Mapping[str, str], streams: int, most_s: float, *asked: str
    ) -> None:
        """`asked` are the client's options that say what each stream asks for; `most_s` bounds it all, in
        seconds."""
        self._core = core
        self._streams = streams
        self._command = [str(built("load")), "-p", str(port), *asked, *_headers(headers), "-o"]
        self._command += ["-n", str(streams), "-w", str(self.WAITING), "-D", str(most_s)]

    def __enter__(self) -> Self:
        with on_core(self._core):
            self._client = subprocess.Popen(
                self._command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
        assert self._client.stdout is not None
        told = self._client.stdout.readline()
        if json.loads(told or "{}") != {"begun": self._streams}:
            self._client.terminate()
            raise RuntimeError(f"not every stream began: {told} {self._client.communicate()[1]}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.terminate()
        self._client.communicate()

    def cpu_s(self) -> float:
        """Seconds of CPU that the client has used so far."""
        return cpu_s(self._client.pid)

    def hear(self, tokens: int) -> Heard:
        """Waits for the end of every stream, each of which has `tokens` tokens."""
        told, problem = self._client.communicate()
        heard = Heard(**json.loads(told))
        if heard.done != self._streams or heard.tokens != self._streams * tokens:
            raise RuntimeError(f"not every token arrived: {heard} {problem}")
        return heard


def _headers(headers: Mapping[str, str]) -> Sequence[str]:
    return [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
