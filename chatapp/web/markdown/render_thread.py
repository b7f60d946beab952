"""The native thread in which long Markdown is rendered, because a hostile text takes most of a second."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from gevent.threadpool import ThreadPool

SHORT = 1024
"""Characters that are rendered on the spot."""

Done = TypeVar("Done")


@cache
def _thread() -> ThreadPool:
    """One, and apart from the hub's own, in which host names are looked up: two that render would take twice as much
    of the interpreter from the event loop, and be no sooner done."""
    return ThreadPool(1)


def in_render_thread(work: Callable[..., Done], *values: Any) -> Done:
    """What `work` returns for `values`, or raises; meanwhile the caller waits cooperatively."""
    return _thread().apply(work, values)
