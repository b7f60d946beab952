"""A request's place among the open streams of its user: taken before anything is committed or spent, and given back
however the request or its answer ends."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, Response, g

from chatapp.web.refusal import refused
from chatapp.web.services import services
from chatapp.web.streams.open_streams import OpenStream, TooManyStreams


def take_place(user_id: str) -> None:
    """Takes a place for this request, unless it has one. Raises TooManyStreams."""
    if "open_stream" in g:
        return
    try:
        g.open_stream = services().open_streams.open(user_id)
    except TooManyStreams:
        refused("limit", "open streams", user_id)
        raise


def kept_place() -> Callable[[], None]:
    """What gives the place back: from now on that is up to who asks, which is the answer's end."""
    place: OpenStream = g.open_stream
    g.place_is_kept = True
    return place.release


def give_back() -> None:
    """Gives the place back, if there is one."""
    if "open_stream" in g:
        g.open_stream.release()


def _after(response: Response) -> Response:
    if not response.is_streamed:
        give_back()  # an error, or 204: nothing that will be closed at the end of a stream
    return response


def _at_the_end(error: BaseException | None) -> None:
    if error is not None or "place_is_kept" not in g:
        give_back()


def init_place(app: Flask) -> None:
    app.after_request(_after)
    app.teardown_request(_at_the_end)
