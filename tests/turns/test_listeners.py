"""What a process says of the turns of others that are heard through it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from chatapp.store.conversation import Turn
from chatapp.streaming.dialect import EVENTS
from chatapp.streaming.shared_logs import PrivateLogs
from chatapp.streaming.subscriber import Subscriber
from chatapp.turns.listeners import Listeners
from chatapp.turns.running_turns import RunningTurns
from chatapp.turns.turns_elsewhere import TurnsElsewhere
from tests.hand_clock import HandClock
from tests.scripted_upstream import ScriptedUpstream, answer
from tests.turns.house import House, house


def _heard_at(here: House) -> datetime | None:
    with here.database.read() as connection:
        return connection.scalar(select(Turn.heard_at))


def test_whoever_hears_a_turn_says_so_at_once_and_then_now_and_again(sqlite_url: str, tmp_path: Path) -> None:
    with ScriptedUpstream(answer("a")) as upstream, house(sqlite_url, tmp_path, upstream.base_url) as here:
        clock, elsewhere = HandClock(), TurnsElsewhere(here.database, PrivateLogs())
        listeners = Listeners(here.database, RunningTurns(), elsewhere, 300, clock=clock)
        assert listeners.period_s <= 1, "somebody who comes shortly before the end of patience is heard"
        followed = elsewhere.find(here.begin()[1].id)
        frames = Subscriber(followed.log, EVENTS, None, followed.snapshot).frames()
        listeners.tick()
        assert _heard_at(here) is None
        next(frames)
        listeners.tick()
        first = _heard_at(here)
        assert first is not None
        clock.wait(1)
        listeners.tick()
        assert _heard_at(here) == first, "a write for every tick would be too many"
        clock.wait(100)
        listeners.tick()
        assert _heard_at(here) != first
        frames.close()
