"""The bench's own tools: figures are worth what these count."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench import valkey
from bench.build import HERE
from bench.contender import NoServer
from bench.disturbance import Repeated, SlowReader
from bench.load import Load, OpenStreams, put
from bench.process import PinnedProcess, cores, free_port
from bench.upstream import Upstream

pytestmark = pytest.mark.skipif(not shutil.which(os.environ.get("CC", "cc")), reason="no C compiler")
CORE = cores()[-1]


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Upstream]:
    with Upstream(tmp_path, CORE, [Load("three", streams=1, at_once=1, tokens=3)]) as running:
        yield running


@pytest.fixture
def port(upstream: Upstream) -> int:
    return upstream.port


@pytest.mark.parametrize("tool", ["load", "upstream"])
def test_the_tools_compile_without_a_warning(tool: str, tmp_path: Path) -> None:
    compiler = os.environ.get("CC", "cc")
    strict = ["-O2", "-Wall", "-Wextra", "-Werror", "-o", str(tmp_path / tool)]
    subprocess.run([compiler, *strict, str(HERE / f"{tool}.c")], check=True)


def ask(port: int, path: str, body: dict[str, object] | None = None) -> str:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", data, timeout=20) as answer:
        text: str = answer.read().decode()
    return text


def events(text: str) -> list[Any]:
    assert text.endswith("data: [DONE]\n\n")
    return [json.loads(event.removeprefix("data: ")) for event in text.split("\n\n")[:-2]]


def test_upstream_speaks_as_openai_does(port: int) -> None:
    assert json.loads(ask(port, "/v1/models"))["data"][0]["id"] == "mock-n3-g0-t0"

    body = {"model": "mock-n3-g1-t5", "stream": True, "stream_options": {"include_usage": True}}
    first, *tokens, last, usage = events(ask(port, "/v1/chat/completions", body))

    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert [len(token["choices"][0]["delta"]["content"]) for token in tokens] == [10, 10, 10]
    assert last["choices"][0]["finish_reason"] == "stop"
    assert usage["usage"]["completion_tokens"] == 3


def test_what_is_held_begins_when_it_is_released(upstream: Upstream, tmp_path: Path) -> None:
    load = Load("held", streams=3, at_once=3, tokens=4, held=True)
    body = tmp_path / "body.json"
    body.write_text(json.dumps({"model": load.model, "stream": True}))
    asked = ["-u", "/v1/chat/completions", "-d", str(body)]

    with OpenStreams(CORE, upstream.port, {}, load.streams, 60, *asked) as streams:
        assert (upstream.stats()["open"], upstream.stats()["tokens"]) == (3, 0)
        upstream.release()
        heard = streams.hear(load.tokens)

    assert (heard.done, heard.tokens) == (3, 12)
    upstream.wait_for_open(0)


def test_what_is_paused_has_had_its_first_token(upstream: Upstream, tmp_path: Path) -> None:
    load = Load(
        "paused", streams=3, at_once=3, tokens=4, gap_ms=100, paused=True
    )  # or all might come at once
    body = tmp_path / "body.json"
    body.write_text(json.dumps({"model": load.model, "stream": True}))
    asked = ["-u", "/v1/chat/completions", "-d", str(body), "-s", "1"]

    with OpenStreams(CORE, upstream.port, {}, load.streams, 60, *asked) as streams:
        upstream.wait_until(lambda stats: stats["tokens"] == 3, "sent the first tokens")
        time.sleep(0.5)  # a pause has no end to wait for
        assert upstream.stats()["tokens"] == 3
        upstream.release()
        heard = streams.hear(load.tokens)

    assert (heard.done, heard.tokens) == (3, 12)
    assert 0 < heard.streamed_s < heard.seconds - 0.5  # the first tokens, before the pause, are skipped


def test_upstream_notes_when_a_reader_hung_up(upstream: Upstream) -> None:
    with socket.create_connection(("127.0.0.1", upstream.port), 20) as line:
        body = json.dumps({"model": "mock-n1-w1", "stream": True}).encode()
        line.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        assert line.recv(1000).startswith(b"HTTP/1.1 200 OK")
        before_us = time.monotonic_ns() // 1000
    told = upstream.wait_until(lambda stats: stats["aborted"] == 1, "saw the hang-up")

    assert before_us <= told["aborted_us"] <= time.monotonic_ns() // 1000


def test_streams_that_are_not_heard_to_their_end_are_hung_up(upstream: Upstream, tmp_path: Path) -> None:
    load = Load("silent", streams=OpenStreams.WAITING + 10, at_once=1, tokens=1, held=True)
    body = tmp_path / "body.json"
    body.write_text(json.dumps({"model": load.model, "stream": True}))
    asked = ["-u", "/v1/chat/completions", "-d", str(body)]

    with OpenStreams(CORE, upstream.port, {}, load.streams, 600, *asked):
        upstream.wait_for_open(load.streams)

    upstream.wait_for_open(0)
    assert upstream.stats()["aborted"] == load.streams


def test_a_disturbance_repeats_itself_until_it_is_over(upstream: Upstream, tmp_path: Path) -> None:
    paths = tmp_path / "paths"
    paths.write_text("/v1/models\n/nowhere")
    disturbance = Repeated(NoServer(tmp_path, CORE, upstream.port, []), CORE, 2, ["-l", str(paths)])

    with disturbance:
        upstream.wait_until(lambda stats: stats["requests"] > 10, "was asked ten times")

    answers = int(disturbance.told.removesuffix(" answers").replace(",", ""))
    assert answers >= 1
    assert disturbance.share > 0


def test_a_slow_reader_leaves_most_of_its_stream_unread(upstream: Upstream, tmp_path: Path) -> None:
    load = Load("flat out", streams=1, at_once=1, tokens=200_000)
    server = NoServer(tmp_path, CORE, upstream.port, [load])

    with SlowReader(server, server.body_file(load)) as reader:
        sent = upstream.wait_until(lambda stats: stats["tokens"] > 100, "sent what buffers hold")["tokens"]
        time.sleep(1)  # it goes on reading, a little
        assert upstream.stats()["tokens"] < load.tokens

    assert sent < load.tokens
    assert 0 < int(reader.told.removesuffix(" KiB read")) < 100
    upstream.wait_for_open(0)


def test_each_path_of_a_list_is_asked_for_in_turn(upstream: Upstream, tmp_path: Path) -> None:
    paths = tmp_path / "paths"
    paths.write_text("/v1/models\n/v1/models\n/reset")

    with OpenStreams(CORE, upstream.port, {}, 4, 60, "-l", str(paths), "-c", "1") as streams:
        heard = streams.hear(0)

    assert heard.done == 4
    assert upstream.stats()["requests"] == 2  # since the third set it back: the fourth, and this one


def test_streams_that_do_not_begin_are_an_error(upstream: Upstream, tmp_path: Path) -> None:
    paths = tmp_path / "paths"
    paths.write_text("/v1/models\n/nowhere")

    with pytest.raises(RuntimeError, match="404"):
        OpenStreams(CORE, upstream.port, {}, 2, 60, "-l", str(paths)).__enter__()


def test_the_load_client_counts_every_token(port: int, tmp_path: Path) -> None:
    load = Load("many small pieces", streams=7, at_once=3, tokens=5000)
    body = tmp_path / "body.json"
    body.write_text(json.dumps({"model": load.model, "stream": True}))

    heard = put(load, CORE, port, "/v1/chat/completions", body, {"X-Some": "header"})

    assert (heard.done, heard.tokens) == (7, 35_000)
    assert json.loads(ask(port, "/stats"))["tokens"] == 35_000
    assert 0 <= heard.delay_p50_ms <= heard.delay_p99_ms


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


GROWING = """
import socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
kept = []
while True:
    line = listener.accept()[0]
    if line.recv(1):
        kept.append(bytearray(b"x" * 50_000_000))
        line.send(b"x")
    line.close()
"""


def test_memory_is_what_the_process_holds(tmp_path: Path) -> None:
    port = free_port()
    with PinnedProcess([sys.executable, "-c", GROWING, str(port)], CORE, port, tmp_path / "log") as process:
        before = process.memory_kib()
        with socket.create_connection(("127.0.0.1", port), 20) as line:
            line.sendall(b"x")
            assert line.recv(1) == b"x"

        grown = (process.memory_kib() - before) * 1024
        assert 49_900_000 < grown < 55_000_000


def test_valkey_counts_the_commands_of_others(tmp_path: Path) -> None:
    program = valkey.program()
    assert program, valkey.MISSING

    with valkey.Valkey(program, CORE, tmp_path) as running:
        before = running.commands()
        with socket.create_connection(("127.0.0.1", running.port), 20) as line:
            for _ in range(3):
                line.sendall(b"PING\r\n")
                assert line.recv(100) == b"+PONG\r\n"

        assert running.commands() - before == 3
