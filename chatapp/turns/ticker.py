"""Tickers: greenlets that do something again and again beside the turns, until the process stops."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import gevent

from chatapp.errors import ChatappError
from chatapp.telemetry.log import logger, warn

_DIE_S = 0.2
_PATIENCE_S = 10.0


def every(period_s: float, work: Callable[[], None]) -> None:
    """Calls `work` every `period_s` seconds, measured from start to start. What the house knows how to fail at
    is said in the log by whoever raised it, and tried again; a bug is told in full and does not stop the clock."""
    due = time.monotonic()
    while True:
        due = max(due + period_s, time.monotonic())
        gevent.sleep(max(0.0, due - time.monotonic()))
        try:
            work()
        except ChatappError as error:
            warn("Background work postponed", work=getattr(work, "__qualname__", ""), reason=error.message)
        except Exception:  # noqa: BLE001 - the clock that ends silent replies must outlive any one of them
            logger.exception("Background work failed", extra={"work": getattr(work, "__qualname__", "")})


def end_all(tickers: Sequence[gevent.Greenlet[..., None]]) -> None:
    """Ends them all, again where once is not enough: what is killed in the midst of a library can end with an error
    of the library's in place of the kill, and the clock would go on."""
    patience_ends = time.monotonic() + _PATIENCE_S
    while (alive := [each for each in tickers if not each.dead]) and time.monotonic() < patience_ends:
        gevent.killall(alive, block=False)
        gevent.joinall(alive, timeout=_DIE_S)
