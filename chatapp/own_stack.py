"""Work on a stack of its own, which is gone when the work is done."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, cast

from greenlet import GreenletExit, greenlet

Done = TypeVar("Done")


def on_own_stack(work: Callable[[], Done]) -> Done:
    """What `work` returns, or raises. Whatever is thrown into the calling greenlet meanwhile is thrown into the work,
    which is over when this returns, however often that happens: it would come back to a caller who is elsewhere.

    A greenlet keeps the memory of the deepest call it ever made: 16 KB where Flask had been at work. Where it waits
    for long afterwards, as a stream does, the deep part is better done aside.
    """
    aside = greenlet(work)
    go_on: Callable[[], Any] = aside.switch
    done = None
    try:
        while not aside.dead:
            try:
                done = go_on()
            except BaseException as error:
                if aside.dead:
                    raise
                go_on = partial(aside.throw, error)
        if isinstance(done, GreenletExit):
            raise done  # a greenlet that ends with this returns it instead
        return cast(Done, done)
    finally:
        del aside, done, go_on  # an error would hold itself, by its traceback and this frame
