"""What one document may cost. Each number stops an attack on the process's one event loop."""

from __future__ import annotations

from dataclasses import dataclass

MAX_SOURCE = 64_000
"""Characters that are read as Markdown; a longer source is shown as the plain text it is."""

MAX_NESTING = 20
"""Quotes in lists in quotes …: what lies deeper is left out of the grammar."""

MAX_FORMULA = 2_000
"""Characters of one formula; a longer one is shown as code."""

MAX_BRACES = 30
"""Open braces, `\\left` and environments in a formula: the converter descends once for each."""

MAX_HIGHLIGHTED = 12_000
"""Characters of one code block that get colours; a longer one is shown plain."""

MAX_HIGHLIGHTED_LINE = 2_000
"""Characters of its longest line: a lexer's patterns backtrack within a line."""

MAX_URL = 2_048
"""Characters of a link's address."""


@dataclass(slots=True)
class Budget:
    """What is left for one document: the sum of many small formulas or code blocks is bounded as well."""

    formulas: int = 20_000
    highlighted: int = 48_000

    def spend_formula(self, characters: int) -> bool:
        """Whether a formula of so many characters may still be converted."""
        self.formulas -= characters + 20  # an empty one costs about what twenty characters do
        return self.formulas >= 0

    def spend_highlighted(self, characters: int) -> bool:
        """Whether a code block of so many characters may still be coloured."""
        self.highlighted -= characters + 100
        return self.highlighted >= 0
