"""Answers of servers that are well-behaved, odd, broken and hostile, in whatever pieces they come."""

from __future__ import annotations

import gc
import socket
import weakref
from collections.abc import Iterator
from itertools import chain, repeat
from typing import NamedTuple

import httpx2
import pytest
from gevent.event import AsyncResult
from hypothesis import given, settings
from hypothesis import strategies as st

from chatapp.upstream.answer import EMPTY_BYTES, Answer
from chatapp.upstream.connection import Connection
from tests.upstream.pairs import arriving, bytewise

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
SIMPLE = OK + b"Content-Length: 2\r\n\r\nok"


class Read(NamedTuple):
    """What came of an answer: how it ended, and whether its connection serves again."""

    status: int
    body: bytes
    reusable: bool
    error: str = ""


def read(answer: Answer) -> Read:
    body, error = b"", ""
    try:
        answer.read_head()
        while data := answer.read():
            body += data
    except httpx2.HTTPError as failed:
        assert isinstance(failed, httpx2.RemoteProtocolError)
        error = str(failed)
    return Read(answer.status, body, answer.leaves_reusable, error)


GOOD = {
    "empty": (OK + b"Content-Length: 0\r\n\r\n", Read(200, b"", True)),
    "length": (SIMPLE, Read(200, b"ok", True)),
    "lower case, spaces": (OK + b"content-length:   2  \r\n\r\nok", Read(200, b"ok", True)),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", Read(200, b"", True)),
    "blank lines before": (b"\r\n\r\n" + SIMPLE, Read(200, b"ok", True)),
    "any status": (b"HTTP/1.1 999 ?\r\nContent-Length: 2\r\n\r\nok", Read(999, b"ok", True)),
    "chunked": (CHUNKED + b"2\r\nok\r\n3\r\n!\r\n\r\n0\r\n\r\n", Read(200, b"ok!\r\n", True)),
    "chunked, nothing": (CHUNKED + b"0\r\n\r\n", Read(200, b"", True)),
    "chunked, upper case": (
        OK + b"TRANSFER-ENCODING: Chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n",
        Read(200, b"0123456789", True),
    ),
    "chunked, zeros": (CHUNKED + b"0002\r\nok\r\n000\r\n\r\n", Read(200, b"ok", True)),
    "extensions": (CHUNKED + b'2;a;b=c;d="e;f"\r\nok\r\n0;g\r\n\r\n', Read(200, b"ok", True)),
    "trailers": (CHUNKED + b"2\r\nok\r\n0\r\nX-A: 1\r\nX-B:\r\n\r\n", Read(200, b"ok", True)),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", Read(204, b"", True)),
    "304 with a length": (b"HTTP/1.1 304 Not\r\nContent-Length: 9\r\n\r\n", Read(304, b"", True)),
    "304 chunked": (b"HTTP/1.1 304 Not\r\nTransfer-Encoding: chunked\r\n\r\n", Read(304, b"", True)),
    "100 before": (b"HTTP/1.1 100 Continue\r\n\r\n" + SIMPLE, Read(200, b"ok", True)),
    "103 before": (b"HTTP/1.1 103 Early\r\nContent-Type: x/y\r\n\r\n" + SIMPLE, Read(200, b"ok", True)),
    "199 with a body": (b"HTTP/1.1 199 ?\r\nContent-Length: 2\r\n\r\nno" + SIMPLE, Read(200, b"ok", True)),
    "until the end": (OK + b"\r\nok", Read(200, b"ok", False)),
    "until the end, nothing": (OK + b"\r\n", Read(200, b"", False)),
    "close": (OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nok", Read(200, b"ok", False)),
    "close among others": (OK + b"connection: x, CLOSE\r\nContent-Length: 0\r\n\r\n", Read(200, b"", False)),
    "1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", Read(200, b"ok", False)),
    "1.0 that stays": (
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
        Read(200, b"ok", False),
    ),
    "1.0 chunked": (
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        Read(200, b"ok", False),
    ),
    "an upgrade is offered": (
        OK + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nok",
        Read(200, b"ok", True),
    ),
}


@pytest.mark.parametrize(("sent", "expected"), GOOD.values(), ids=GOOD.keys())
def test_an_answer_in_any_two_pieces_and_byte_by_byte(sent: bytes, expected: Read) -> None:
    for pieces in ([sent[:i], sent[i:]] for i in range(1, len(sent))):
        with arriving(pieces) as answer:
            assert read(answer) == expected, pieces
    with arriving(bytewise(sent)) as answer:
        assert read(answer) == expected


