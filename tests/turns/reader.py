"""A reader that comes back: what EventSource is to a server, to the houses of a test."""

from __future__ import annotations

from collections.abc import Iterator

import gevent

from chatapp.streaming.dialect import EVENTS
from chatapp.streaming.position import Position
from tests.streaming.wire import Client
from tests.turns.house import House, until


class Reader:
    """Puts a turn together in `client` over any number of connections, to one house or another.

    Each connection runs by itself until the stream ends, it is cut, or `bytes_left` have come through it.
    """

    def __init__(self, turn_id: str) -> None:
        self.client = Client()
        self.finished = False
        """Whether a house has said that there is nothing more to come, as 204 does."""
        self._turn_id = turn_id
        self._connection: gevent.Greenlet[..., None] | None = None

    def follow(self, house: House, bytes_left: int | None = None) -> Reader:
        """Opens a connection at the place where the last one ended."""
        self.cut()
        self._connection = gevent.spawn(self._read, house, bytes_left)
        return self

    def cut(self) -> None:
        """The line drops, if there is one."""
        if self._connection is not None:
            self._connection.kill()
            self._connection.get()
            self._connection = None
        self.client.cut()

    @property
    def connected(self) -> bool:
        return self._connection is not None and not self._connection.dead

    def until_text(self, text: str, timeout_s: float = 20) -> None:
        """Waits until it shows `text`."""
        until(lambda: self.client.text() == text, timeout_s)

    def to_the_end(self, timeout_s: float = 20) -> Client:
        """What it has put together when its connection has ended by itself."""
        assert self._connection is not None
        with gevent.Timeout(timeout_s):
            self._connection.get()
        return self.client

    def _read(self, house: House, bytes_left: int | None) -> None:
        for piece in self._pieces(house):
            self.client.feed(piece[:bytes_left])
            if bytes_left is not None:
                bytes_left -= len(piece)
                if bytes_left <= 0:
                    return

    def _pieces(self, house: House) -> Iterator[bytes]:
        turn = house.follow(self._turn_id)
        position = Position.parse(self.client.last_id)
        if position is not None:
            turn.catch_up(position)
        if turn.log.finished_at(position, EVENTS):
            self.finished = True
            return
        subscriber = house.subscriber(turn, self.client.last_id or None)
        frames = subscriber.frames()
        try:
            yield from frames
        finally:
            frames.close()
