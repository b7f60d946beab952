"""docs/performance.md: what stands between its markers is written by the bench, the rest by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.contender import ROOT
from bench.mark import summary
from bench.section import Section

DOCUMENT = ROOT / "docs" / "performance.md"
CHARTS = "performance"
"""The folder of the charts, beside the document."""
_BEGIN, _END = "<!-- bench: begin -->", "<!-- bench: end -->"
_SECTION = re.compile(r"<!-- (?!bench:)([a-z-]+): begin -->\n(.*?)<!-- \1: end -->", re.DOTALL)


def write(document: Path, scenario: str, section: Section, order: Sequence[str]) -> None:
    """Puts a scenario's section in the place of its last one, and its charts beside the document."""
    folder = document.parent / CHARTS
    folder.mkdir(exist_ok=True)
    for stale in folder.glob(f"{scenario}.*.svg"):
        stale.unlink()
    for chart in section.charts:
        (folder / f"{scenario}.{chart.name}.svg").write_text(chart.svg, "utf-8")
    text = replaced(document.read_text("utf-8"), {scenario: _with_charts(scenario, section)}, order)
    document.write_text(text, "utf-8")


def rewrite(document: Path, order: Sequence[str]) -> None:
    """Brings the table of marks up to date with the sections that are there."""
    document.write_text(replaced(document.read_text("utf-8"), {}, order), "utf-8")


def replaced(text: str, sections: Mapping[str, str], order: Sequence[str]) -> str:
    """The document's text with these sections new, every other as it was, and the table of marks by all of them.

    `order` names the scenarios as they are listed. Raises ValueError where a marker is missing.
    """
    before, begin, rest = text.partition(f"{_BEGIN}\n")
    old, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"the document has no {_BEGIN} and {_END}, each on a line of its own")
    return f"{before}{begin}\n{report({**sections_of(old), **sections}, order)}\n{end}{after}"


def sections_of(text: str) -> dict[str, str]:
    """Each scenario's section by its name."""
    return dict(_SECTION.findall(text))


def report(sections: Mapping[str, str], order: Sequence[str]) -> str:
    """The table of marks, and below it each section between markers of its own."""
    present = {name: sections[name] for name in order if name in sections}
    parts = [f"## Marks\n\n{summary(present)}"]
    parts += [f"<!-- {name}: begin -->\n{text}<!-- {name}: end -->\n" for name, text in present.items()]
    return "\n".join(parts)


def _with_charts(scenario: str, section: Section) -> str:
    pictures = "".join(
        f"\n![{chart.alt}]({CHARTS}/{scenario}.{chart.name}.svg)\n" for chart in section.charts
    )
    return f"{section.text}{pictures}"
