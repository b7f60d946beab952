"""Bytes of event streams, and what a reader has to make of them: the standard's own examples and its corner cases
(WHATWG HTML, section 9.2.6), for parsers in any language."""

from __future__ import annotations

import json
from dataclasses import dataclass
from random import Random

Told = tuple[str, str, str]
"""An event's type, its data, and the last event id after it."""


@dataclass(frozen=True, slots=True)
class Case:
    sent: bytes
    told: list[Told]
    last_id: str = ""
    """The position after all of it, which may be that of an event without data."""
    retry_ms: int | None = None


def _message(data: str, last_id: str = "") -> Told:
    return ("message", data, last_id)


CASES: dict[str, Case] = {
    "the standard: stocks": Case(
        b"data: YHOO\ndata: +2\ndata: 10\n\n",
        [_message("YHOO\n+2\n10")],
    ),
    "the standard: a comment, ids, a space that stays": Case(
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
        [_message("first event", "1"), _message("second event"), _message(" third event")],
    ),
    "the standard: empty data": Case(b"data\n\ndata\ndata\n\ndata:", [_message(""), _message("\n")]),
    "the standard: a space or none": Case(b"data:test\n\ndata: test\n\n", [_message("test")] * 2),
    "the opening": Case(
        b": Connected to chat stream\nretry: 3000\nid: k3v9-0\n\n", [], last_id="k3v9-0", retry_ms=3000
    ),
    "a heartbeat": Case(
        b'id: a-1\n\n: heartbeat 17\nevent: heartbeat\ndata: {"t":17}\n\n',
        [("heartbeat", '{"t":17}', "a-1")],
        last_id="a-1",
    ),
    "CR, LF and CRLF": Case(
        b"data: a\r\rdata: b\n\ndata: c\r\n\r\ndata: d\r\n\ndata: e\n\r\n",
        [_message(each) for each in "abcde"],
    ),
    "several fields with CRLF": Case(
        b"event: a\r\ndata: x\r\ndata: y\r\nid: 1\r\n\r\n:\r\nevent: b\rdata: z\r\r",
        [("a", "x\ny", "1"), ("b", "z", "1")],
        last_id="1",
    ),
    "a byte order mark": Case(b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n", [_message("a")]),
    "all of Unicode": Case(
        "data: Grüße 日本語 🤖\u2028\u2029\u0085\x0b\x0c\x1c\x1d\x1e.\n\n".encode(),
        [_message("Grüße 日本語 🤖\u2028\u2029\u0085\x0b\x0c\x1c\x1d\x1e.")],
    ),
    "not UTF-8": Case(b"data: a\xffb\n\n", [_message("a\ufffdb")]),
    "an id with a NULL": Case(b"id: 1\n\nid: 2\0\ndata: a\n\n", [_message("a", "1")], last_id="1"),
    "the last of each": Case(
        b"event: a\nevent: b\nid: 1\nid: 2\ndata: x\n\ndata: y\n\n",
        [("b", "x", "2"), _message("y", "2")],
        last_id="2",
    ),
    "a type without data is forgotten": Case(b"event: a\n\ndata: x\n\n", [_message("x")]),
    "fields that nobody knows": Case(
        b"dat: x\nDATA: x\n data: x\nretry: 1x\nretry:\nretry: -1\nnothing\ndata: a: b\n\n",
        [_message("a: b")],
    ),
    "the newest pause": Case(b"retry: 10\n\nretry: 2500\n", [], retry_ms=2500),
    "nothing ends it": Case(b"id: 1\ndata: a\n\nid: 2\ndata: b\n", [_message("a", "1")], last_id="1"),
    "nothing at all": Case(b"", []),
}


def cuts(sent: bytes, seed: int, rounds: int = 20) -> list[list[bytes]]:
    """Ways in which `sent` can arrive: whole, byte by byte, in every two pieces, and in pieces by chance."""
    random = Random(seed)
    ways = [[sent], [sent[at : at + 1] for at in range(len(sent))]]
    ways += [[sent[:at], sent[at:]] for at in range(len(sent) + 1)]
    for _ in range(rounds):
        at = sorted(random.choices(range(len(sent) + 1), k=random.randint(2, 8)))
        ways.append([sent[a:b] for a, b in zip([0, *at], [*at, len(sent)], strict=True)])
    return ways


def as_json(seed: int) -> str:
    """All cases with all their cuts, for a reader that is not written in Python."""
    found = [
        {
            "name": name,
            "ways": [[list(piece) for piece in way] for way in cuts(case.sent, seed)],
            "told": case.told,
            "lastId": case.last_id,
            "retryMs": case.retry_ms,
        }
        for name, case in CASES.items()
    ]
    return json.dumps(found)
