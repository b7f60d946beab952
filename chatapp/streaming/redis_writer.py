"""The writer: brings what this process's logs have grown by to Redis, for all of them together.

No producer and no reader here waits for it. While Redis is away it keeps nothing but a list of logs: what they
hold is in memory anyway, and is written from where Redis stands when it is back.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from math import inf
from typing import Any, ClassVar

from redis import Redis, ResponseError

from chatapp.streaming.event import Event
from chatapp.streaming.event_log import EventLog
from chatapp.streaming.redis_entry import (
    ENDED_LIFE_S,
    ENTRIES,
    EVENTS_PER_ENTRY,
    FIELD,
    INBOX_LENGTH,
    INBOX_LIFE_S,
    LOG_LIFE_S,
    REDIS_FAILURES,
    encoded,
    log_key,
    number_of,
)
from chatapp.streaming.waiter import ThreadWaiter
from chatapp.telemetry.log import log as log_line
from chatapp.telemetry.log import logger, warn

_PAUSE_S = 0.03
"""Seconds between two rounds: what arrives in them goes out together."""
_LONGEST_PAUSE_S = 0.25
_SHARE = 5
"""A round is followed by a pause this many times as long, so that sharing never takes more than a sixth."""
_RETRY_S = 1.0
_CLOSE_S = 2.0


class LogInRedis:
    """One log as the writer knows it. `written` is the number up to which Redis has it; `known` says whether that
    is certain, `exists` whether Redis has any of it."""

    listens: ClassVar[bool] = False

    def __init__(self, log: EventLog, writer: LogWriter) -> None:
        self.log = log
        self.key = log_key(log.id)
        self.written = log.begins_at
        self.known = True
        self.exists = False
        self.due = False
        self.renewed_at = -inf
        self.closed_at: float | None = None
        self._writer = writer

    def wake(self) -> None:
        """The log has grown."""
        if not self.due:
            self.due = True
            self._writer.add(self)

    def entries(self) -> Iterator[tuple[int, list[Event]]]:
        """What Redis lacks, in entries: the number of the last event, and the events."""
        at = self.written = max(self.written, self.log.base)
        events = self.log.events_after(at)
        for start in range(0, len(events), EVENTS_PER_ENTRY):
            part = events[start : start + EVENTS_PER_ENTRY]
            at += len(part)
            yield at, part

    def is_over(self) -> bool:
        """Whether its turn ended so long ago that nobody will look for it in Redis any more."""
        if not self.log.closed:
            return False
        self.closed_at = self.closed_at or time.monotonic()
        return time.monotonic() - self.closed_at > ENDED_LIFE_S


class LogWriter:
    """Somebody runs `run` for as long as the process lives."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._due: list[LogInRedis] = []
        self._nudges: set[str] = set()
        self._waiter = ThreadWaiter()
        self._away = False
        self._busy = False

    def share(self, log: EventLog) -> None:
        """From now on what this log grows by goes to Redis."""
        shared = LogInRedis(log, self)
        log.readers.add(shared)
        if log.end > log.base:
            shared.wake()

    def add(self, shared: LogInRedis) -> None:
        self._due.append(shared)
        self._waiter.wake()

    def nudge(self, inbox: str) -> None:
        """Puts something into an inbox with the next round."""
        self._nudges.add(inbox)
        self._waiter.wake()

    def run(self) -> None:
        """Writes for ever."""
        while True:
            self._waiter.wait()
            began = time.monotonic()
            time.sleep(self._pause(began) if self.flush() else _RETRY_S)

    def close(self) -> None:
        """Waits for what is due to be written, a moment at most."""
        patience_ends = time.monotonic() + _CLOSE_S
        while (self._due or self._busy) and not self._away and time.monotonic() < patience_ends:
            self._waiter.wake()
            time.sleep(0.01)

    def _pause(self, began: float) -> float:
        return min(max((time.monotonic() - began) * _SHARE, _PAUSE_S), _LONGEST_PAUSE_S)

    def flush(self) -> bool:
        """One round; whether Redis took it."""
        due, self._due = self._due, []
        for shared in due:
            shared.due = False
        self._busy = True
        try:
            self._look_up([shared for shared in due if not shared.known])
            self._write(due)
        except REDIS_FAILURES as error:
            self._note_away(error)
            self._try_again(due)
            return False
        except Exception:  # noqa: BLE001 - the logs of all turns go this way, whatever one of them has met
            logger.exception("Log writer failed")
            self._try_again(due)
            return False
        finally:
            self._busy = False
        if self._away:
            self._away = False
            log_line("Redis available again")
        return True

    def _look_up(self, unsure: list[LogInRedis]) -> None:
        """Finds out how far Redis has those logs."""
        if not unsure:
            return
        pipe: Any = self._redis.pipeline(transaction=False)
        for shared in unsure:
            pipe.execute_command("XREVRANGE", shared.key, "+", "-", "COUNT", 1)
        for shared, entries in zip(unsure, pipe.execute(), strict=True):
            shared.exists = bool(entries)
            shared.written = number_of(entries[0][0]) if entries else shared.log.begins_at
            shared.known = True

    def _write(self, due: list[LogInRedis]) -> None:
        pipe: Any = self._redis.pipeline(transaction=False)
        asked: list[tuple[LogInRedis, int] | None] = []
        for shared in due:
            for last, events in shared.entries():
                asked.append((shared, last))
                asked += [None] * _add(pipe, shared, last, events)
        nudges, self._nudges = self._nudges, set()
        for inbox in nudges:
            asked += [None] * _nudge(pipe, inbox)
        for entry, reply in zip(asked, pipe.execute(raise_on_error=False), strict=True):
            if entry is not None:
                _take(*entry, reply)
            elif isinstance(reply, Exception):
                raise reply

    def _try_again(self, due: list[LogInRedis]) -> None:
        for shared in due:
            shared.known = False
            if shared.is_over():
                shared.log.readers.discard(shared)
            else:
                shared.wake()

    def _note_away(self, error: Exception) -> None:
        if not self._away:
            self._away = True
            warn("Redis unavailable", reason=f"{type(error).__name__}: {error}"[:200])


