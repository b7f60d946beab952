"""Replies: how they end, what is kept, and what becomes of the connection."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator

import gevent
import httpx2
import pytest
from gevent.event import Event

from chatapp.errors import UpstreamFailure
from chatapp.upstream.reply import Reply
from chatapp.upstream.usage import Usage
from tests.scripted_upstream import (
    DONE,
    LAST_CHUNK,
    STREAM_HEAD,
    End,
    Script,
    ScriptedUpstream,
    Step,
    answer,
    chunk,
    delta,
    event,
    usage,
)
from tests.upstream.calls import REQUEST, follow, read, text, texts, until, upstream_at


def test_twenty_answers_one_after_another_use_one_connection() -> None:
    with ScriptedUpstream(answer("a", "b")) as server, upstream_at(server) as upstream:
        assert [read(upstream) for _ in range(20)] == ["ab"] * 20
    assert (len(server.requests), server.connections) == (20, 1)


def test_an_ending_that_comes_a_little_later_is_waited_for() -> None:
    script: Script = [STREAM_HEAD, chunk(delta("a", "stop") + DONE), 0.01, LAST_CHUNK]
    with ScriptedUpstream(script) as server, upstream_at(server) as upstream:
        assert [read(upstream), read(upstream)] == ["a", "a"]
    assert server.connections == 1


@pytest.mark.parametrize(
    "rest", [[End.HANG], [chunk(b": " + b"x" * 8192 + b"\n")] * 64 + [End.HANG], [End.RESET]]
)
def test_an_ending_that_does_not_come_is_not_waited_for_long(rest: Script) -> None:
    script: Script = [STREAM_HEAD, chunk(delta("a", "stop") + DONE), *rest]
    with ScriptedUpstream(script) as server, upstream_at(server) as upstream:
        start = time.monotonic()
        assert read(upstream) == "a"
        assert time.monotonic() - start < 1
        assert End.HANG not in rest or server.requests[0].hung_up.wait(1)


class Flood(httpx2.SyncByteStream):
    """An answer that is here already, whole: reading it never waits."""

    def __init__(self, piece: bytes, pieces: int) -> None:
        self._pieces = [piece] * pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces
        yield delta("", "stop") + DONE


@pytest.mark.parametrize(
    "piece", [delta("x"), delta(""), b": x\n", b"\n"], ids=["text", "empty", "comment", "line"]
)
def test_a_flood_lets_others_have_their_turn(piece: bytes) -> None:
    turns = 0

    def beat() -> None:
        nonlocal turns
        while True:
            turns += 1
            gevent.sleep(0)

    beating = gevent.spawn(beat)
    reply = Reply(httpx2.Response(200, stream=Flood(piece, 10_000)), retries=0, limit=1_000_000)
    assert text(reply) in ("", "x" * 10_000)
    beating.kill()
    assert turns > 50


def test_the_answer_is_over_before_its_ending_is_read() -> None:
    ending = Event()
    script: Script = [STREAM_HEAD, chunk(delta("a", "stop") + usage(1, 2)), ending, chunk(DONE), LAST_CHUNK]
    with ScriptedUpstream(script) as server, upstream_at(server) as upstream:
        reply = upstream.open(REQUEST)
        assert texts(reply) == ["a"]
        assert reply.usage == Usage(1, 2)
        ending.set()
        reply.close()
        assert read(upstream) == "a"
    assert server.connections == 1


def test_text_comes_as_it_arrives() -> None:
    steps = [Event() for _ in range(3)]
    script: list[Step] = [STREAM_HEAD]
    for number, step in enumerate(steps):
        script += [step, chunk(delta(str(number)))]
    script += [chunk(delta("", "stop") + DONE), LAST_CHUNK]
    with ScriptedUpstream(script) as server, upstream_at(server) as upstream:
        reply = upstream.open(REQUEST)
        told: list[str] = []
        reading = gevent.spawn(follow, reply, told.append)
        for number, step in enumerate(steps):
            # The server sends the next delta only after the last one was told here.
            step.set()
            until(lambda: told == [str(each) for each in range(number + 1)])  # noqa: B023
        reading.get(timeout=10)
        reply.close()
        reply.close()


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        ([End.CLOSE], "UPSTREAM_INTERRUPTED"),
        ([End.RESET], "UPSTREAM_INTERRUPTED"),
        ([b"zz\r\n"], "UPSTREAM_INTERRUPTED"),
        ([LAST_CHUNK], "UPSTREAM_INTERRUPTED"),
        ([chunk(delta("c")[:-9]), LAST_CHUNK], "UPSTREAM_INTERRUPTED"),
        ([chunk(event({"error": {"message": "x"}}))], "SERVER_ERROR"),
        ([chunk(event(b"{no"))], "SERVER_ERROR"),
    ],
)
def test_what_arrived_before_a_failure_is_kept(steps: Script, code: str) -> None:
    script: Script = [STREAM_HEAD, chunk(delta("a") + delta("b")), *steps, End.HANG]
    with ScriptedUpstream(script) as server, upstream_at(server) as upstream:
        reply = upstream.open(REQUEST)
        told: list[str] = []
        with pytest.raises(UpstreamFailure) as caught:
            follow(reply, told.append)
        assert (told, caught.value.error_code, reply.finish_reason) == (["ab"], code, None)


def test_a_failure_hangs_up() -> None:
    script: Script = [STREAM_HEAD, chunk(event({"error": {"message": "x"}})), End.HANG]
    with ScriptedUpstream(script) as server, upstream_at(server) as upstream:
        with pytest.raises(UpstreamFailure):
            texts(upstream.open(REQUEST))
        assert server.requests[0].hung_up.wait(1)


@pytest.mark.parametrize("ending", [LAST_CHUNK, End.CLOSE, End.RESET])
def test_a_finish_is_a_finish_whatever_follows(ending: bytes | End) -> None:
    script: Script = [STREAM_HEAD, chunk(delta("a", "content_filter")), 0.005, ending]
    with ScriptedUpstream(script) as server, upstream_at(server) as upstream:
        reply = upstream.open(REQUEST)
        assert texts(reply) == ["a"]
        assert (reply.finish_reason, reply.usage) == ("content_filter", None)
        reply.close()


def test_an_answer_without_length_ends_with_its_connection() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    with ScriptedUpstream([head, delta("a", "stop"), End.CLOSE]) as server, upstream_at(server) as upstream:
        assert read(upstream) == "a"


def test_compression_that_came_anyway_is_undone() -> None:
    body = gzip.compress(delta("a") + delta("b", "stop") + DONE)
    head = STREAM_HEAD.replace(b"Transfer", b"Content-Encoding: gzip\r\nTransfer")
    script: Script = [head, *(chunk(body[i : i + 7]) for i in range(0, len(body), 7)), LAST_CHUNK]
    with ScriptedUpstream(script) as server, upstream_at(server) as upstream:
        assert read(upstream) == "ab"


def test_broken_compression_is_an_interruption() -> None:
    head = STREAM_HEAD.replace(b"Transfer", b"Content-Encoding: gzip\r\nTransfer")
    with ScriptedUpstream([head, chunk(b"no gzip"), LAST_CHUNK]) as server, upstream_at(server) as upstream:
        with pytest.raises(UpstreamFailure) as caught:
            read(upstream)
        assert caught.value.error_code == "UPSTREAM_INTERRUPTED"


@pytest.mark.parametrize("sizes", [[320], [300, 20, 1], [300, 21], [10] * 40])
def test_an_answer_that_ignores_its_bound_is_cut(sizes: list[int]) -> None:
    too_long = sum(sizes) > 320
    script = [
        STREAM_HEAD,
        *(chunk(delta("x" * size)) for size in sizes),
        chunk(delta("", "stop")),
        LAST_CHUNK,
    ]
    with ScriptedUpstream(script) as server, upstream_at(server, max_output_tokens=10) as upstream:
        reply = upstream.open(REQUEST)
        told = texts(reply)
        assert "".join(told) == "x" * 320
        assert all(told)
        assert reply.finish_reason == ("length" if too_long else "stop")
        reply.close()


def refuse(_text: str) -> None:
    raise ZeroDivisionError


def test_what_its_hearer_raises_hangs_up_and_goes_on_its_way() -> None:
    script: Script = [STREAM_HEAD, chunk(delta("a")), End.HANG]
    with ScriptedUpstream(script) as server, upstream_at(server) as upstream:
        with pytest.raises(ZeroDivisionError):
            follow(upstream.open(REQUEST), refuse)
        assert server.requests[0].hung_up.wait(1)


@pytest.mark.parametrize("direct", [True, False])
def test_an_answer_is_the_same_whoever_reads_it(direct: bool) -> None:
    script: Script = [
        STREAM_HEAD,
        chunk(delta("a")),
        0.01,
        chunk(delta("b") + delta("", "stop") + DONE),
        LAST_CHUNK,
    ]
    with ScriptedUpstream(script) as server, upstream_at(server, direct_reads=direct) as upstream:
        reply = upstream.open(REQUEST)
        assert ("".join(texts(reply)), reply.finish_reason) == ("ab", "stop")
        reply.close()


@pytest.mark.parametrize("direct", [True, False])
def test_closing_in_mid_answer_hangs_up_whoever_reads_it(direct: bool) -> None:
    script: Script = [STREAM_HEAD, chunk(delta("a")), End.HANG]
    with ScriptedUpstream(script) as server, upstream_at(server, direct_reads=direct) as upstream:
        told: list[str] = []
        over: list[Exception | None] = []
        reply = upstream.open(REQUEST)
        reply.follow(told.append, over.append)
        until(lambda: told)
        reply.close()
        assert server.requests[0].hung_up.wait(10)
        until(lambda: over)
    assert [type(error) for error in over] == [UpstreamFailure]
