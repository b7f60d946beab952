"""The event splitter against the cases of the standard (HTML, section 9.2.6)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatapp.upstream.lines import EVENT_BYTES, EventSplitter


def split(*chunks: bytes) -> list[tuple[bytes, bytes]]:
    splitter = EventSplitter()
    return [event for each in chunks for event in splitter.feed(each)]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_any_line_end_ends_a_line(end: bytes) -> None:
    assert split(b"data: a" + end + b"data: b" + end * 2) == [(b"", b"a\nb")]


def test_a_carriage_return_ends_its_line_without_waiting_for_more() -> None:
    assert split(b"data: a\r\r") == [(b"", b"a")]


def test_a_line_end_cut_in_two_is_one_line_end() -> None:
    assert split(b"data: a\r", b"\ndata: b\r", b"\n\r", b"\n") == [(b"", b"a\nb")]


@pytest.mark.parametrize(
    ("line", "value"),
    [(b"data:x", b"x"), (b"data: x", b"x"), (b"data:  x", b" x"), (b"data:", b""), (b"data: x:y", b"x:y")],
)
def test_one_space_after_the_colon_is_dropped(line: bytes, value: bytes) -> None:
    assert split(line + b"\n\n") == [(b"", value)]


def test_comments_unknown_fields_and_empty_events_are_nothing() -> None:
    assert split(b": hi\nid: 3\nretry: 5\nfoo: bar\nfoo\ndata\n\n\n\n: again\n\n") == []


def test_an_event_keeps_its_name_and_the_next_has_none() -> None:
    assert split(b"event: ping\ndata: 1\n\ndata: 2\n\n") == [(b"ping", b"1"), (b"", b"2")]


def test_a_byte_order_mark_counts_at_the_very_start_only() -> None:
    assert split(b"\xef", b"\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n") == [(b"", b"a")]


def test_the_end_hands_on_an_event_that_lacks_its_blank_line() -> None:
    splitter = EventSplitter()
    assert splitter.feed(b"data: a") == []
    assert splitter.end() == [(b"", b"a")]


def test_an_event_that_never_ends_is_given_up() -> None:
    splitter = EventSplitter()
    for _ in range(EVENT_BYTES // 1024 + 1):
        splitter.feed(b"x" * 1024)
    assert splitter.overlong


def test_comments_without_end_are_no_long_event() -> None:
    splitter = EventSplitter()
    for _ in range(3 * EVENT_BYTES // 1024):
        splitter.feed(b": " + b"x" * 1021 + b"\n")
    assert not splitter.overlong


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from([b"data: a", b"data:", b"\r", b"\n", b"\r\n", b": c", b"event: e", b"\xef\xbb\xbf"])
    ),
    st.data(),
)
def test_the_events_do_not_depend_on_the_split(parts: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)))))
    chunks = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert split(*chunks) == split(whole)


def test_the_work_is_linear_in_the_bytes() -> None:
    # Quadratic work on half a megabyte, byte by byte, would copy a hundred gigabytes and never come to an end.
    splitter = EventSplitter()
    for _ in range(EVENT_BYTES // 2):
        splitter.feed(b"x")
    assert not splitter.overlong