@pytest.mark.parametrize(
    "surplus", [b"x", b"H", b"\0", SIMPLE, b"\r\n" + SIMPLE, b"HTTP/1.1 100 Continue\r\n\r\n"]
)
@pytest.mark.parametrize("name", ["empty", "length", "chunked", "trailers", "204", "304 chunked", "close"])
def test_what_follows_an_answer_is_not_part_of_it_and_spoils_the_connection(
    name: str, surplus: bytes
) -> None:
    sent, expected = GOOD[name]
    with arriving([sent + surplus]) as answer:
        assert read(answer) == expected._replace(reusable=False)


def test_an_answer_to_head_has_no_body() -> None:
    for head in (OK + b"Content-Length: 9\r\n\r\n", CHUNKED, OK + b"\r\n"):
        with arriving([head], method="HEAD") as answer:
            assert read(answer) == Read(200, b"", False)


def test_headers_are_those_of_the_answer_itself() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: early\r\n\r\n"
    head = OK + b"X-Seen: caf\xe9\r\nx-seen:\r\nTransfer-Encoding: chunked\r\n\r\n"
    for pieces in (
        [early + head + b"0\r\nX-Late: 1\r\n\r\n"],
        bytewise(early + head + b"0\r\nX-Late: 1\r\n\r\n"),
    ):
        with arriving(pieces) as answer:
            read(answer)
            assert answer.headers == [
                (b"X-Seen", b"caf\xe9"),
                (b"x-seen", b""),
                (b"Transfer-Encoding", b"chunked"),
            ]


def test_what_arrives_together_is_handed_out_together() -> None:
    pieces = [CHUNKED, b"1\r\na\r\n1\r\nb\r\n", b"1\r\nc\r\n0\r\n\r\n"]
    with arriving(pieces) as answer:
        answer.read_head()
        assert [answer.read(), answer.read(), answer.read()] == [b"ab", b"c", b""]


NO_ANSWERS = {
    "HTTP/0.9": b"<html>hello</html>",
    "a TLS alert": b"\x15\x03\x01\x00\x02\x02\x46",
    "HTTP/2": b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80\0\x04\0\x01\0\0\0\x05\0\xff\xff",
    "a banner": b"220 mail.example.org ESMTP\r\n",
    "version 0.9": b"HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n",
    "version 2.0": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "version 1.2": b"HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n",
    "no version": b"HTTP/ 200 OK\r\nContent-Length: 0\r\n\r\n",
    "lower case": b"http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "status of two digits": b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
    "status of four digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
    "status 000": b"HTTP/1.1 000 OK\r\nContent-Length: 0\r\n\r\n",
    "status 099": b"HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n",
    "negative status": b"HTTP/1.1 -20 OK\r\nContent-Length: 0\r\n\r\n",
    "no status": b"HTTP/1.1 OK\r\nContent-Length: 0\r\n\r\n",
    "both framings": OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "both framings, turned": OK + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
    "two lengths": OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
    "the same length twice": OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok",
    "a list of lengths": OK + b"Content-Length: 2, 2\r\n\r\nok",
    "a negative length": OK + b"Content-Length: -2\r\n\r\nok",
    "a signed length": OK + b"Content-Length: +2\r\n\r\nok",
    "a hexadecimal length": OK + b"Content-Length: 0x2\r\n\r\nok",
    "an empty length": OK + b"Content-Length:\r\n\r\nok",
    "a huge length": OK + b"Content-Length: 18446744073709551616\r\n\r\nok",
    "another coding": OK + b"Transfer-Encoding: gzip\r\n\r\nok",
    "another coding inside": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "another coding outside": OK + b"Transfer-Encoding: chunked, gzip\r\n\r\nok",
    "chunked twice": OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "chunked in two lines": OK + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n2\r\nok\r\n0\r\n\r\n",
    "nearly chunked": OK + b"Transfer-Encoding: xchunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "chunked and a tab": OK + b"Transfer-Encoding: chunked\t\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "no coding": OK + b"Transfer-Encoding:\r\n\r\nok",
    "identity": OK + b"Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nok",
    "a folded header": OK + b"X-A: 1\r\n 2\r\nContent-Length: 0\r\n\r\n",
    "NUL in a header": OK + b"X-A: a\0b\r\nContent-Length: 0\r\n\r\n",
    "CR in a header": OK + b"X-A: a\rb\r\nContent-Length: 0\r\n\r\n",
    "a control character": OK + b"X-A: a\x01b\r\nContent-Length: 0\r\n\r\n",
    "a space before the colon": OK + b"X-A : 1\r\nContent-Length: 0\r\n\r\n",
    "a space before the name": OK + b" X-A: 1\r\nContent-Length: 0\r\n\r\n",
    "no name": OK + b": 1\r\nContent-Length: 0\r\n\r\n",
    "no colon": OK + b"X-A\r\nContent-Length: 0\r\n\r\n",
    "a name beyond ASCII": OK + b"X-\xc3\xa9: 1\r\nContent-Length: 0\r\n\r\n",
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "101": b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n" + SIMPLE,
    "101 to nothing": b"HTTP/1.1 101 Switching\r\n\r\n" + SIMPLE,
    "100 with a body": b"HTTP/1.1 100 Continue\r\nContent-Length: 2\r\n\r\nno" + SIMPLE,
    "100 and the end": b"HTTP/1.1 100 Continue\r\n\r\n",
    "nothing": b"",
}


