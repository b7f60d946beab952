"""The written report: a run replaces what it has measured, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.document import DOCUMENT, replaced, rewrite, sections_of, write
from bench.mark import FLAT_OUT, IDLE
from bench.section import Chart, Section

ORDER = ["relay", "ramp", "idle"]
FRAME = (
    "# Title\n\nBy hand.\n\n<!-- bench: begin -->\nold\n<!-- bench: end -->\n\n## After\n\nBy hand, too.\n"
)
RELAY = f"## Tokens\n\n{FLAT_OUT.line([3.0])}"
IDLE_TEXT = f"## Memory\n\n{IDLE.line([50.0])}"


def test_sections_stand_in_the_order_of_the_scenarios_whenever_they_were_measured() -> None:
    text = replaced(replaced(FRAME, {"idle": IDLE_TEXT}, ORDER), {"relay": RELAY}, ORDER)

    assert sections_of(text) == {"relay": RELAY, "idle": IDLE_TEXT}
    assert text.index("## Tokens") < text.index("## Memory")


def test_a_section_is_replaced_and_every_other_stays() -> None:
    before = replaced(FRAME, {"relay": RELAY, "idle": IDLE_TEXT}, ORDER)
    new = "## Tokens\n\nAnew.\n"

    assert sections_of(replaced(before, {"relay": new}, ORDER)) == {"relay": new, "idle": IDLE_TEXT}


def test_what_is_written_by_hand_stays() -> None:
    text = replaced(FRAME, {"relay": RELAY}, ORDER)

    assert text.startswith("# Title\n\nBy hand.\n\n<!-- bench: begin -->\n")
    assert text.endswith("<!-- bench: end -->\n\n## After\n\nBy hand, too.\n")
    assert "old" not in text


def test_the_table_of_marks_comes_first_and_knows_new_and_old_sections() -> None:
    text = replaced(replaced(FRAME, {"idle": IDLE_TEXT}, ORDER), {"relay": RELAY}, ORDER)

    marks = text[text.index("## Marks") : text.index("<!-- relay: begin -->")]
    assert f"| {FLAT_OUT.promise} | 5.00 µs | 3.00 µs | **kept** |" in marks
    assert f"| {IDLE.promise} | 40.0 KiB | 50.0 KiB | **missed** |" in marks


def test_writing_the_same_again_changes_nothing() -> None:
    once = replaced(FRAME, {"relay": RELAY, "idle": IDLE_TEXT}, ORDER)
    assert replaced(once, {"relay": RELAY}, ORDER) == once


def test_a_document_without_markers_is_left_alone() -> None:
    with pytest.raises(ValueError, match="bench: begin"):
        replaced("# Title\n", {"relay": RELAY}, ORDER)


def test_charts_are_written_beside_and_those_of_an_earlier_run_go(tmp_path: Path) -> None:
    document = tmp_path / "report.md"
    document.write_text(FRAME)
    pictures = [Chart(name, f"the {name}", f"<svg>{name}</svg>") for name in ("core", "delay")]
    write(document, "ramp", Section("## Streams\n", pictures), ORDER)
    write(document, "idle", Section(IDLE_TEXT, [Chart("memory", "memory", "<svg/>")]), ORDER)
    write(document, "ramp", Section("## Streams\n", pictures[:1]), ORDER)

    folder = tmp_path / "performance"
    assert {path.name for path in folder.iterdir()} == {"ramp.core.svg", "idle.memory.svg"}
    assert (folder / "ramp.core.svg").read_text() == "<svg>core</svg>"
    assert "![the core](performance/ramp.core.svg)" in document.read_text()
    assert "ramp.delay.svg" not in document.read_text()


def test_the_marks_of_the_real_document_are_those_of_its_sections(tmp_path: Path) -> None:
    """Nobody has written into the generated part, and a mark that was changed was written down:
    `python -m bench --scenarios --write` does that without measuring."""
    text = DOCUMENT.read_text("utf-8")
    copy = tmp_path / "report.md"
    copy.write_text(text, "utf-8")

    rewrite(copy, list(sections_of(text)))

    assert copy.read_text("utf-8") == text
