"""Shared logs: how processes read each other's logs, and nudge each other."""

from __future__ import annotations

from typing import Protocol

from chatapp.streaming.event_log import EventLog
from chatapp.streaming.mirror import Mirror


class SharedLogs(Protocol):
    """The seam between processes. Nothing here is promised: what is, is in the database. No method waits longer
    than a few seconds, and none raises because the others cannot be reached."""

    def share(self, log: EventLog) -> None:
        """Lets other processes follow this log, from now until some time after its end."""

    def mirror(self, log_id: str) -> Mirror | None:
        """Another process's log, from its first event on and kept up; None when it cannot be had whole. The same
        one for everybody who asks, until it is released."""

    def release(self, mirror: Mirror) -> None:
        """Nobody here follows it any more."""

    def nudge(self, owner_id: str) -> None:
        """Asks the process of that name to look into the database now, for what it was asked to do."""

    def check(self) -> None:
        """Raises SharedLogsUnavailable unless others can be reached."""

    def close(self) -> None:
        """Hands over what is due and lets go. Nothing is shared from now on."""


class PrivateLogs:
    """One process alone: there is nobody to share with."""

    def share(self, log: EventLog) -> None:
        """Nothing to do."""

    def mirror(self, log_id: str) -> Mirror | None:
        return None

    def release(self, mirror: Mirror) -> None:
        """Nothing to do."""

    def nudge(self, owner_id: str) -> None:
        """Nothing to do: processes that share no more than the database look into it by themselves."""

    def check(self) -> None:
        """Nothing can be wrong."""

    def close(self) -> None:
        """Nothing to let go of."""
