"""Long work, cut into pieces between which others have their turn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from time import perf_counter
from typing import TypeVar

from chatapp.web.turnstile import Turnstile

Part = TypeVar("Part")
PIECE_S = 0.001
"""Seconds of work after which others have their turn."""


class Pieces:
    """The work of one greenlet from now on. It must hold nothing that others wait for, such as a transaction."""

    def __init__(self, turnstile: Turnstile) -> None:
        self._turnstile = turnstile
        self._began = perf_counter()

    def cut(self) -> None:
        """Lets others have their turn, if this piece has taken long enough."""
        if perf_counter() - self._began >= PIECE_S:
            self._turnstile.go_through()
            self._began = perf_counter()

    def between(self, parts: Iterable[Part]) -> Iterator[Part]:
        """`parts`, with a cut before each is made and after the last."""
        self.cut()
        for part in parts:
            yield part
            self.cut()
