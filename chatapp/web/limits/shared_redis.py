"""Redis as limits ask it: briefly, and once it has failed not again for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf
from typing import TypeVar

import gevent
from redis import BlockingConnectionPool, ConnectionPool, Redis, RedisError
from redis.backoff import NoBackoff
from redis.exceptions import TimeoutError as RedisTimeout
from redis.retry import Retry

from chatapp.errors import ConfigurationError
from chatapp.streaming.redis_entry import REDIS_FAILURES
from chatapp.streaming.subscriber import Clock
from chatapp.telemetry.log import log, warn

Answer = TypeVar("Answer")
PATIENCE_S = 0.25
"""Seconds that a request waits for an answer, whatever Redis, its machine or its name service do."""
AWAY_S = 3.0
"""Seconds for which a Redis that failed is left alone; then one request tries it."""
_SAID_S = 60.0
"""Seconds between two lines that say so."""
_CONNECTIONS = 32


class SharedRedis:
    """Where `ask` gets no answer, what is to be known is found out in this process alone, and the log says so: once
    when that begins, once a minute how often it happened, and once when it is over."""

    def __init__(
        self,
        url: str,
        *,
        patience_s: float = PATIENCE_S,
        away_s: float = AWAY_S,
        clock: Clock = time.monotonic,
    ) -> None:
        """Raises ConfigurationError for a `url` that no connection can be made from."""
        _demand_usable(url)
        self._patience_s = patience_s
        self._away_s = away_s
        self._clock = clock
        self.is_away = False
        self._failed_at = self._again_at = self._said_at = -inf
        self._alone = 0
        self.pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_CONNECTIONS,
            timeout=patience_s,
            socket_connect_timeout=patience_s,
            socket_timeout=patience_s,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
        self.client = Redis(connection_pool=self.pool)

    def ask(self, question: Callable[[], Answer], otherwise: Callable[[], Answer]) -> Answer:
        """What `question` gives, which asks `client`; what `otherwise` gives where there is no answer."""
        began = self._clock()
        if began < self._again_at:
            self._alone += 1
            return otherwise()
        if self.is_away:
            self._again_at = began + self._away_s  # the others need not wait for what this one finds out
        try:
            with gevent.Timeout(self._patience_s, RedisTimeout("no answer in time")):
                answer = question()
        except REDIS_FAILURES as error:
            self._failed(error)
            return otherwise()
        if self.is_away and began >= self._failed_at:
            self._is_back()
        return answer

    def close(self) -> None:
        self.client.close()
        self.pool.disconnect()

    def _failed(self, error: Exception) -> None:
        now = self._failed_at = self._clock()
        self._again_at = now + self._away_s
        if not self.is_away or now - self._said_at >= _SAID_S:
            self._said_at = now
            warn("Limits not shared", reason=f"{type(error).__name__}: {error}"[:200], counted=self._alone)
        self.is_away = True
        self._alone += 1

    def _is_back(self) -> None:
        log("Limits shared again", counted=self._alone)
        self.is_away, self._again_at, self._alone = False, -inf, 0


def _demand_usable(url: str) -> None:
    """The client says what is wrong with an address only when it connects, and then to whoever was asking. What it
    says is not repeated: the address can hold a password."""
    try:
        ConnectionPool.from_url(url, protocol=2).make_connection()
    except (ValueError, TypeError, RedisError):
        raise ConfigurationError("REDIS_URL: is not an address that can be used") from None
