"""Two machines inside the test: houses with one database and one Redis, and a data folder each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from gevent.event import Event

from tests.scripted_upstream import (
    DONE,
    LAST_CHUNK,
    STREAM_HEAD,
    UNTIL_READ,
    ReceivedRequest,
    ScriptedUpstream,
    Step,
    chunk,
    delta,
    usage,
)
from tests.turns.house import House, house


@contextmanager
def two_machines(
    database_url: str, redis_url: str, folder: Path, upstream: ScriptedUpstream, *, abandon_s: float = 300
) -> Iterator[tuple[House, House]]:
    """The one that answers in these tests, and another one."""
    with ExitStack() as stack:
        here, there = (
            stack.enter_context(
                house(
                    database_url,
                    folder / name,
                    upstream.base_url,
                    REDIS_URL=redis_url,
                    CHATAPP_ABANDON_S=str(abandon_s),
                )
            )
            for name in ("here", "there")
        )
        here.account()
        yield here, there


class Lockstep:
    """A script that sends a part when it is told to, each by itself: `said` is what upstream has sent."""

    def __init__(self, *parts: str) -> None:
        self.said = ""
        self._parts = parts
        self._gates = [Event() for _ in parts]
        self._end = Event()

    def __call__(self, _request: ReceivedRequest) -> Iterable[Step]:
        yield STREAM_HEAD
        for part, gate in zip(self._parts, self._gates, strict=True):
            yield gate
            self.said += part
            yield chunk(delta(part))
            yield UNTIL_READ
        yield self._end
        for event in (delta("", "stop"), usage(5, 15), DONE):
            yield chunk(event)
        yield LAST_CHUNK

    def say(self, parts: int = 1) -> str:
        """Sends that many more; all that will have been said then."""
        told = sum(gate.is_set() for gate in self._gates) + parts
        for gate in self._gates[:told]:
            gate.set()
        return "".join(self._parts[:told])

    def say_the_rest(self) -> str:
        """Sends what is left, and the end; the whole answer."""
        self._end.set()
        return self.say(sum(not gate.is_set() for gate in self._gates))
