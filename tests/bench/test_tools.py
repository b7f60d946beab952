"""The bench's own tools: figures are worth what these count."""

from __future__ import annotations

import json
import os
import shutil
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.build import built
from bench.load import Load, put
from bench.process import PinnedProcess, cores, free_port

pytestmark = pytest.mark.skipif(not shutil.which(os.environ.get("CC", "cc")), reason="no C compiler")
CORE = cores()[-1]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def upstream(port: int, tmp_path: Path) -> Iterator[PinnedProcess]:
    command = [str(built("upstream")), str(port), "mock-n3-g0-t0"]
    with PinnedProcess(command, CORE, port, tmp_path / "upstream.log") as running:
        yield running


def ask(port: int, path: str, body: dict[str, object] | None = None) -> str:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", data, timeout=20) as answer:
        text: str = answer.read().decode()
    return text


def events(text: str) -> list[Any]:
    assert text.endswith("data: [DONE]\n\n")
    return [json.loads(event.removeprefix("data: ")) for event in text.split("\n\n")[:-2]]


@pytest.mark.usefixtures("upstream")
def test_upstream_speaks_as_openai_does(port: int) -> None:
    assert json.loads(ask(port, "/v1/models"))["data"][0]["id"] == "mock-n3-g0-t0"

    body = {"model": "mock-n3-g1-t5", "stream": True, "stream_options": {"include_usage": True}}
    first, *tokens, last, usage = events(ask(port, "/v1/chat/completions", body))

    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert [len(token["choices"][0]["delta"]["content"]) for token in tokens] == [10, 10, 10]
    assert last["choices"][0]["finish_reason"] == "stop"
    assert usage["usage"]["completion_tokens"] == 3


@pytest.mark.usefixtures("upstream")
def test_the_load_client_counts_every_token(port: int, tmp_path: Path) -> None:
    load = Load("many small pieces", streams=7, at_once=3, tokens=5000)
    body = tmp_path / "body.json"
    body.write_text(json.dumps({"model": load.model, "stream": True}))

    heard = put(load, CORE, port, "/v1/chat/completions", body, {"X-Some": "header"})

    assert (heard.done, heard.tokens) == (7, 35_000)
    assert json.loads(ask(port, "/stats"))["tokens"] == 35_000
    assert 0 <= heard.delay_p50_ms <= heard.delay_p99_ms


@pytest.mark.usefixtures("upstream")
def test_an_answer_that_is_no_stream_is_an_error(port: int, tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_text("{}")

    with pytest.raises(RuntimeError, match="404"):
        put(Load("lost", streams=1, at_once=1, tokens=1), CORE, port, "/nowhere", body, {})


def test_cpu_is_the_processes_own(upstream: PinnedProcess, port: int) -> None:
    before = upstream.cpu_s()
    time.sleep(0.1)
    idle = upstream.cpu_s() - before
    ask(port, "/v1/chat/completions", {"model": "mock-n50000-g0-t0", "stream": True})

    assert upstream.cpu_s() - before > idle
