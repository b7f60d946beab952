"""Open streams in Redis: a sorted set for each user, whose members lapse unless their process says they live."""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import Any

import gevent

from chatapp.turns.ticker import end_all, every
from chatapp.web.limits.shared_redis import SharedRedis
from chatapp.web.streams.open_streams import OpenStream, StreamsHere, TooManyStreams

LIFE_S = 30
"""Seconds after which the streams of a process that died do not count any more."""
_RENEWALS = 3
"""How often in its life a stream is renewed."""
_USERS_AT_ONCE = 50

# By Redis's own clock, so that those of the machines do not matter.
_OPEN = """
local now = redis.call('TIME')[1] + 0
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[2] + 1)
return 1
"""
_RENEW = """
local ends = redis.call('TIME')[1] + ARGV[1]
for each = 2, #ARGV do redis.call('ZADD', KEYS[1], ends, ARGV[each]) end
redis.call('EXPIRE', KEYS[1], ARGV[1] + 1)
"""


class SharedStreams:
    """See OpenStreams. Opening asks Redis once, and so does closing. While it is away, each process counts its own."""

    def __init__(self, redis: SharedRedis, limit: int, *, life_s: int = LIFE_S) -> None:
        self._redis = redis
        self._limit = limit
        self._life_s = life_s
        self._here = StreamsHere(limit)
        self._ask_to_open = redis.client.register_script(_OPEN)
        self._ask_to_renew = redis.client.register_script(_RENEW)
        self._ticker: gevent.Greenlet[..., None] | None = None

    def open(self, user_id: str) -> OpenStream:
        self._start()
        place = OpenStream(user_id, self._closed)
        held = self._here.add(place)
        told: list[str | int] = [self._limit, self._life_s, place.name]
        admitted = self._redis.ask(
            lambda: bool(self._ask_to_open([streams_key(user_id)], told)), lambda: held <= self._limit
        )
        if not admitted:
            self._here.remove(place)
            raise TooManyStreams(self._limit)
        return place

    def close(self) -> None:
        if self._ticker is not None:
            end_all([self._ticker])
        self._redis.close()

    def renew(self) -> None:
        """Says which streams of this process live; Redis may have lost them."""
        users = iter(self._here.users())
        while some := {user_id: self._here.names(user_id) for user_id in islice(users, _USERS_AT_ONCE)}:
            self._redis.ask(partial(self._renew, some), lambda: None)

    def _start(self) -> None:
        if self._ticker is None:
            self._ticker = gevent.spawn(every, self._life_s / _RENEWALS, self.renew)

    def _renew(self, streams: dict[str, set[str]]) -> None:
        pipe: Any = self._redis.client.pipeline(transaction=False)
        for user_id, names in streams.items():
            if names:
                self._ask_to_renew([streams_key(user_id)], [self._life_s, *names], client=pipe)
        pipe.execute()
        for user_id, names in streams.items():
            if closed := names - self._here.names(user_id):  # while we said that they live
                self._redis.client.zrem(streams_key(user_id), *closed)

    def _closed(self, place: OpenStream) -> None:
        self._here.remove(place)
        # Where this is not heard, the stream lapses.
        key = streams_key(place.user_id)
        self._redis.ask(lambda: self._redis.client.zrem(key, place.name), lambda: None)


def streams_key(user_id: str) -> str:
    return f"chatapp:streams:{user_id}"
