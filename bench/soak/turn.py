"""A turn: one message, those who read its answer, and the comparison of what they read with what was saved."""

from __future__ import annotations

import time
from random import Random
from typing import Any

import gevent

from bench.soak.answer import Answer
from bench.soak.exchange import BROKEN, Caller, Exchange
from bench.soak.flaws import flaws_of
from bench.soak.reader import Reader
from bench.soak.tally import Tally

_POST_S = 60.0
"""Seconds for which a message that was not accepted is sent again."""
_END_S = 60.0
_TWO_READERS = 0.2
_ENDED_BY_US = frozenset({"partial", "cancelled"})


class Refused(Exception):
    """The server does not do what was asked."""


class Turn:
    """`run` returns when the turn is over and compared."""

    def __init__(
        self,
        caller: Caller,
        answer: Answer,
        session_id: str | None,
        share: float,
        random: Random,
        tally: Tally,
    ) -> None:
        self.session_id = session_id
        self._turn_id = ""
        self._caller = caller
        self._answer = answer
        self._share = share
        self._random = random
        self._tally = tally
        self._hung_up = False
        tally.turns += 1

    def run(self, *, bound: bool) -> None:
        """Sends the message, reads and compares. `bound`: on the connection that sent it. Raises Refused."""
        readers = [self._read_where_it_was_sent()] if bound else self._read_elsewhere()
        self._compare(readers, self._saved())

    def _read_elsewhere(self) -> list[Reader]:
        """Starts the turn, and follows it with one reader or two."""
        with self._sent("/api/v1/turns", 202) as exchange:
            told = exchange.json()
        self.session_id, self._turn_id = told["session_id"], told["turn_id"]
        readers = [self._reader() for _ in range(1 + (self._random.random() < _TWO_READERS))]
        late_s = self._random.uniform(0, self._answer.nominal_s)
        others = [gevent.spawn_later(late_s, each.follow, told["stream_url"]) for each in readers[1:]]
        readers[0].follow(told["stream_url"])
        gevent.joinall(others, raise_error=True)
        return readers

    def _read_where_it_was_sent(self) -> Reader:
        """Reads to the end, or hangs up on it. A reader whose server has gone asks another for the rest."""
        self._tally.bound += 1
        reader = self._reader()
        hangs_up = self._random.random() < 0.5
        leaves_s = self._random.uniform(0, self._answer.nominal_s) if hangs_up else float("inf")
        with self._sent("/api/v1/chat", 200) as exchange:
            self.session_id, self._turn_id = exchange.header("X-Session-Id"), exchange.header("X-Turn-Id")
            try:
                reader.read(exchange, time.monotonic() + leaves_s)
            except BROKEN:
                self._tally.broken += 1
                exchange.close()
                reader.follow(f"/api/v1/turns/{self._turn_id}/stream")
        self._hung_up = not reader.finish_reason
        self._tally.hung_up += self._hung_up
        return reader

    def _sent(self, path: str, accepted: int) -> Exchange:
        """Sends the message under the same id until it is accepted."""
        body = {"message": self._answer.message, "clientMessageId": self._answer.tag}
        if self.session_id:
            body["sessionId"] = self.session_id
        gives_up_at = time.monotonic() + _POST_S
        while time.monotonic() < gives_up_at:
            try:
                exchange = self._caller.post(path, body)
            except BROKEN:
                self._tally.broken += 1
            else:
                if exchange.status == accepted:
                    return exchange
                with exchange:
                    if exchange.status != 503:
                        raise Refused(f"a message was answered {exchange.status} {exchange.json()['code']}")
            self._tally.posted_again += 1
            gevent.sleep(self._random.uniform(0.1, 1))
        raise Refused("a message was not accepted")

    def _reader(self) -> Reader:
        return Reader(self._caller, self._answer, self._share, self._random, self._tally)

    def _saved(self) -> dict[str, Any]:
        """The reply as it is saved: at once, but for who has hung up and was not told of the end."""
        gives_up_at = time.monotonic() + _END_S
        while time.monotonic() < gives_up_at:
            try:
                reply = self._reply()
            except BROKEN:
                self._tally.broken += 1
            else:
                if reply["status"] != "streaming":
                    return reply
                if not self._hung_up:
                    raise Refused("done was said before the end was saved")
            gevent.sleep(0.5)
        raise Refused("a reply never ended")

    def _reply(self) -> dict[str, Any]:
        path = f"/api/v1/conversations/{self.session_id}/messages?limit=100"
        with self._caller.get(path) as exchange:
            if exchange.status != 200:
                raise Refused(f"a conversation was answered {exchange.status}")
            said = [each for each in exchange.json()["items"] if each["turn_id"] == self._turn_id]
        question, *replies = said
        if (question["role"], question["content"], len(replies)) != ("user", self._answer.message, 1):
            raise Refused("a turn is not one message and one reply")
        reply: dict[str, Any] = replies[0]
        return reply

    def _compare(self, readers: list[Reader], reply: dict[str, Any]) -> None:
        tally, saved, status = self._tally, reply["content"], reply["status"]
        whole = saved == self._answer.text
        if not self._answer.text.startswith(saved) or (status == "complete" and not whole):
            tally.wrong_saved += 1
            tally.fault("a saved text is wrong", f"{status}: {self._answer.message} {saved[-80:]!r}")
        tally.interrupted += status == "interrupted"
        if status not in {"complete", "interrupted"} and not (self._hung_up and status in _ENDED_BY_US):
            tally.fault(f"a reply ended {status}", f"{reply['error_code']}: {self._answer.message}")
        for reader in readers:
            tally.add(self._flaws(reader, saved, status), f"{status}: {self._answer.message}")

    def _flaws(self, reader: Reader, saved: str, status: str) -> Any:
        """A reader who was told of the end has what is saved; one who has hung up has a beginning of it, unless
        the process died before it was saved."""
        if not self._hung_up:
            return flaws_of(reader.text, self._answer, saved)
        if status == "interrupted" or saved.startswith(reader.text):
            return flaws_of(reader.text, self._answer)
        return flaws_of(saved, self._answer, reader.text)
