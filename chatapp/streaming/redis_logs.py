"""Shared logs in Redis Streams: a writer for our logs, a reader for theirs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from chatapp.errors import Unavailable
from chatapp.streaming.event_log import EventLog
from chatapp.streaming.mirror import Mirror
from chatapp.streaming.redis_entry import REDIS_FAILURES, inbox_key, log_key
from chatapp.streaming.redis_reader import BLOCK_S, LogReader, fill
from chatapp.streaming.redis_writer import LogWriter
from chatapp.telemetry.log import warn

_CONNECT_S = 2
_ANSWER_S = 3
_AWAY_S = 5
"""Seconds for which a Redis that failed is not asked for a log again: nobody is to wait for it one after another."""


class SharedLogsUnavailable(Unavailable):
    """Redis cannot be reached. Nothing that is promised depends on it."""

    def __init__(self) -> None:
        super().__init__("Redis cannot be reached right now.")


class RedisLogs:
    """See chatapp.streaming.shared_logs.SharedLogs. `work` is what somebody has to run beside it."""

    def __init__(self, url: str, owner_id: str, nudged: Callable[[], None]) -> None:
        self._redis = _client(url, _ANSWER_S)
        self._writer = LogWriter(_client(url, _ANSWER_S))
        # Longer than it blocks: a Redis whose machine is gone without a word is noticed all the same.
        self._reader = LogReader(_client(url, BLOCK_S + _ANSWER_S), owner_id, nudged)
        self._owner_id = owner_id
        self._away_until = 0.0
        self.work: tuple[Callable[[], None], ...] = (self._writer.run, self._reader.run)

    def share(self, log: EventLog) -> None:
        self._writer.share(log)

    def mirror(self, log_id: str) -> Mirror | None:
        known = self._reader.find(log_id)
        if known is not None:
            return known
        if self._reader.away or time.monotonic() < self._away_until:
            return None
        try:
            entries: Any = self._redis.xrange(log_key(log_id))
        except REDIS_FAILURES as error:
            self._away_until = time.monotonic() + _AWAY_S
            warn("Log not mirrored", reason=type(error).__name__)
            return None
        mirror = Mirror(log_id)
        fill(mirror, entries)
        if mirror.broken:
            return None
        if not mirror.log.closed:
            mirror = self._reader.follow(mirror, entries[-1][0] if entries else b"0-0")
            self.nudge(self._owner_id)  # the reader is waiting, and does not know of it yet
        return mirror

    def release(self, mirror: Mirror) -> None:
        self._reader.forget(mirror)

    def nudge(self, owner_id: str) -> None:
        self._writer.nudge(inbox_key(owner_id))

    def check(self) -> None:
        """Raises SharedLogsUnavailable unless Redis answers."""
        try:
            self._redis.ping()
        except REDIS_FAILURES as error:
            raise SharedLogsUnavailable from error

    def close(self) -> None:
        self._writer.close()
        self._redis.close()


def _client(url: str, timeout_s: float) -> Redis:
    """One that fails at once instead of trying again by itself: every caller here knows what to do without."""
    return Redis.from_url(
        url,
        socket_connect_timeout=_CONNECT_S,
        socket_timeout=timeout_s,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )
