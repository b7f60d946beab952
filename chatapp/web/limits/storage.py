"""The storage that Flask-Limiter counts in: Redis while it answers, else this process's memory."""

from __future__ import annotations

from typing import Any

from limits.storage import RedisStorage
from limits.storage.base import MovingWindowSupport, Storage

from chatapp.web.limits.shared_redis import SharedRedis
from chatapp.web.limits.windows import Windows

KEYS = "chatapp:limit"


class LimitStorage(Storage, MovingWindowSupport):
    """Flask-Limiter makes it by its address, out of `windows` and perhaps `redis`. Its own falling back to memory is
    not used: it takes every exception for a storage that is away, and says nothing of it."""

    STORAGE_SCHEME = ["chatapp"]  # noqa: RUF012 - the registry wants a list

    def __init__(
        self, uri: str, wrap_exceptions: bool = False, *, windows: Windows, redis: SharedRedis | None = None
    ) -> None:
        super().__init__(uri, wrap_exceptions)
        self._windows = windows
        self.redis = redis
        # Not asked for its address, which the pool knows; a scheme has to be there.
        self._shared = RedisStorage("redis://", redis.pool, key_prefix=KEYS) if redis else None

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        redis, shared = self.redis, self._shared
        if redis is None or shared is None:
            return self._windows.acquire(key, limit, expiry, amount)
        return redis.ask(
            lambda: bool(shared.acquire_entry(key, limit, expiry, amount)),
            lambda: self._windows.acquire(key, limit, expiry, amount),
        )

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        redis, shared = self.redis, self._shared
        if redis is None or shared is None:
            return self._windows.stand(key)
        return redis.ask(
            lambda: shared.get_moving_window(key, limit, expiry), lambda: self._windows.stand(key)
        )

    def clear(self, key: str) -> None:
        self._windows.forget(key)
        if self.redis is not None and self._shared is not None:
            shared = self._shared
            self.redis.ask(lambda: shared.clear(key), lambda: None)

    def check(self) -> bool:
        return True

    def reset(self) -> int | None:
        raise NotImplementedError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        raise NotImplementedError

    def get(self, key: str) -> int:
        raise NotImplementedError

    def get_expiry(self, key: str) -> Any:
        raise NotImplementedError
