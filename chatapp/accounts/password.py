"""Passwords: Argon2id, in a native thread, because hashing takes tens of milliseconds of one core and would
hold up every stream of this process."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from gevent.lock import Semaphore
from gevent.threadpool import ThreadPool

from chatapp.errors import Unavailable

_hasher = PasswordHasher(
    time_cost=2, memory_cost=19 * 1024, parallelism=1
)  # OWASP's first choice for Argon2id
_THREADS = 2
_WAITING = 50
"""Passwords that may wait to be hashed: a few seconds' worth."""
_room = Semaphore(_WAITING)
_NOBODY = _hasher.hash("the password of nobody, so that an unknown e-mail takes as long as a known one")


def hash_password(password: str) -> str:
    """The Argon2id hash, with its parameters and salt in it."""
    hashed: str = _in_a_thread(_hasher.hash, password)
    return hashed


def verify_password(hashed: str | None, password: str) -> bool:
    """Whether `password` belongs to `hashed`. With None it costs the same, and is False."""
    matches: bool = _in_a_thread(_matches, hashed or _NOBODY, password)
    return matches and hashed is not None


@cache
def _threads() -> ThreadPool:
    """Threads of its own: a flood of sign-ins must not stand in the way of what else is done in threads."""
    return ThreadPool(_THREADS)


def _in_a_thread(work: Callable[..., Any], *values: str) -> Any:
    if not _room.acquire(blocking=False):
        raise Unavailable("Too many people are signing in right now. Please try again in a moment.")
    try:
        return _threads().apply(work, values)
    finally:
        _room.release()


def _matches(hashed: str, password: str) -> bool:
    try:
        return _hasher.verify(hashed, password)
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False
