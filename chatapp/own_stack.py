"""Work on a stack of its own, which is gone when the work is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from greenlet import greenlet

Done = TypeVar("Done")


def on_own_stack(work: Callable[[], Done]) -> Done:
    """What `work` returns, or raises. Whatever is thrown into the calling greenlet meanwhile is thrown into the work.

    A greenlet keeps the memory of the deepest call it ever made: 16 KB where Flask had been at work. Where it waits
    for long afterwards, as a stream does, the deep part is better done aside.
    """
    aside = greenlet(work)
    try:
        return cast(Done, aside.switch())
    except BaseException as error:
        if not aside.dead:
            aside.throw(error)
        raise