@pytest.mark.parametrize("sent", NO_ANSWERS.values(), ids=NO_ANSWERS.keys())
def test_what_is_no_answer_is_refused(sent: bytes) -> None:
    for pieces in ([sent], bytewise(sent)):
        with arriving(filter(None, pieces)) as answer:
            with pytest.raises(httpx2.RemoteProtocolError):
                answer.read_head()
            assert not answer.leaves_reusable


BROKEN_CHUNKS = {
    "no number": b"zz\r\nno\r\n",
    "an empty size": b"\r\nno\r\n",
    "a negative size": b"-2\r\nno\r\n",
    "a prefixed size": b"0x2\r\nno\r\n",
    "a size with a space": b"2 \r\nno\r\n",
    "a size after a space": b" 2\r\nno\r\n",
    "a size that overflows": b"10000000000000002\r\nno\r\n",
    "bare LF after the size": b"2\nno\r\n",
    "bare CR after the size": b"2\rno\r\n",
    "bare LF after an extension": b"2;a\nno\r\n",
    "NUL in an extension": b"2;a=\0\r\nno\r\n",
    "a trailer without colon": b"0\r\nX-A\r\n\r\n",
    "a trailer with NUL": b"0\r\nX-A: \0\r\n\r\n",
    "a folded trailer": b"0\r\nX-A: 1\r\n 2\r\n\r\n",
    "a length as trailer": b"0\r\nContent-Length: 2\r\n\r\nok",
    "another answer": SIMPLE,
}


@pytest.mark.parametrize("broken", BROKEN_CHUNKS.values(), ids=BROKEN_CHUNKS.keys())
def test_what_came_before_a_broken_chunk_is_handed_out_first(broken: bytes) -> None:
    sent = CHUNKED + b"2\r\nok\r\n" + broken
    for pieces in ([sent], bytewise(sent), [CHUNKED, sent.removeprefix(CHUNKED)]):
        with arriving(pieces) as answer:
            found = read(answer)
        assert (found.status, found.body, found.reusable) == (200, b"ok", False)
        assert found.error


@pytest.mark.parametrize("after", [b"no\r\n", b"\nno", b"\rX", b"\r\r\n"])
def test_a_chunk_that_does_not_end_where_it_said_breaks_off(after: bytes) -> None:
    with arriving(bytewise(CHUNKED + b"2\r\nok" + after)) as answer:
        found = read(answer)
    assert (found.body, found.reusable) == (b"ok", False)
    assert found.error


@pytest.mark.parametrize(
    "name", ["length", "chunked", "extensions", "trailers", "100 before", "199 with a body"]
)
def test_an_answer_that_is_cut_off_anywhere_says_so(name: str) -> None:
    sent, whole = GOOD[name]
    for end in range(len(sent)):
        with arriving(filter(None, [sent[:end]])) as answer:
            found = read(answer)
        assert whole.body.startswith(found.body)
        assert found.error, sent[:end]
        assert not found.reusable


def head_lines() -> Iterator[bytes]:
    return chain([OK], repeat(b"X-More: " + b"x" * 1000 + b"\r\n"))


