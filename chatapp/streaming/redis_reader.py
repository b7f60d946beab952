"""The reader: one blocking read for all the logs that this process mirrors, and for its inbox."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from redis import Redis

from chatapp.streaming.mirror import Mirror
from chatapp.streaming.redis_entry import FIELD, REDIS_FAILURES, decoded, inbox_key, log_key, number_of
from chatapp.telemetry.log import logger, warn

BLOCK_S = 5
_PAUSE_S = 0.005
_LONGEST_PAUSE_S = 0.1
_SHARE = 3
"""A round is followed by a pause this many times as long: the more there is to read, the more is read at once."""
_RETRY_S = 1.0


class LogReader:
    """Somebody runs `run` for as long as the process lives. `nudged` is called when another process, or this one,
    has put something into the inbox of `owner_id`. `away` says that Redis did not answer when it was last asked."""

    def __init__(self, redis: Redis, owner_id: str, nudged: Callable[[], None]) -> None:
        self._redis = redis
        self._inbox = inbox_key(owner_id)
        self._nudged = nudged
        self.away = False
        self._mirrors: dict[str, Mirror] = {}
        self._places: dict[str, bytes] = {self._inbox: b"0-0"}

    def find(self, log_id: str) -> Mirror | None:
        return self._mirrors.get(log_key(log_id))

    def follow(self, mirror: Mirror, place: bytes) -> Mirror:
        """Keeps the mirror up from the entry after `place` on. The one that is followed already wins."""
        key = log_key(mirror.log.id)
        self._places.setdefault(key, place)
        return self._mirrors.setdefault(key, mirror)

    def forget(self, mirror: Mirror) -> None:
        key = log_key(mirror.log.id)
        if self._mirrors.get(key) is mirror:
            del self._mirrors[key], self._places[key]

    def run(self) -> None:
        """Reads for ever. Redis that is away is asked again every second; its coming back is told by the writer."""
        while True:
            try:
                arrived = self._redis.xread(dict(self._places), block=BLOCK_S * 1000)  # type: ignore[arg-type]
                began = time.monotonic()
                self._take(arrived)
            except REDIS_FAILURES:
                self._wait_for_redis()
            except Exception:  # noqa: BLE001 - mirrors must grow on, whatever one of them has met
                logger.exception("Log reader failed")
                self._wait_for_redis()
            else:
                time.sleep(min(max((time.monotonic() - began) * _SHARE, _PAUSE_S), _LONGEST_PAUSE_S))

    def _wait_for_redis(self) -> None:
        self.away = True
        while self.away:
            time.sleep(_RETRY_S)
            try:
                self.away = not self._redis.ping()
            except REDIS_FAILURES:
                continue

    def _take(self, arrived: Any) -> None:
        for name, entries in arrived or ():
            key = name.decode()
            if key == self._inbox:
                self._places[key] = entries[-1][0]
                self._nudged()
            elif key in self._mirrors:
                self._places[key] = entries[-1][0]
                self._grow(self._mirrors[key], entries)

    def _grow(self, mirror: Mirror, entries: Any) -> None:
        fill(mirror, entries)
        if mirror.broken or mirror.log.closed:
            self.forget(mirror)


def fill(mirror: Mirror, entries: Any) -> None:
    """Puts entries, as Redis gives them, into the mirror."""
    for entry_id, fields in entries:
        try:
            mirror.take(number_of(entry_id), decoded(fields[FIELD]))
        except (ValueError, KeyError, TypeError) as error:
            mirror.broken = True
            warn("Entry not read", log=mirror.log.id.partition(":")[0][:4], reason=type(error).__name__)
