"""Server-Sent Events in pieces, and what is shown of what servers say."""

from __future__ import annotations

import pytest

from chatapp.doctor.frame import MOST_PENDING, FrameReader
from chatapp.doctor.plain import counted, plain, seconds
from chatapp.doctor.trouble import Unfit

STREAM = (
    b": Connected\nretry: 3000\nid: a-0\n\n"
    b'id: a-1\nevent: token\ndata: {"text":"Gr\xc3\xbc\xc3\x9fe"}\n\n'
    b': heartbeat 1\nevent: heartbeat\ndata: {"t":1}\n\n'
    b'id: a-2\nevent: done\ndata: {"finish_reason":"stop"}\n\n'
)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_frames_are_the_same_however_they_come(size: int, line_end: bytes) -> None:
    reader, frames = FrameReader(), []
    sent = STREAM.replace(b"\n", line_end)
    for start in range(0, len(sent), size):
        frames += reader.feed(sent[start : start + size], at=float(start))
    assert [(frame.event, frame.id, frame.comment) for frame in frames] == [
        ("", "a-0", "Connected"),
        ("token", "a-1", ""),
        ("heartbeat", None, "heartbeat 1"),
        ("done", "a-2", ""),
    ]
    assert frames[1].text == "Grüße"
    assert frames[3].value("finish_reason") == "stop"
    assert not reader.torn


def test_half_a_frame_is_torn() -> None:
    reader = FrameReader()
    reader.feed(b"id: 1\n", 0.0)
    assert reader.torn


@pytest.mark.parametrize("data", ["", "no JSON", "[]", "1", "[" * 100_000])
def test_data_that_is_no_object_has_no_values(data: str) -> None:
    (frame,) = FrameReader().feed(f"event: token\ndata: {data}\n\n".encode(), 0.0)
    assert frame.value("text") is None
    assert frame.text == ""


def test_a_frame_without_an_end_is_not_kept() -> None:
    reader = FrameReader()
    with pytest.raises(Unfit, match="no end"):
        reader.feed(b"x" * (MOST_PENDING + 1), 0.0)


def test_what_a_terminal_would_obey_is_not_shown() -> None:
    assert plain("a\x1b[2J\x07b\u202ec\nd\u0085e\ud800") == "a [2J b c d e"
    assert plain("x" * 1000, 10) == "x" * 9 + "…"
    assert (counted(1, "token"), counted(2, "token")) == ("1 token", "2 tokens")
    assert (seconds(0.0002), seconds(0.025), seconds(1.5), seconds(12)) == (
        "0.2 ms",
        "25 ms",
        "1.50 s",
        "12.0 s",
    )
