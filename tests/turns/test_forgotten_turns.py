"""Turns that are over and forgotten are gone at once: the collector of cycles comes by every few minutes only."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from weakref import ref

import pytest

from chatapp.turns.ending import STOPPED
from chatapp.turns.running_turns import RunningTurns
from tests.scripted_upstream import STREAM_HEAD, End, Script, ScriptedUpstream, answer, chunk, delta
from tests.turns.house import House, house, until


@pytest.fixture
def _no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def _forget_all(here: House) -> None:
    running: RunningTurns = here.answering._running
    running._turns.clear()


@pytest.mark.usefixtures("_no_collector")
@pytest.mark.parametrize(
    "script", [answer("a", "b"), [STREAM_HEAD, chunk(delta("a")), End.CLOSE]], ids=["whole", "cut"]
)
def test_a_turn_whose_answer_came_to_its_end(script: Script, sqlite_url: str, tmp_path: Path) -> None:
    with ScriptedUpstream(script) as upstream, house(sqlite_url, tmp_path, upstream.base_url) as here:
        turn = here.start()
        log = turn.log
        until(lambda: log.closed)
        gone = ref(turn)
        _forget_all(here)
        del turn
        until(lambda: gone() is None)


@pytest.mark.usefixtures("_no_collector")
def test_a_turn_that_was_stopped(sqlite_url: str, tmp_path: Path) -> None:
    script: Script = [STREAM_HEAD, chunk(delta("a")), End.HANG]
    with ScriptedUpstream(script) as upstream, house(sqlite_url, tmp_path, upstream.base_url) as here:
        turn = here.start()
        [generation], log = turn.generations, turn.log
        until(lambda: generation.parts)
        turn.stop(STOPPED)
        until(lambda: log.closed)
        gone = ref(turn)
        _forget_all(here)
        del turn
        until(lambda: gone() is None)
