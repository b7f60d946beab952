"""Deployments to be tested, and what the tester says of them."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import pytest

from chatapp.doctor.address import Address
from chatapp.doctor.examination import Wishes, examine
from chatapp.doctor.report import Mark, Report
from chatapp.doctor.site import Site
from tests.server import RunningServer

PATIENCE_S = 60


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One with the simulated model, which fails on request, and is soon impatient."""
    settings = {
        "CHATAPP_FAULTS": "1",
        "OPENAI_SSE_HEARTBEAT_MS": "300",
        "CHATAPP_FIRST_TOKEN_S": "2",
        "CHATAPP_SILENCE_S": "3",
    }
    with RunningServer(tmp_path_factory.mktemp("server"), settings) as running:
        yield running


def site(url: str, token: str, patience_s: float = PATIENCE_S) -> Site:
    return Site(Address.of(url), ssl.create_default_context(), patience_s, token)


def examined(url: str, token: str, wishes: Wishes, patience_s: float = PATIENCE_S) -> tuple[Report, str]:
    """What the tester finds, and all that it says."""
    lines: list[str] = []
    report = Report(lines.append)
    examine(site(url, token, patience_s), wishes, report)
    return report, "\n".join(lines)


def wrongs(report: Report) -> list[str]:
    return [finding.sentence for finding in report.findings if finding.mark is Mark.WRONG]
