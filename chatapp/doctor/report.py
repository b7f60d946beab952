"""What the tester found, told as it is found."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum

from chatapp.doctor.plain import counted, plain


class Mark(StrEnum):
    """How something was found to be."""

    WELL = "✓"
    WRONG = "✗"
    UNKNOWN = "–"
    """Neither: not tried, or it cannot be told."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence; `details` belong to it, `remedies` say what to change."""

    mark: Mark
    sentence: str
    details: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()


class Report:
    """Findings in the order in which they were made; `say` writes a line."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self.findings: list[Finding] = []

    def title(self, title: str) -> None:
        """What the findings that follow are about."""
        self._say(f"\n{plain(title)}")

    def well(self, sentence: str, details: Iterable[str] = ()) -> None:
        self._add(Finding(Mark.WELL, sentence, tuple(details)))

    def wrong(self, sentence: str, details: Iterable[str] = (), remedies: Iterable[str] = ()) -> None:
        self._add(Finding(Mark.WRONG, sentence, tuple(details), tuple(remedies)))

    def unknown(self, sentence: str, details: Iterable[str] = ()) -> None:
        self._add(Finding(Mark.UNKNOWN, sentence, tuple(details)))

    def judge(self, is_well: bool, well: str, wrong: str, details: Iterable[str] = ()) -> None:
        """One of the two sentences."""
        (self.well if is_well else self.wrong)(well if is_well else wrong, details)

    def _add(self, finding: Finding) -> None:
        self.findings.append(finding)
        # Sentences hold what servers said, and so does this: the last line of defence for the terminal.
        self._say(f"  {finding.mark} {plain(finding.sentence, 500)}")
        for line in finding.details:
            self._say(f"      {_kept(line)}")
        for line in finding.remedies:
            self._say(f"    → {plain(line, 500)}")

    @property
    def wrongs(self) -> int:
        return sum(finding.mark is Mark.WRONG for finding in self.findings)

    @property
    def conclusion(self) -> str:
        """The sentence at the end."""
        if self.wrongs:
            return f"Wrong: {self.wrongs} of {counted(len(self.findings), 'finding')}."
        return "All is well."

    def json(self) -> str:
        """All of it, for programs."""
        found = {"ok": not self.wrongs, "findings": [asdict(finding) for finding in self.findings]}
        return json.dumps(found, ensure_ascii=True, indent=1)


def _kept(line: str) -> str:
    """A line whose blanks count, such as one of a table."""
    indent = len(line) - len(line.lstrip(" "))
    return " " * indent + "  ".join(plain(part) for part in line.strip().split("  ") if part)
