from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapp.streaming.position import Position, new_log_id


def test_a_position_is_read_as_it_was_written() -> None:
    position = Position(new_log_id(), 42)
    assert Position.parse(str(position)) == position


@pytest.mark.parametrize(
    "hostile",
    [
        None,
        "",
        "$",
        "+",
        "-",
        "a-",
        "-1",
        "a--1",
        "a-01",
        "a-1\n",
        "a-1 ",
        "A-1",
        "a-" + "9" * 13,
        "a" * 41 + "-1",
        "x'; DROP TABLE turns; --",
        "a-\u0661",
        "\ud800-1",
    ],
)
def test_what_is_no_position_is_none(hostile: str | None) -> None:
    assert Position.parse(hostile) is None


@given(st.text())
def test_no_text_raises(written: str) -> None:
    position = Position.parse(written)
    assert position is None or str(position) == written


def test_log_ids_fit_the_promised_shape_and_differ() -> None:
    ids = {new_log_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(each) == 20 and each.isalnum() and each.isascii() for each in ids)