def _add(pipe: Any, shared: LogInRedis, last: int, events: list[Event]) -> int:
    """Asks for an entry to be written; how many more commands that took."""
    bounds = ("MAXLEN", "~", ENTRIES, f"{last}-0", FIELD, encoded(events))
    # A log that Redis has lost must not go on in the middle: it is written anew, then.
    pipe.execute_command("XADD", shared.key, *(("NOMKSTREAM", *bounds) if shared.exists else bounds))
    shared.exists = True
    now = time.monotonic()
    if events[-1].name == "done":
        pipe.execute_command("EXPIRE", shared.key, ENDED_LIFE_S)
        return 1
    if now - shared.renewed_at > LOG_LIFE_S / 10:
        shared.renewed_at = now
        pipe.execute_command("EXPIRE", shared.key, LOG_LIFE_S)
        return 1
    return 0


def _nudge(pipe: Any, inbox: str) -> int:
    pipe.execute_command("XADD", inbox, "MAXLEN", "~", INBOX_LENGTH, "*", "n", "")
    pipe.execute_command("EXPIRE", inbox, INBOX_LIFE_S)
    return 2


def _take(shared: LogInRedis, last: int, reply: Any) -> None:
    if isinstance(reply, ResponseError):
        if "equal or smaller" not in str(reply):
            raise reply
        shared.known = False  # an entry whose answer was lost is there already
        shared.wake()
    elif isinstance(reply, Exception):
        raise reply
    elif reply is None:
        shared.exists, shared.written, shared.renewed_at = False, shared.log.begins_at, -inf
        shared.wake()
    elif shared.exists and shared.known:
        shared.written = max(shared.written, last)
        if shared.log.closed and shared.written == shared.log.end:
            shared.log.readers.discard(shared)
