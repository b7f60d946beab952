"""The transport in a plain client: what is left of many streams, and of one."""

from __future__ import annotations

import gc
import random
import sys
from pathlib import Path

import gevent
import httpx2

from chatapp.upstream.answer import Answer
from chatapp.upstream.connection import Connection
from chatapp.upstream.transport import Body
from tests.scripted_upstream import LAST_CHUNK, STREAM_HEAD, End, Script, ScriptedUpstream, Step, chunk
from tests.upstream.calls import Stop, until
from tests.upstream.mounted import mounted
from tests.upstream.servers import HELLO


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def greenlets() -> int:
    return sum(isinstance(each, gevent.Greenlet) and not each.ready() for each in gc.get_objects())


def test_a_hundred_streams_that_end_whenever_they_please_leave_nothing_behind() -> None:
    seed = random.randrange(2**32)
    sys.stderr.write(f"seed {seed}\n")
    luck = random.Random(seed)
    gc.collect()
    before = descriptors(), greenlets()
    flow: list[Step] = [STREAM_HEAD]
    for _ in range(5):
        flow += [chunk(b"words"), 0.005]
    endings: list[Step] = [LAST_CHUNK, *End]
    scripts = [[*flow, luck.choice(endings)] for _ in range(200)]
    with ScriptedUpstream(*scripts) as server, mounted(100) as client:

        def read() -> None:
            with client.stream("GET", server.base_url) as answer:
                for _ in answer.iter_raw():
                    pass

        for _ in range(2):
            readers = [gevent.spawn(read) for _ in range(100)]
            for reader in luck.sample(readers, 80):
                gevent.sleep(luck.random() / 1000)
                reader.kill(Stop, block=False)
            gevent.spawn_later(0.3, gevent.killall, readers, Stop)
            gevent.joinall(readers, timeout=20)
            assert all(reader.ready() for reader in readers)
            for reader in readers:
                assert isinstance(
                    reader.exception, (httpx2.ReadError, httpx2.RemoteProtocolError, type(None))
                )
        # All places are free: as many requests as there are places find one each, without waiting.
        server.scripts = [HELLO]
        asking = [gevent.spawn(client.get, server.base_url) for _ in range(100)]
        assert all(each.get(timeout=20).content == b"hello" for each in asking)
        del readers, asking, reader
    until(lambda: descriptors() <= before[0] and greenlets() <= before[1])


def living(*kinds: type) -> int:
    return sum(isinstance(each, kinds) for each in gc.get_objects())


def test_nothing_of_an_answer_waits_for_the_collector_of_cycles() -> None:
    endings: dict[str, Script] = {
        "whole": [STREAM_HEAD, chunk(b"words"), LAST_CHUNK],
        "cut": [STREAM_HEAD, chunk(b"words"), End.CLOSE],
        "closed early": [STREAM_HEAD, chunk(b"words"), End.HANG],
        "garbage": [STREAM_HEAD, chunk(b"words"), b"zz\r\n"],
        "no answer": [b"nonsense\r\n\r\n"],
        "stopped before": [End.HANG],
        "stopped amid": [STREAM_HEAD, End.HANG],
    }

    def ask(client: httpx2.Client, address: str, ending: str) -> None:
        try:
            with client.stream("GET", address) as answer:
                for _ in answer.iter_raw():
                    if ending == "closed early":
                        break
        except httpx2.HTTPError:
            pass

    gc.collect()
    gc.disable()
    try:
        before = living(Answer, Body, Connection)
        for ending, script in endings.items():
            with ScriptedUpstream(script) as server, mounted() as client:
                for turn in range(3):
                    asking = gevent.spawn(ask, client, server.base_url, ending)
                    assert server.wait_for_requests(turn + 1, 10)
                    if "stopped" in ending:
                        gevent.sleep(0.01)
                        asking.kill(Stop, timeout=10)
                    asking.join(10)
                    assert asking.ready()
                    del asking
            # A greenlet that was stopped lives until the loop has turned.
            until(lambda: living(Answer, Body, Connection) == before)
    finally:
        gc.enable()
