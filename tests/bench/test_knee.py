"""Where a load no longer holds, and who set its pace."""

from __future__ import annotations

import pytest

from bench.knee import holds, last_held
from bench.limit import Usage, bullets, sentences


@pytest.mark.parametrize(
    ("added_ms", "seconds", "held"),
    [(49.9, 10.0, True), (-3.0, 10.4, True), (50.1, 10.0, False), (5.0, 10.6, False)],
)
def test_a_load_holds_while_tokens_are_in_time_and_all_there(
    added_ms: float, seconds: float, held: bool
) -> None:
    assert holds(added_ms, seconds, nominal_s=10.0) is held


@pytest.mark.parametrize(
    ("steps", "last"),
    [
        ([(100, True), (250, True), (500, False)], 250),
        ([(500, False), (100, True), (250, True)], 250),
        ([(100, True), (250, False), (500, True)], 100),
        ([(100, False)], 0),
        ([(100, True), (250, True)], 250),
        ([], 0),
    ],
)
def test_the_knee_is_the_last_load_before_the_first_that_broke(
    steps: list[tuple[int, bool]], last: int
) -> None:
    assert last_held(steps) == last


def test_tools_that_used_their_core_up_were_the_limit() -> None:
    assert sentences("nginx", [Usage(0.5, 0.95)]) == [
        "nginx: upstream and the load client used their core up: they were the limit."
    ]


def test_a_server_that_waited_flat_out_was_not_the_limit() -> None:
    assert sentences("nginx", [Usage(0.6, 0.5)]) == [
        "nginx: the server's core was idle 40% of the time, waiting for its peers."
    ]
    assert sentences("nginx", [Usage(0.6, 0.5, seconds=10, nominal_s=10)]) == []
    assert sentences("chatapp", [Usage(0.99, 0.5)]) == []


def test_a_pace_that_was_not_kept_is_told() -> None:
    assert sentences("plain view", [Usage(1.0, 0.2, seconds=20, nominal_s=10)]) == [
        "plain view: fell behind: 20.0 s for a load of 10.0 s."
    ]


def test_where_there_is_nothing_to_say_that_is_said() -> None:
    assert bullets(["one.", "two."]) == "- one.\n- two.\n"
    assert bullets([]) == "Neither upstream nor the load client was the limit.\n"
