"""Following: what the event loop is handed is what a greenlet would have read, and it ends once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

import httpx2
import pytest
from gevent.event import AsyncResult

from chatapp.upstream.answer import Answer
from chatapp.upstream.connection import Take
from tests.upstream.calls import until
from tests.upstream.pairs import arriving, bytewise, sees_the_end
from tests.upstream.test_answer import BROKEN_CHUNKS, CHUNKED, GOOD, Read, extensions, read, trailers, zeros
from tests.upstream.test_connection import Pair, both_kinds

CUT = {f"{name}, cut": sent[:-3] for name, (sent, _) in GOOD.items()}
BROKEN = {name: CHUNKED + b"2\r\nok\r\n" + broken for name, broken in BROKEN_CHUNKS.items()}
SENT = {**{name: sent for name, (sent, _) in GOOD.items()}, **CUT, **BROKEN}


def taking(taken: list[bytes], *, more: bool) -> Take:
    def take(data: bytes) -> bool:
        taken.append(data)
        return more

    return take


def follow(answer: Answer) -> Read:
    """The same as `read`, but for the head all of it in the event loop."""
    parts: list[bytes] = []
    over: AsyncResult[Exception | None] = AsyncResult()
    error: Exception | None = None
    try:
        answer.read_head()
        answer.follow(taking(parts, more=True), over.set)
        error = over.get(timeout=10)
    except httpx2.RemoteProtocolError as no_head:
        error = no_head
    assert all(parts)
    assert error is None or isinstance(error, httpx2.RemoteProtocolError)
    return Read(answer.status, b"".join(parts), answer.leaves_reusable, str(error or ""))


@pytest.mark.parametrize("sent", SENT.values(), ids=SENT.keys())
def test_an_answer_is_the_same_read_and_followed(sent: bytes) -> None:
    for pieces in ([sent], [sent[:-4], sent[-4:]], bytewise(sent)):
        with arriving(filter(None, pieces)) as answer:
            expected = read(answer)
        with arriving(filter(None, pieces)) as answer:
            assert follow(answer) == expected


@pytest.mark.parametrize("endless", [trailers, extensions, zeros])
def test_there_is_an_end_to_what_is_no_body(endless: Callable[[], Iterator[bytes]]) -> None:
    with arriving(endless()) as answer:
        found = follow(answer)
    assert (found.body, found.reusable) == (b"ok", False)
    assert found.error


@pytest.mark.parametrize(
    "pieces", [[b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n"], [b"1\r\na\r\n", b"1\r\nb\r\n0\r\n\r\n"]]
)
def test_who_wants_no_more_is_told_that_it_is_over(pieces: Iterable[bytes]) -> None:
    taken: list[bytes] = []
    over: AsyncResult[Exception | None] = AsyncResult()
    with arriving(chain([CHUNKED], pieces)) as answer:
        answer.read_head()
        answer.follow(taking(taken, more=False), over.set)
        assert over.get(timeout=10) is None
    assert len(taken) == 1


@both_kinds
def test_closing_a_connection_that_is_followed_says_so_once(pair: Pair) -> None:
    taken: list[bytes] = []
    over: list[Exception | None] = []
    with pair() as (connection, far):
        connection.follow(taking(taken, more=True), over.append)
        far.sendall(b"one")
        until(lambda: taken)
        connection.close()
        connection.close()
        assert sees_the_end(far)
    assert taken == [b"one"]
    assert [type(error) for error in over] == [httpx2.ReadError]


@both_kinds
def test_a_closed_connection_is_not_followed(pair: Pair) -> None:
    over: list[Exception | None] = []
    with pair() as (connection, _):
        connection.close()
        connection.follow(lambda _: True, over.append)
    assert [type(error) for error in over] == [httpx2.ReadError]


@both_kinds
def test_what_is_raised_by_who_takes_ends_it(pair: Pair) -> None:
    over: list[Exception | None] = []

    def take(_: bytes) -> bool:
        raise ZeroDivisionError

    with pair() as (connection, far):
        connection.follow(take, over.append)
        far.sendall(b"one")
        until(lambda: over)
        far.sendall(b"two")
        connection.close()
        assert sees_the_end(far)
    assert [type(error) for error in over] == [ZeroDivisionError]
