"""The tally: what happened, and what should not have."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from bench.soak.flaws import Flaws

TAKEN_BACK = 2048
"""Characters that a reader may have seen and that a crash may take back, at the rates at which upstream speaks."""


@dataclass
class Tally:
    """Counted by everybody. `faults` says in words what was wrong; a run is good when there is none."""

    turns: int = 0
    bound: int = 0
    hung_up: int = 0
    interrupted: int = 0
    readers: int = 0
    reconnects: int = 0
    cuts: int = 0
    broken: int = 0
    posted_again: int = 0
    kills: int = 0
    reloads: int = 0
    dropped: int = 0
    words: int = 0
    snapshots: int = 0
    taken_back: int = 0
    lost: int = 0
    doubled: int = 0
    reordered: int = 0
    foreign: int = 0
    wrong_saved: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def fault(self, what: str, example: str) -> None:
        """Notes something that must not be; of each kind the first example is kept."""
        self.faults[what] += 1
        self.examples.setdefault(what, example)

    def add(self, flaws: Flaws, example: str) -> None:
        """Notes what was wrong with a reader's text."""
        if flaws:
            self.lost += flaws.lost
            self.doubled += flaws.doubled
            self.reordered += flaws.reordered
            self.foreign += flaws.foreign
            self.fault("a reader's text is wrong", f"{flaws}: {example}")

    def shrank(self, by: int, example: str) -> None:
        """A snapshot took back so many characters that the reader had seen."""
        self.taken_back = max(self.taken_back, by)
        if by > TAKEN_BACK:
            self.fault("a snapshot took back too much", f"{by} characters: {example}")
