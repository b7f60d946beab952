"""Heartbeats: one ticker for all subscribers, instead of a timer for each."""

from __future__ import annotations

import time

from chatapp.streaming.subscriber import Clock, Subscriber


class Heartbeat:
    """The open subscribers of this process. Somebody calls `tick` a few times per `silence_s` seconds."""

    def __init__(self, silence_s: float, *, clock: Clock = time.monotonic) -> None:
        self.silence_s = silence_s
        self._clock = clock
        self._subscribers: set[Subscriber] = set()

    def __len__(self) -> int:
        return len(self._subscribers)

    @property
    def period_s(self) -> float:
        """Seconds between two ticks: a heartbeat is late by at most this much."""
        return min(1.0, self.silence_s / 10)

    def tick(self) -> None:
        """Wakes the subscribers that have been silent for too long."""
        now = self._clock()
        for subscriber in tuple(self._subscribers):
            subscriber.beat(now, self.silence_s)

    def add(self, subscriber: Subscriber) -> None:
        self._subscribers.add(subscriber)

    def remove(self, subscriber: Subscriber) -> None:
        self._subscribers.discard(subscriber)
