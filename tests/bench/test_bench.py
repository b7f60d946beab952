"""The whole bench with loads too small to measure anything: it starts, counts, and reports every server."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from bench.contender import CONTENDERS, Nginx
from bench.load import TINY
from bench.report import report
from bench.run import DIRECT, Bench

pytestmark = [
    pytest.mark.skipif(not shutil.which(os.environ.get("CC", "cc")), reason="no C compiler"),
    pytest.mark.skipif(not Nginx.program(), reason="no nginx"),
]


def test_every_load_runs_on_every_server(tmp_path: Path) -> None:
    results = Bench(tmp_path, CONTENDERS, TINY).run(1)

    names = [DIRECT, *(each.name for each in CONTENDERS)]
    assert [(result.load, result.server) for result in results] == [
        (load, name) for load in TINY for name in names
    ]
    assert all(result.heard.tokens == result.load.streams * result.load.tokens for result in results)
    assert all(result.server_cpu_s > 0 for result in results if result.server != DIRECT)

    text = report(results)
    for load in TINY:
        assert f"### {load.name}" in text
    for each in CONTENDERS:
        assert f"| {each.name} | " in text
