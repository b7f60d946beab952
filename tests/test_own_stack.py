"""Work on another stack is to the caller what any call is."""

from __future__ import annotations

import gc
import weakref

import gevent
import pytest
from gevent import GreenletExit
from gevent.event import Event

from chatapp.own_stack import on_own_stack
from tests.upstream.calls import until


class Work:
    """Waits, and cleans up when something is thrown in, which it waits for as well."""

    def __init__(self) -> None:
        self.heard: list[type[BaseException]] = []
        self.cleaned = Event()

    def __call__(self) -> str:
        for _ in range(2):
            try:
                gevent.sleep(60)
            except BaseException as error:  # noqa: BLE001 - it is what is asked about
                self.heard.append(type(error))
        self.cleaned.wait(60)
        return "cleaned up"


class Problem(Exception):
    pass


def test_what_work_returns_and_raises_is_the_caller_s() -> None:
    def raising() -> None:
        raise Problem

    assert on_own_stack(lambda: "done") == "done"
    with pytest.raises(Problem):
        on_own_stack(raising)


def test_an_exit_of_the_work_is_one_of_the_caller() -> None:
    """A greenlet that ends with it returns it: a view would have answered with it."""

    def leaving() -> None:
        raise GreenletExit

    with pytest.raises(GreenletExit):
        on_own_stack(leaving)


def test_who_is_killed_twice_still_sees_the_work_to_its_end() -> None:
    """Work that is left behind would come back into whatever its caller waits for by then."""
    work = Work()
    calling = gevent.spawn(on_own_stack, work)
    gevent.sleep(0)
    calling.kill(block=False)
    until(lambda: work.heard)
    calling.kill(Problem, block=False)
    until(lambda: len(work.heard) == 2)
    assert not calling.dead
    work.cleaned.set()
    assert calling.get(timeout=10) == "cleaned up"
    assert work.heard == [GreenletExit, Problem]


def test_an_error_leaves_nothing_for_the_collector_of_cycles() -> None:
    class Held:
        pass

    kept: list[weakref.ref[Held]] = []

    def waiting() -> None:
        held = Held()
        kept.append(weakref.ref(held))
        gevent.sleep(60)

    gc.disable()
    try:
        calling = gevent.spawn(on_own_stack, waiting)
        gevent.sleep(0)
        calling.kill()
        del calling
        gevent.sleep(0)  # gevent lets go of it in the next round
        assert [each() for each in kept] == [None]
    finally:
        gc.enable()
