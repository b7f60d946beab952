"""Answers: numbered words, so that a client can tell which of them is missing, and whose they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Self

_MESSAGE = re.compile(r"Count to ([0-9]+) for ([a-z0-9]+), ([0-9]+) words a second\.")
_SILENT = 0.002
_SILENCE_S = (3.0, 12.0)
"""Some are longer than the time after which a heartbeat is sent."""
_SUDDEN = 0.004
_BURST = (10, 80)
_SPLIT = 0.1


@dataclass(frozen=True, slots=True)
class Answer:
    """What upstream says to `message`: `words` words with `tag` in each, about `rate` of them a second."""

    tag: str
    words: int
    rate: int

    @classmethod
    def asked_for(cls, message: str) -> Self | None:
        """The answer that this message asks for, if it is one of ours."""
        found = _MESSAGE.fullmatch(message)
        return cls(found[2], int(found[1]), int(found[3])) if found else None

    @property
    def message(self) -> str:
        return f"Count to {self.words} for {self.tag}, {self.rate} words a second."

    @property
    def nominal_s(self) -> float:
        """Without silences and bursts."""
        return self.words / self.rate

    @property
    def text(self) -> str:
        return "".join(map(self._word, range(self.words)))

    def pieces(self) -> Iterator[tuple[float, str]]:
        """Seconds of pause and the piece of text after it: mostly a word, sometimes a part of one. Now and then
        there is a silence, or many words come at once."""
        random = Random(self.tag)
        at_once = 0
        for number in range(self.words):
            at_once = at_once - 1 if at_once else random.randint(*_BURST) if random.random() < _SUDDEN else 0
            pause_s = 0.0 if at_once else random.uniform(0.5, 1.5) / self.rate
            if random.random() < _SILENT:
                pause_s += random.uniform(*_SILENCE_S)
            word = self._word(number)
            cut = random.randint(1, len(word) - 1) if random.random() < _SPLIT else len(word)
            yield pause_s, word[:cut]
            if cut < len(word):
                yield 0.0, word[cut:]

    def _word(self, number: int) -> str:
        return f"{self.tag}·{number} "  # not ASCII alone: a cut may go through the middle of a character
