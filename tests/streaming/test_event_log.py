from __future__ import annotations

from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapp.streaming.dialect import EVENTS, PLAIN
from chatapp.streaming.encoding import WRITE_LIMIT
from chatapp.streaming.event import done, snapshot, token, usage
from chatapp.streaming.event_log import EventLog
from chatapp.streaming.position import Position
from tests.streaming.wire import read


class CountingReader:
    listens: ClassVar[bool] = False

    def __init__(self) -> None:
        self.woken = 0

    def wake(self) -> None:
        self.woken += 1


def _log(*texts: str, closed: bool = False, base: int = 0) -> EventLog:
    log = EventLog("log", base=base)
    for text in texts:
        log.append(token(text))
    if closed:
        log.append(done("stop"))
    return log


def test_readers_are_woken_by_every_event() -> None:
    log, reader = EventLog(), CountingReader()
    log.readers.add(reader)
    log.append(token("a"))
    log.append(done("stop"))
    assert reader.woken == 2


def test_nothing_follows_done() -> None:
    log = _log(closed=True)
    with pytest.raises(RuntimeError):
        log.append(token("late"))


def test_frames_after_a_number_are_joined() -> None:
    encoding = _log("a", "b", "c").encoding(EVENTS)
    frames, seq = encoding.after(1)
    assert seq == 3
    assert [frame.json()["text"] for frame in read([frames]).frames] == ["b", "c"]


def test_one_encoding_serves_all_readers_of_a_dialect() -> None:
    log = _log("a")
    assert log.encoding(EVENTS) is log.encoding(EVENTS)
    assert log.encoding(PLAIN) is not log.encoding(EVENTS)


def test_a_late_reader_s_frames_are_the_first_reader_s_frames() -> None:
    log = _log("a")
    first, _ = log.encoding(EVENTS).after(0)
    log.append(token("b"))
    again, _ = log.encoding(EVENTS).after(0)
    assert again.startswith(first)


def test_a_reader_far_behind_gets_bounded_writes() -> None:
    log = _log(*["x" * 1000] * 1000)
    seq, sizes = 0, []
    while seq < log.end:
        frames, seq = log.encoding(EVENTS).after(seq)
        sizes.append(len(frames))
    assert max(sizes) < WRITE_LIMIT + 2000
    assert len(sizes) > 10


@given(st.lists(st.text(min_size=1), max_size=30), st.integers(0, 31), st.integers(-1, 50))
def test_from_every_position_exactly_what_came_after(texts: list[str], at: int, base: int) -> None:
    log = _log(*texts, closed=True, base=base)
    seq, got = base + min(at, len(texts) + 1), b""
    while seq < log.end:
        frames, seq = log.encoding(EVENTS).after(seq)
        got += frames
    client = read([got])
    assert [frame.json()["text"] for frame in client.frames if frame.name == "token"] == texts[at:]
    assert client.names()[-1:] == (["done"] if at <= len(texts) else [])


def test_which_positions_can_be_gone_on_from() -> None:
    log = _log("a", "b", base=10)
    assert all(log.holds(Position("log", seq)) for seq in (10, 11, 12))
    assert not any(log.holds(Position("log", seq)) for seq in (0, 9, 13))
    assert not log.holds(Position("other", 11))
    assert not log.holds(None)


def test_who_has_everything() -> None:
    log = _log("a", closed=True)
    assert log.finished_at(Position("log", 2), EVENTS)
    assert log.finished_at(Position("log", 99), EVENTS)
    assert not log.finished_at(Position("log", 1), EVENTS)
    assert not log.finished_at(Position("other", 2), EVENTS)
    assert not log.finished_at(None, EVENTS)
    assert not _log("a").finished_at(Position("log", 1), EVENTS)


def test_what_follows_the_text_is_not_part_of_a_snapshot() -> None:
    log = _log("a", "b")
    assert log.after_text(EVENTS) == 2
    log.append(usage(1, 2, None, "m"))
    log.append(done("stop"))
    assert log.after_text(EVENTS) == 2
    assert _log().after_text(EVENTS) == 0
    saved = EventLog("log", base=7)
    saved.append(snapshot([]))
    saved.append(done("stop"))
    assert saved.after_text(EVENTS) == 8
