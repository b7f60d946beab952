"""A reader: puts an answer together from the stream of a turn, through any number of cuts."""

from __future__ import annotations

import time
from random import Random

import gevent

from bench.soak.answer import Answer
from bench.soak.exchange import BROKEN, PATIENCE_S, Caller, Exchange
from bench.soak.flaws import flaws_of
from bench.soak.frame import Frame, FrameReader
from bench.soak.tally import Tally

LATE_S = 120.0
"""Seconds after its nominal length at which an answer that has not ended never will."""
STILL_S = 30.0
"""Seconds of heartbeats alone; upstream is never silent for so long, and a killed worker's turns end before."""
_BUSY = 503


class Reader:
    """`share` is the chance of being cut off in any second."""

    def __init__(self, caller: Caller, answer: Answer, share: float, random: Random, tally: Tally) -> None:
        self.text = ""
        self.finish_reason = ""
        self._caller = caller
        self._answer = answer
        self._share = share
        self._random = random
        self._tally = tally
        self._last_id = ""
        self._heard_at = 0.0
        self._gives_up_at = time.monotonic() + 2 * answer.nominal_s + LATE_S
        tally.readers += 1

    def follow(self, url: str) -> None:
        """Reads to the end, however often the line is lost."""
        while not self._is_over():
            try:
                with self._caller.get(url, self._last_id) as exchange:
                    self._read_answer(exchange)
            except BROKEN:
                self._tally.broken += 1
            if not self._is_over():
                self._tally.reconnects += 1
                gevent.sleep(self._pause_s())

    def read(self, exchange: Exchange, leave_at: float) -> None:
        """Reads one connection to its end, or to the moment `leave_at` of the monotonic clock: then it is cut off,
        sometimes in the middle of a frame. Raises one of BROKEN when the server has gone."""
        frames = FrameReader()
        self._heard_at = time.monotonic()
        in_mid_frame = self._random.random() < 0.5
        while not self.finish_reason:
            wait_s = leave_at - time.monotonic()
            try:
                piece = exchange.piece(PATIENCE_S if in_mid_frame else min(max(wait_s, 0.001), PATIENCE_S))
            except TimeoutError:
                if time.monotonic() < leave_at:
                    self._tally.fault("a stream was silent", self._answer.message)
                return exchange.reset()
            if not piece:
                return self._tally.fault("a stream ended without done", self._answer.message)
            if time.monotonic() > leave_at:
                self._take(frames.feed(piece[: self._random.randrange(len(piece))]))
                return exchange.reset() if self._random.random() < 0.5 else exchange.close()
            self._take(frames.feed(piece))
            if time.monotonic() - self._heard_at > STILL_S:
                return self._tally.fault("a stream stood still", self._answer.message)
        return None

    def _read_answer(self, exchange: Exchange) -> None:
        if exchange.status == 200:
            self.read(exchange, time.monotonic() + self._random.expovariate(self._share))
            self._tally.cuts += not self.finish_reason
        elif exchange.status != _BUSY:
            # 204 says that the reader has everything, and it would have known
            self.finish_reason = f"HTTP {exchange.status}"
            self._tally.fault(f"a reader was answered {exchange.status}", self._answer.message)

    def _is_over(self) -> bool:
        if not self.finish_reason and time.monotonic() > self._gives_up_at:
            self.finish_reason = "never"
            self._tally.fault("a turn did not end", self._answer.message)
        return bool(self.finish_reason)

    def _pause_s(self) -> float:
        """Mostly a moment."""
        return self._random.uniform(1, 10) if self._random.random() < 0.1 else self._random.expovariate(2)

    def _take(self, frames: list[Frame]) -> None:
        for frame in frames:
            if frame.id:
                self._last_id, self._heard_at = frame.id, time.monotonic()
            if frame.event == "token" and frame.id:  # one without an id is a failure's sentence
                self.text += frame.data["text"]
                self._tally.words += 1
            elif frame.event == "snapshot":
                self._replace(frame.data["generations"][0]["text"])
            elif frame.event == "done":
                self.finish_reason = frame.data["finish_reason"]

    def _replace(self, text: str) -> None:
        """What was read until now has to be right as well."""
        self._tally.snapshots += 1
        self._tally.add(flaws_of(self.text, self._answer), f"{self._answer.message} before a snapshot")
        self._tally.shrank(len(self.text) - len(text), self._answer.message)
        self.text = text
