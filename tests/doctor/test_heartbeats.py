"""What heartbeats, and silences without them, are worth."""

from __future__ import annotations

import pytest

from chatapp.doctor.frame import Frame
from chatapp.doctor.heartbeats import judge
from chatapp.doctor.report import Mark, Report

BEAT = Frame("heartbeat", '{"t":1}', None, "heartbeat 1", 1.0)
BARE = Frame("heartbeat", '{"t":1}', None, "", 1.0)


@pytest.mark.parametrize(
    ("beats", "silence_s", "mark", "words"),
    [
        ([], 3.0, Mark.UNKNOWN, "none was due"),
        ([], 20.0, Mark.WRONG, "no heartbeat in a silence of 20.0 s"),
        ([BEAT, BEAT], 10.0, Mark.WELL, "2 heartbeats; the longest time without a byte was 10.0 s"),
        ([BEAT], 70.0, Mark.WRONG, "but 70.0 s without a byte"),
        ([BEAT, BARE], 10.0, Mark.WRONG, "without the comment that belongs to them"),
    ],
)
def test_a_verdict(beats: list[Frame], silence_s: float, mark: Mark, words: str) -> None:
    report = Report(lambda _line: None)
    judge(beats, silence_s, report)
    (finding,) = report.findings
    assert finding.mark is mark
    assert words in finding.sentence
