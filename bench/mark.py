"""The marks: what chatapp promises of its own speed, in one place, and what the measurements say to that."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.table import rounded, spread, table

NOT_MEASURED = "not measured yet"
_LINE = re.compile(r"^Mark, (kept|missed): (.+)\. It is (.+), and may be (.+)\.$", re.MULTILINE)
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Mark:
    """A promise: a median that may be at most `most`, in `unit`."""

    promise: str
    most: float
    unit: str

    def line(self, figures: Sequence[float], case: str = "") -> str:
        """What a section says of it, which is nothing without figures; `case` tells apart several measurements of the
        same promise."""
        if not figures:
            return ""
        verdict = "kept" if median(figures) <= self.most else "missed"
        promise = f"{self.promise}, {case}" if case else self.promise
        measured, most = f"{spread(figures)} {self.unit}", f"{rounded(self.most)} {self.unit}"
        return f"Mark, {verdict}: {promise}. It is {measured}, and may be {most}.\n"


FLAT_OUT = Mark("CPU per token, one stream flat out", 5, "µs")
PACED = Mark("CPU per token, 100 streams × 50 tokens/s", 4, "× nginx")
THOUSAND_COST = Mark("CPU per token, 1,000 streams × 50 tokens/s", 2.5, "× nginx")
THOUSAND_DELAY = Mark("added delay of 1,000 streams × 50 tokens/s on one core, p99", 50, "ms")
SHORT_MESSAGE = Mark("CPU per short message", 4, "ms")
IDLE = Mark("memory per idle stream with a turn of its own", 40, "KiB")
HANG_UP = Mark("time until upstream hears of a hang-up, p99", 5, "ms")
FAIRNESS = Mark("added delay of 100 streams × 50 tokens/s, p99", 20, "ms")
VOICES_COST = Mark("CPU per token of a turn of five voices", 1.2, "× of five single streams")
VOICES_FIRST = Mark("first token in a turn of five voices, after a single stream's", 20, "ms")
VOICES_DELAY = Mark("added delay of 20 people × 5 voices × 50 tokens/s on one core, p99", 50, "ms")
SECOND_READER = Mark("CPU that a second reader adds to a token", 1 / 3, "× a turn with one reader")
REDIS = Mark("CPU per token with the log in Redis", 1.3, "× with the log in memory")
LONG_CONVERSATION = Mark("CPU per message in a long conversation", 1.1, "× in a short one")
LONG_REPLY = Mark("CPU per token late in a long reply", 1.1, "× early in it")
READS = Mark("CPU per GET of who has many", 1.1, "× of who has few")
VALIDATION = Mark("CPU to validate a message", 50, "µs")

MARKS = (
    FLAT_OUT,
    PACED,
    THOUSAND_COST,
    THOUSAND_DELAY,
    SHORT_MESSAGE,
    IDLE,
    HANG_UP,
    FAIRNESS,
    VOICES_COST,
    VOICES_FIRST,
    VOICES_DELAY,
    SECOND_READER,
    REDIS,
    LONG_CONVERSATION,
    LONG_REPLY,
    READS,
    VALIDATION,
)
"""In the order in which the report lists them."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A line about a mark, read back. `heading` is its section's."""

    promise: str
    measured: str
    most: str
    verdict: str
    heading: str


def verdicts(section: str) -> list[Verdict]:
    """What a section's text says of marks."""
    found = _HEADING.search(section)
    heading = found[1] if found else ""
    return [
        Verdict(promise, measured, most, verdict, heading)
        for verdict, promise, measured, most in _LINE.findall(section)
    ]


def summary(sections: Mapping[str, str]) -> str:
    """The table of all marks, by the lines in the text of each scenario's section."""
    said = [verdict for text in sections.values() for verdict in verdicts(text)]
    rows = [row for mark in MARKS for row in _rows(mark, said)]
    return table(("promised", "at most", "measured", "", "scenario"), rows)


def _rows(mark: Mark, said: Iterable[Verdict]) -> list[Sequence[str]]:
    own = [
        each for each in said if each.promise == mark.promise or each.promise.startswith(f"{mark.promise}, ")
    ]
    if not own:
        return [(mark.promise, f"{rounded(mark.most)} {mark.unit}", "", NOT_MEASURED, "")]
    return [
        (
            each.promise,
            each.most,
            each.measured,
            f"**{each.verdict}**",
            f"[{each.heading}](#{_anchor(each.heading)})",
        )
        for each in own
    ]


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
