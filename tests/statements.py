"""What the database is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

Statement = tuple[str, Any]
"""Its text and its parameters."""


@contextmanager
def statements(when: Callable[[], bool] = lambda: True) -> Iterator[list[Statement]]:
    """What every database of this process is asked meanwhile, as long as `when` holds: `has_request_context` leaves out
    what owners and tickers ask beside requests."""
    asked: list[Statement] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if when():
            asked.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(Engine, "before_cursor_execute", note)
