"""The whole bench with loads too small to measure anything: it starts, counts, and reports every server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.contender import CONTENDERS, ROOT, Nginx
from bench.load import TINY
from bench.mark import MARKS
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


def command(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *options], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_the_command_prints_the_marks_and_then_what_it_measured() -> None:
    done = command("--tiny", "--rounds", "1", "--scenarios", "relay", "--only", "nginx")

    assert done.returncode == 0, done.stderr
    assert all(mark.promise in done.stdout for mark in MARKS)
    assert done.stdout.index("## Marks") < done.stdout.index("## What a token costs")
    assert "rounds: 1" in done.stdout
    assert "loads too small to measure anything" in done.stdout
    assert "chatapp" not in done.stdout.partition("## What a token costs")[2]


def test_what_measures_nothing_is_not_written_down() -> None:
    done = command("--tiny", "--write")

    assert done.returncode == 2
    assert "--tiny measures nothing" in done.stderr
