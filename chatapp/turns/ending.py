"""Endings: the one terminal state of a generation, and why it ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chatapp.errors import UpstreamFailure


@dataclass(frozen=True, slots=True)
class Ending:
    """`status` of the reply and its `finish_reason`; `failure` is what readers are told when it went wrong."""

    status: str
    finish_reason: str
    failure: UpstreamFailure | None = None


STOPPED = Ending("cancelled", "cancelled")
"""Somebody pressed stop, or nobody has listened for a long time."""

HUNG_UP = Ending("partial", "cancelled")
"""The caller of a connection-bound stream has gone."""


def finish_reason_of(endings: Iterable[tuple[str, str]]) -> str:
    """What `done` says of a turn whose generations ended with these (status, finish_reason). One voice: its own
    reason. Several: `stop` when at least one ended well, else what they have in common."""
    ends = list(endings)
    if len(ends) == 1:
        return ends[0][1]
    if any(status == "complete" for status, _ in ends):
        return "stop"
    return "cancelled" if all(reason == "cancelled" for _, reason in ends) else "error"


def whole(finish_reason: str) -> Ending:
    """Upstream ended in good order."""
    return Ending("complete", finish_reason)


def failed(failure: UpstreamFailure, *, some_text: bool) -> Ending:
    """Upstream, or the way to it, failed before or after some text had arrived."""
    return Ending("partial" if some_text else "error", "error", failure)


def interrupted(failure: UpstreamFailure) -> Ending:
    """The process that was answering died or was drained."""
    return Ending("interrupted", "error", failure)
