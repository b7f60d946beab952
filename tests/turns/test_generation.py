"""A generation by itself, over an upstream that never makes it wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import gevent
from gevent.event import Event as Happening
from hypothesis import given, settings
from hypothesis import strategies as st

from chatapp.errors import UpstreamFailure
from chatapp.streaming.event import Event
from chatapp.turns.ending import STOPPED
from chatapp.turns.generation import RunningGeneration
from chatapp.upstream.admission import Admission, Limits
from chatapp.upstream.client import Upstream
from chatapp.upstream.failures import SERVER_ERROR
from chatapp.upstream.request import UpstreamRequest
from tests.turns.house import until

REQUEST = UpstreamRequest("m", (), "req_12345678")


class InstantReply:
    """A whole answer that is here already."""

    finish_reason = "stop"
    usage = None

    def __init__(self, texts: int) -> None:
        self._texts = texts
        self.closed = 0

    def follow(self, say: Callable[[str], None], over: Callable[[Exception | None], None]) -> None:
        for _ in range(self._texts):
            say("x")
        over(None)

    def close(self) -> None:
        self.closed += 1


class InstantUpstream:
    def __init__(self, texts: int) -> None:
        self.reply = InstantReply(texts)
        self.opened = 0

    def open(self, request: UpstreamRequest, attempts: Any) -> InstantReply:
        self.opened += 1
        return self.reply


def _generation(upstream: object, admission: Admission | None = None) -> RunningGeneration:
    place = (admission or Admission(Limits(1, 1, 1))).place("user", "turn")
    return RunningGeneration("g", "m", "seeker", REQUEST, cast(Upstream, upstream), place, alone=True)


def _run(generation: RunningGeneration) -> list[Event]:
    said: list[Event] = []
    ended: list[RunningGeneration] = []
    generation.start(said.append, ended.append)
    until(lambda: ended)
    assert ended == [generation], "it ends once"
    return said


def test_one_call_and_one_close_at_the_least() -> None:
    upstream = InstantUpstream(3)
    generation = _generation(upstream)
    _run(generation)
    assert upstream.opened == 1
    assert upstream.reply.closed >= 1
    assert generation.ending is not None
    assert generation.ending.status == "complete"


def test_a_stop_after_the_end_changes_nothing() -> None:
    generation = _generation(InstantUpstream(1))
    _run(generation)
    generation.stop(STOPPED)
    gevent.sleep(0.01)
    assert generation.ending is not None
    assert generation.ending.status == "complete"


def test_a_bug_of_our_own_still_gives_the_reply_an_end() -> None:
    class BrokenUpstream:
        def open(self, request: UpstreamRequest, attempts: Any) -> InstantReply:
            raise ZeroDivisionError

    generation = _generation(BrokenUpstream())
    _run(generation)
    assert generation.ending is not None
    assert generation.ending.failure is not None
    assert generation.ending.failure.error_code == "SERVER_ERROR"


class MoodyUpstream:
    """Answers, fails, breaks or keeps silent, as it is told."""

    def __init__(self, mood: str) -> None:
        self._mood = mood

    def open(self, request: UpstreamRequest, attempts: Any) -> InstantReply:
        gevent.sleep(0)
        match self._mood:
            case "fails":
                raise _failure()
            case "breaks":
                raise ZeroDivisionError
            case "silent":
                Happening().wait()
        return InstantReply(1)


def _failure() -> UpstreamFailure:
    return SERVER_ERROR.failure()


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["answers", "fails", "breaks", "silent"]), st.sampled_from([None, 0, 1, 2, 3])
        ),
        min_size=1,
        max_size=8,
    ),
    st.integers(1, 3),
)
def test_whatever_becomes_of_generations_their_places_are_free_in_the_end(
    courses: list[tuple[str, int | None]], places: int
) -> None:
    """Each course is upstream's mood, and after how many rounds of the loop somebody stops: 0 is before the start."""
    admission = Admission(Limits(places, places, places))
    ended: list[RunningGeneration] = []
    generations = [_generation(MoodyUpstream(mood), admission) for mood, _ in courses]
    for round_ in range(5):
        for generation, (mood, stopped_in) in zip(generations, courses, strict=True):
            if stopped_in == round_ or (mood == "silent" and stopped_in is None and round_ == 4):
                generation.stop(STOPPED)
            if round_ == 0:
                generation.start(lambda event: None, ended.append)
        gevent.sleep(0)
    until(lambda: len(ended) == len(courses))
    assert set(map(id, ended)) == set(map(id, generations))
    fresh = [_generation(InstantUpstream(1), admission) for _ in range(places)]
    for each in fresh:
        each.start(lambda event: None, ended.append)
    gevent.sleep(0)
    assert not any(each.is_queued for each in fresh)
    until(lambda: len(ended) == len(courses) + places)