def one_header() -> Iterator[bytes]:
    return chain([OK, b"X-More: "], repeat(b"x" * 1000))


def early_answers() -> Iterator[bytes]:
    return repeat(b"HTTP/1.1 100 Continue\r\nX-More: " + b"x" * 1000 + b"\r\n\r\n")


def blank_lines() -> Iterator[bytes]:
    return repeat(b"\r\n" * 500)


def trailers() -> Iterator[bytes]:
    return chain([CHUNKED, b"2\r\nok\r\n0\r\n"], repeat(b"X-More: " + b"x" * 1000 + b"\r\n"))


def one_trailer() -> Iterator[bytes]:
    return chain([CHUNKED, b"2\r\nok\r\n0\r\nX-More: "], repeat(b"x" * 1000))


def extensions() -> Iterator[bytes]:
    return chain([CHUNKED, b"2\r\nok\r\n2"], repeat(b";" + b"x" * 1000))


def zeros() -> Iterator[bytes]:
    return chain([CHUNKED, b"2\r\nok\r\n"], repeat(b"0" * 1000))


@pytest.mark.parametrize(
    ("endless", "body"),
    [
        (head_lines, b""),
        (one_header, b""),
        (early_answers, b""),
        (blank_lines, b""),
        (trailers, b"ok"),
        (one_trailer, b"ok"),
        (extensions, b"ok"),
        (zeros, b"ok"),
    ],
)
def test_there_is_an_end_to_what_is_no_body(endless: object, body: bytes) -> None:
    taken = 0

    def counted() -> Iterator[bytes]:
        nonlocal taken
        assert callable(endless)
        for piece in endless():
            taken += len(piece)
            yield piece

    with arriving(counted()) as answer:
        found = read(answer)
    assert (found.body, found.reusable) == (body, False)
    assert found.error
    # What the system holds between the two ends comes on top.
    assert taken < EMPTY_BYTES + 512 * 1024


def test_there_is_no_end_to_a_body() -> None:
    pieces = chain([CHUNKED], repeat(b"400\r\n" + b"x" * 1024 + b"\r\n", 1000), [b"0\r\n\r\n"])
    with arriving(pieces) as answer:
        assert read(answer) == Read(200, b"x" * 1024 * 1000, True)


@settings(max_examples=200, deadline=None)
@given(data=st.data(), parts=st.lists(st.binary(min_size=1, max_size=40), max_size=8))
def test_a_body_is_what_was_sent_however_it_is_cut(data: st.DataObject, parts: list[bytes]) -> None:
    sent = CHUNKED + b"".join(b"%X;x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    cuts = sorted(data.draw(st.sets(st.integers(1, len(sent) - 1), max_size=20)))
    pieces = [sent[start:end] for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
    with arriving(pieces) as answer:
        assert read(answer) == Read(200, b"".join(parts), True)


@settings(max_examples=300, deadline=None)
@given(head=st.sampled_from([b"", OK, CHUNKED, CHUNKED + b"2\r\nok\r\n"]), noise=st.binary(max_size=60))
def test_noise_ends_in_an_answer_or_an_error_and_in_nothing_else(head: bytes, noise: bytes) -> None:
    with arriving(filter(None, [head, noise])) as answer:
        found = read(answer)
    assert found.error or found.status


@pytest.mark.parametrize("sent", [SIMPLE, CHUNKED + b"2\r\nok\r\n", CHUNKED + b"2\r\nok\r\nzz", b"nonsense"])
def test_an_answer_is_gone_when_nobody_holds_it(sent: bytes) -> None:
    gc.disable()
    try:
        with arriving([sent]) as answer:
            read(answer)
            answer.close()
            held = weakref.ref(answer)
            del answer
            assert held() is None
    finally:
        gc.enable()


def test_an_answer_that_is_closed_while_more_arrives_ends_with_a_read_error() -> None:
    """Both are seen in the same round of the event loop, and the closing comes first."""
    ours, upstream = socket.socketpair()
    answer = Answer(Connection(ours), "POST")
    upstream.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    answer.read_head()
    over: AsyncResult[Exception | None] = AsyncResult()
    answer.follow(lambda _data: True, over.set)
    answer.close()
    upstream.sendall(b"3\r\nabc\r\n")
    assert isinstance(over.get(timeout=10), httpx2.ReadError)
    ours.close()
    upstream.close()
