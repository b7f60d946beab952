"""Two processes that share logs, inside the test: one that answers and one whose readers follow."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import gevent

from chatapp.streaming.event_log import EventLog
from chatapp.streaming.redis_logs import RedisLogs


class Process:
    """One process's way to the logs of others. `nudges` counts what came into its inbox."""

    def __init__(self, redis_url: str, owner_id: str) -> None:
        self.nudges = 0
        self.logs = RedisLogs(redis_url, owner_id, self._nudged)
        self._work = [gevent.spawn(work) for work in self.logs.work]

    def _nudged(self) -> None:
        self.nudges += 1

    def close(self) -> None:
        self.logs.close()
        gevent.killall(self._work)


@contextmanager
def process(redis_url: str, owner_id: str) -> Iterator[Process]:
    made = Process(redis_url, owner_id)
    try:
        yield made
    finally:
        made.close()
        _collect()


def _collect() -> None:
    """Here, and not in the midst of another test. The client closes the socket of a connection that fails, but not of
    one whose greenlet is ended while it connects, which happens where the machine is busy."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "unclosed <socket object", ResourceWarning)
        gc.collect()


Follow = Callable[[EventLog], EventLog]
"""The log as readers follow it: the same one, or its mirror in another process."""
