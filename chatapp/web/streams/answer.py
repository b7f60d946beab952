"""The streamed answer: a generator-based response that follows one turn."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from socket import socket

from flask import Response, request

from chatapp.streaming.dialect import Dialect
from chatapp.streaming.heartbeat import Heartbeat
from chatapp.streaming.position import Position
from chatapp.streaming.subscriber import Subscriber
from chatapp.telemetry.log import log
from chatapp.turns.turns import FollowedTurn
from chatapp.web.identity import current_account
from chatapp.web.request_id import request_id
from chatapp.web.services import services
from chatapp.web.streams.hang_up import watched
from chatapp.web.streams.place import kept_place
from chatapp.web.streams.position import asked_position
from chatapp.web.streams.socket_waiter import waiter_for

HEADERS = {
    "Cache-Control": "no-cache, no-store, must-revalidate, no-transform",
    "X-Accel-Buffering": "no",
}


def bound_stream(turn: FollowedTurn, dialect: Dialect, session_id: str) -> Response:
    """The answer to who sent the message: when the last such connection has gone, so has the generation."""
    turn.join()
    response = stream(turn, dialect, done_with=turn.leave)
    response.headers["X-Session-Id"] = session_id
    return response


def stream(turn: FollowedTurn, dialect: Dialect, done_with: Callable[[], None] | None = None) -> Response:
    """The answer that follows `turn` from where the reader says it stands; 204 when it has everything.
    `done_with` is called once when its connection is."""
    written = asked_position()
    position = Position.parse(written)
    if position is not None:
        turn.catch_up(position)
    if turn.log.finished_at(position, dialect):
        nothing = Response(status=204)
        if done_with is not None:
            nothing.call_on_close(done_with)
        return nothing
    if written is not None and position is None:
        position = Position("", 0)  # no place of ours: told by a snapshot, as any other that is lost
    body = _Body(followed(turn, dialect, position), kept_place(), done_with)
    response = Response(body, mimetype="text/event-stream", headers=HEADERS, direct_passthrough=True)
    response.headers["Content-Type"] = "text/event-stream; charset=utf-8"
    response.headers["X-Turn-Id"] = turn.id
    return response


class _Body:
    """The frames as the server iterates them. Handed through directly: Werkzeug's two wrappers, which would do
    nothing, would each be entered for every write."""

    def __init__(
        self,
        frames: Generator[bytes, None, None],
        give_back: Callable[[], None],
        done_with: Callable[[], None] | None,
    ) -> None:
        self._frames = frames
        self._give_back = give_back
        self._done_with = done_with

    def __iter__(self) -> Iterator[bytes]:
        return self._frames

    def close(self) -> None:
        """The server calls this once, however the connection ended, and also when it never began to iterate."""
        try:
            self._frames.close()
            if self._done_with is not None:
                self._done_with()
        finally:
            self._give_back()  # last, because it may have to wait for Redis


def followed(turn: FollowedTurn, dialect: Dialect, position: Position | None) -> Generator[bytes, None, None]:
    """The bytes of one connection. What they need of the request is taken now: when they run, it is gone."""
    waiter = waiter_for(request.environ, direct=services().settings.direct_writes)
    subscriber = Subscriber(turn.log, dialect, position, turn.snapshot, waiter=waiter)
    log(
        "SSE stream started",
        request_id=request_id(),
        user_id=current_account().id,
        turn_id=turn.id,
        dialect=dialect.name,
    )
    heartbeat = services().answering.heartbeat
    return _frames(turn, subscriber, heartbeat, request.environ.get("gunicorn.socket"))


def _frames(
    turn: FollowedTurn, subscriber: Subscriber, heartbeat: Heartbeat, client: socket | None
) -> Generator[bytes, None, None]:
    with watched(client, subscriber.hang_up):
        heartbeat.add(subscriber)
        try:
            frames = subscriber.frames()
            yield next(frames)
            turn.start()  # now that the first bytes are out, upstream may be called
            yield from frames
        finally:
            heartbeat.remove(subscriber)
