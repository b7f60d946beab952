"""What keeps the tester from going on. `str` of each is one sentence for the person who runs it."""

from __future__ import annotations


class Trouble(Exception):
    """Base of the two below."""


class Unreachable(Trouble):
    """Nothing answers at this address, or nobody who may be trusted: no name, no connection, no TLS."""


class Unfit(Trouble):
    """Something answered, and not as chatapp does."""


class TooLong(Unfit):
    """The patience has run out."""
