"""Passwords: Argon2id, in a native thread, because hashing takes tens of milliseconds of one core and would
hold up every stream of this process."""

from __future__ import annotations

import gevent
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_hasher = PasswordHasher()
_NOBODY = _hasher.hash("the password of nobody, so that an unknown e-mail takes as long as a known one")


def hash_password(password: str) -> str:
    """The Argon2id hash, with its parameters and salt in it."""
    hashed: str = gevent.get_hub().threadpool.apply(_hasher.hash, (password,))
    return hashed


def verify_password(hashed: str | None, password: str) -> bool:
    """Whether `password` belongs to `hashed`. With None it costs the same, and is False."""
    matches: bool = gevent.get_hub().threadpool.apply(_matches, (hashed or _NOBODY, password))
    return matches and hashed is not None


def _matches(hashed: str, password: str) -> bool:
    try:
        return _hasher.verify(hashed, password)
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False
