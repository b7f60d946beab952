"""Every way in which the simulated model fails: the tester names it, and does not wait for ever."""

from __future__ import annotations

import re

import pytest

from chatapp.doctor.command_line import SCENARIOS
from chatapp.doctor.examination import Wishes
from chatapp.upstream.failures import FAILURES
from chatapp.upstream.simulator.fault import Fault
from tests.doctor.conftest import examined, wrongs
from tests.server import RunningServer

CODES = {
    Fault.TIMEOUT: "OPENAI_TIMEOUT",
    Fault.RATE_LIMIT: "RATE_LIMIT",
    Fault.SERVER_ERROR: "SERVER_ERROR",
    Fault.AUTH: "UPSTREAM_AUTH",
    Fault.FORBIDDEN: "UPSTREAM_FORBIDDEN",
    Fault.NOT_FOUND: "MODEL_NOT_FOUND",
    Fault.CUT: "UPSTREAM_INTERRUPTED",
    Fault.MALFORMED: "SERVER_ERROR",
    Fault.SILENT: "OPENAI_TIMEOUT",
}


def test_the_tester_knows_every_fault() -> None:
    assert sorted(SCENARIOS) == sorted(Fault)
    assert {*CODES, Fault.SLOW} == set(Fault)


@pytest.mark.parametrize("fault", CODES)
def test_a_failure_is_named_with_its_sentence_and_what_to_do(server: RunningServer, fault: Fault) -> None:
    report, said = examined(server.url, server.token, Wishes(scenario=fault.value))

    (wrong,) = wrongs(report)
    (kind,) = [each for each in FAILURES if each.code == CODES[fault]]
    assert wrong.startswith(f"the answer failed: {kind.code}, “{kind.sentence.partition('{')[0]}")
    assert "    → " in said
    assert "request id req_" in said
    assert "cannot be told" not in said
    assert "✓ `done` (error) came last and once" in said
    assert "removed what this test made: 1 conversation" in said
    if fault in (Fault.TIMEOUT, Fault.SILENT):
        assert re.search(r"✓ \d+ heartbeats?; the longest time without a byte was", said)


def test_a_slow_answer_is_well(server: RunningServer) -> None:
    wishes = Wishes(scenario="slow", message="simulate 3 tokens")
    report, said = examined(server.url, server.token, wishes)
    assert wrongs(report) == []
    assert re.search(r"✓ 3 tokens, [01]\.\d in a second", said)


def test_patience_ends_what_has_no_end(server: RunningServer) -> None:
    wishes = Wishes(scenario="slow", message="simulate 500 tokens")
    report, said = examined(server.url, server.token, wishes, patience_s=1.5)
    assert wrongs(report) == ["the stream did not end well: no end after 1.50 s (--patience)"]
    assert "removed what this test made: 1 conversation" in said
