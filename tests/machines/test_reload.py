"""A reload under load, with readers that lose their lines."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from random import Random

from tests.machines.event_source import EventSource
from tests.machines.ground import Ground
from tests.machines.workers import Workers
from tests.reading import Reading
from tests.turns.house import until

TURNS = 10
READERS = 2
"""Of each turn. The second loses its line again and again."""


def test_a_reload_under_load_loses_nothing(workers: Ground) -> None:
    seed = Random().randrange(1_000_000)
    random = Random(seed)
    sys.stdout.write(f"seed {seed}\n")
    [server] = workers.servers
    seen = Workers(server)
    until(lambda: len(seen.pids()) == 2, 20)
    before = seen.pids()
    with ExitStack() as stack:
        turns = [workers.start_turn() for _ in range(TURNS)]
        readers = [
            stack.enter_context(EventSource(workers.reading(), turn["stream_url"], cuts))
            for turn, _ in turns
            for cuts in (None, Random(random.random()))
        ]
        for part in range(9):
            if part == 3:
                server.hup()
            for number, (_, answer) in enumerate(turns):
                answer.speak()
                until(lambda: readers[number * READERS].client.text() == answer.text, 20)  # noqa: B023
        until(lambda: len(seen.pids() - before) == 2, 30)
        for _, answer in turns:
            answer.finish()
        ends = [reader.read_to_the_end() for reader in readers]

    for number, (turn, answer) in enumerate(turns):
        [reply] = workers.reading().replies(turn["session_id"])
        assert (reply["content"], reply["status"]) == (answer.text, "complete")
        for ended in ends[number * READERS : (number + 1) * READERS]:
            assert ended.text() == answer.text
            assert ended.frames[-1].json() == {"finish_reason": "stop"}
    assert sum(reader.connections for reader in readers) > len(readers), "lines were lost"
    Reading.close_all()
    until(lambda: not seen.pids() & before, 30)
