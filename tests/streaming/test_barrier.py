"""The moment between replay and live: what arrives exactly when a reader has caught up, and does not wait yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import gevent
import pytest

from chatapp.streaming.dialect import EVENTS
from chatapp.streaming.event import Event, done, snapshot, token
from chatapp.streaming.event_log import EventLog
from chatapp.streaming.mirror import Mirror
from chatapp.streaming.position import Position
from chatapp.streaming.subscriber import Subscriber
from chatapp.streaming.waiter import ThreadWaiter
from chatapp.web.streams.waiter import GreenletWaiter
from tests.streaming.processes import process
from tests.streaming.wire import Client
from tests.turns.house import until

SEEN = ["one ", "two ", "three "]
COMING = ["four ", "five ", "six"]

Arrive = Callable[[Event], None]
"""Lets an event arrive in the log that a reader follows; it is there on return."""


@pytest.fixture(params=["memory", "mirror"])
def followed(request: pytest.FixtureRequest) -> Iterator[tuple[EventLog, Arrive]]:
    """A log, as a reader follows it, and the way into it."""
    log = EventLog()
    if request.param == "memory":
        yield log, log.append
        return
    url: str = request.getfixturevalue("redis_url")
    with process(url, "a" * 32) as answering, process(url, "b" * 32) as following:
        answering.logs.share(log)
        mirror = following.logs.mirror(log.id)
        assert isinstance(mirror, Mirror)
        mirrored = mirror.log

        def arrive(event: Event) -> None:
            log.append(event)
            until(lambda: mirrored.end == log.end)

        yield mirrored, arrive


class Barrier:
    """A waiter at which the next event arrives: after the reader has looked for one, and before it sleeps."""

    def __init__(self, waiter: ThreadWaiter | GreenletWaiter, arrivals: list[Callable[[], None]]) -> None:
        self._waiter = waiter
        self._arrivals = arrivals

    def wait(self) -> None:
        assert self._arrivals, "it waits for something that has come"
        self._arrivals.pop(0)()
        self._waiter.wait()

    def wake(self) -> None:
        self._waiter.wake()


def _snapshot() -> Event:
    return snapshot([{"generation_id": "g", "voice": "v", "text": "lost", "status": "streaming"}])


def _read(subscriber: Subscriber, written: Callable[[], object] = lambda: None) -> Client:
    """A client that has read all of it; `written` is called after each write."""
    client = Client()
    with gevent.Timeout(20):
        for piece in subscriber.frames():
            client.feed(piece)
            written()
    return client


@pytest.mark.parametrize("seen", range(len(SEEN) + 1))
@pytest.mark.parametrize("waiter", [ThreadWaiter, GreenletWaiter])
def test_what_arrives_when_a_reader_begins_to_wait_is_read(
    followed: tuple[EventLog, Arrive], waiter: Callable[[], ThreadWaiter | GreenletWaiter], seen: int
) -> None:
    log, arrive = followed
    for text in SEEN:
        arrive(token(text))
    coming = [*map(token, COMING), done("stop")]
    barrier = Barrier(waiter(), [lambda event=event: arrive(event) for event in coming])  # type: ignore[misc]
    client = _read(Subscriber(log, EVENTS, Position(log.id, seen), _snapshot, waiter=barrier))
    assert client.text() == "".join(SEEN[seen:] + COMING)
    assert client.names()[-1] == "done"
    assert client.last_id == f"{log.id}-{len(SEEN) + len(coming)}"


@pytest.mark.parametrize("seen", range(len(SEEN) + 1))
def test_what_arrives_while_a_reader_writes_is_read(followed: tuple[EventLog, Arrive], seen: int) -> None:
    """After each write, the opening and the replay among them, and before the reader looks again."""
    log, arrive = followed
    for text in SEEN:
        arrive(token(text))
    coming = [*map(token, COMING), done("stop")]
    client = _read(
        Subscriber(log, EVENTS, Position(log.id, seen), _snapshot),
        lambda: coming and arrive(coming.pop(0)),
    )
    assert client.text() == "".join(SEEN[seen:] + COMING)
    assert [frame.last_id for frame in client.frames] == [f"{log.id}-{n}" for n in range(seen + 1, 8)]


def test_a_log_that_is_replaced_when_a_reader_begins_to_wait_is_left(
    followed: tuple[EventLog, Arrive],
) -> None:
    log, arrive = followed
    arrive(token("one "))
    successor = EventLog()
    successor.append(token("lost"))

    def replace() -> None:
        log.replace_by(successor)

    barrier = Barrier(ThreadWaiter(), [replace, lambda: successor.append(done("stop"))])
    client = _read(Subscriber(log, EVENTS, Position(log.id, 0), _snapshot, waiter=barrier))
    assert client.names() == ["token", "snapshot", "done"]
    assert client.text() == "lost"
