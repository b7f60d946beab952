from __future__ import annotations

import gevent

from chatapp.errors import Unavailable
from chatapp.turns.ticker import end_all, every
from tests.turns.house import until


class Work:
    """Fails as it is told, each time that it is called."""

    def __init__(self, *failures: Exception) -> None:
        self.calls = 0
        self._failures = list(failures)

    def __call__(self) -> None:
        self.calls += 1
        if self._failures:
            raise self._failures.pop(0)


def test_a_ticker_outlives_what_it_does() -> None:
    work = Work(Unavailable("The database is away."), ValueError("a bug"))
    ticker = gevent.spawn(every, 0.01, work)
    until(lambda: work.calls > 3)
    end_all([ticker])
    assert ticker.dead


class DeafToAKill:
    """As SQLAlchemy is at times: its own error takes the place of the kill."""

    def __init__(self, times: int) -> None:
        self._left = times

    def __call__(self) -> None:
        try:
            gevent.sleep(1000)
        except gevent.GreenletExit:
            self._left -= 1
            if self._left < 0:
                raise
            raise ValueError("connection in transaction status ACTIVE") from None


def test_a_ticker_that_loses_a_kill_is_killed_again() -> None:
    tickers = [gevent.spawn(every, 0.01, DeafToAKill(times)) for times in range(3)]
    gevent.sleep(0.1)
    with gevent.Timeout(15):
        end_all(tickers)
    assert all(ticker.dead for ticker in tickers)
