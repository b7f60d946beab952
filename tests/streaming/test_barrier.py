"""The barrier between what a reader is replayed and what comes live: nothing falls into it, and nothing is doubled.

The moments are made by hand: an event arrives exactly between two steps of a reader, between its last look at the log
and its sleep, or while it sleeps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations_with_replacement

import gevent
import pytest

from chatapp.streaming.dialect import EVENTS
from chatapp.streaming.event import Event, done, token
from chatapp.streaming.event_log import EventLog
from chatapp.streaming.position import Position
from chatapp.streaming.subscriber import Subscriber
from chatapp.streaming.waiter import Arrived, ThreadWaiter, Waiter
from chatapp.web.streams.waiter import GreenletWaiter
from tests.streaming.processes import process
from tests.streaming.wire import Client, read
from tests.turns.house import until

WAITERS: tuple[Callable[[], Waiter], ...] = (ThreadWaiter, GreenletWaiter)
THERE = [token("one "), token("two ")]
COMES = [token("three "), token("four "), done("stop")]
TEXT = "one two three four "


class Pair:
    """A log that somebody appends to, and the same as its readers know it: itself, or its mirror elsewhere. `append`
    comes back when the readers' log has grown."""

    def __init__(self, log: EventLog, followed: EventLog) -> None:
        self.log = log
        self.followed = followed

    def append(self, event: Event) -> None:
        self.log.append(event)
        until(lambda: self.followed.end == self.log.end)


MakePair = Callable[[], Pair]


@pytest.fixture(params=["memory", "mirror"])
def make_pair(request: pytest.FixtureRequest) -> Iterator[MakePair]:
    """Makes logs that hold THERE already."""
    if request.param == "memory":

        def make() -> Pair:
            log = _begun()
            return Pair(log, log)

        yield make
        return
    url: str = request.getfixturevalue("redis_url")
    with process(url, "a" * 32) as answering, process(url, "b" * 32) as following:

        def mirrored() -> Pair:
            log = _begun()
            answering.logs.share(log)
            mirror = following.logs.mirror(log.id)
            assert mirror is not None
            until(lambda: mirror.log.end == log.end)
            return Pair(log, mirror.log)

        yield mirrored


def _begun() -> EventLog:
    log = EventLog()
    for event in THERE:
        log.append(event)
    return log


class Barrier:
    """A waiter that lets something happen when its reader has looked and is about to sleep, and something else when
    it sleeps. Where both are nothing, the reader would sleep for ever: that is an error of the test."""

    def __init__(self, real: Waiter, before: Callable[[], bool], asleep: Callable[[], bool]) -> None:
        self._real = real
        self._before = before
        self._asleep = asleep

    def wait(self, arrived: Arrived) -> None:
        if not self._before():
            gevent.spawn(self._asleep)
        with gevent.Timeout(20, AssertionError("nobody woke the reader")):
            self._real.wait(arrived)

    def wake(self) -> None:
        self._real.wake()


def _no_snapshot() -> Event:
    raise AssertionError("this reader's place was not lost")


def _subscriber(pair: Pair, seen: int, waiter: Waiter) -> Subscriber:
    return Subscriber(pair.followed, EVENTS, Position(pair.followed.id, seen), _no_snapshot, waiter=waiter)


def _client_that_has(pair: Pair, seen: int) -> Client:
    log = EventLog(pair.log.id)
    for event in [*THERE[:seen], done("stop")]:
        log.append(event)
    client = read(Subscriber(log, EVENTS, None, _no_snapshot).frames())
    client.frames.pop()
    return client


def _is_whole(client: Client, seen: int) -> None:
    assert client.text() == TEXT
    assert client.names() == ["token"] * 4 + ["done"]
    assert [frame.last_id.rpartition("-")[2] for frame in client.frames] == ["1", "2", "3", "4", "5"]


STEPS = ["before it is made", "before the opening", "before the replay", "after the replay", "live"]


@pytest.mark.parametrize("seen", range(len(THERE) + 1))
def test_events_that_arrive_between_any_two_steps_of_a_reader(make_pair: MakePair, seen: int) -> None:
    """Three events, spread over the steps in every way."""
    for spread in combinations_with_replacement(range(len(STEPS)), len(COMES)):
        pair = make_pair()
        due = list(zip(spread, COMES, strict=True))

        def arrive(step: int, pair: Pair = pair, due: list[tuple[int, Event]] = due) -> bool:
            """Whether anything arrived."""
            now = [event for at, event in due if at <= step]
            del due[: len(now)]
            for event in now:
                pair.append(event)
            return bool(now)

        arrive(0)
        waiter = Barrier(GreenletWaiter(), lambda arrive=arrive: arrive(len(STEPS)), lambda: False)  # type: ignore[misc]
        frames = _subscriber(pair, seen, waiter).frames()
        arrive(1)
        client = _client_that_has(pair, seen)
        for step, chunk in enumerate(frames, 2):
            client.feed(chunk)
            arrive(step)
        _is_whole(client, seen)


@pytest.mark.parametrize("make_waiter", WAITERS)
@pytest.mark.parametrize("asleep", [False, True])
def test_events_that_arrive_as_a_reader_falls_asleep_and_while_it_sleeps(
    make_pair: MakePair, make_waiter: Callable[[], Waiter], asleep: bool
) -> None:
    pair, due = make_pair(), list(COMES)

    def arrive() -> bool:
        pair.append(due.pop(0))
        return True

    def nothing() -> bool:
        return False

    waiter = Barrier(make_waiter(), *((nothing, arrive) if asleep else (arrive, nothing)))
    client = _client_that_has(pair, 1)
    for chunk in _subscriber(pair, 1, waiter).frames():
        client.feed(chunk)
    _is_whole(client, 1)


def test_events_that_arrive_while_a_mirror_is_being_made(redis_url: str) -> None:
    """What was there is read at once and what comes after it by another connection: they meet without a gap."""
    texts = [f"{number} " for number in range(200)]
    with process(redis_url, "a" * 32) as answering, process(redis_url, "b" * 32) as following:

        def say(log: EventLog) -> None:
            for text in texts:
                log.append(token(text))
                gevent.sleep(0.0005)
            log.append(done("stop"))

        for begun in range(0, len(texts), 25):
            log = EventLog()
            answering.logs.share(log)
            saying = gevent.spawn(say, log)
            until(lambda log=log, begun=begun: log.end >= begun)  # type: ignore[misc]
            mirror = following.logs.mirror(log.id)
            assert mirror is not None
            with gevent.Timeout(20):
                client = read(Subscriber(mirror.log, EVENTS, None, _no_snapshot).frames())
            assert (client.text(), client.names().count("done")) == ("".join(texts), 1)
            assert not mirror.broken
            saying.get()
