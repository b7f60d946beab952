"""Positions: the `id:` of a frame, which names an event log and a place in it."""

from __future__ import annotations

import re
import secrets
from typing import NamedTuple, Self

_WRITTEN = re.compile(r"([a-z0-9]{1,40}(?::[a-z0-9]{1,12})?)-(0|[1-9][0-9]{0,11})", re.ASCII)


class Position(NamedTuple):
    """The place after event number `seq` of the log `log_id`; 0 is before the first event."""

    log_id: str
    seq: int

    def __str__(self) -> str:
        return f"{self.log_id}-{self.seq}"

    @classmethod
    def parse(cls, written: str | None) -> Self | None:
        """The position that a reader sent, or None when it is none of ours. Never raises: readers are hostile."""
        match = _WRITTEN.fullmatch(written or "")
        return cls(match[1], int(match[2])) if match else None


def new_log_id() -> str:
    """A fresh log's name: 80 random bits, so that nobody can guess a position in somebody else's log."""
    return secrets.token_hex(10)


def another_epoch(log_id: str) -> str:
    """A name for a further log of the same turn, whose numbers mean something else: positions of the one are
    recognised as lost by the other."""
    return f"{turn_part(log_id)}:{secrets.token_hex(3)}"


def retold(log_id: str) -> str:
    """The name of the log that tells a saved turn anew, where its numbers cannot be those of the log that was."""
    return f"{turn_part(log_id)}:saved"


def turn_part(log_id: str) -> str:
    """What the names of all logs of one turn have in common. Only who has read of the turn knows it."""
    return log_id.partition(":")[0]
