"""The tester as one file: Python's standard library alone, from any folder."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from chatapp.doctor.command_line import PASSWORD_VARIABLE, TOKEN_VARIABLE, parser
from chatapp.doctor.one_file import write_file
from tests.server import ROOT, RunningServer


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("packed") / "stream-doctor.pyz"
    write_file(path)
    return path


def run(file: Path, folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """As on a machine without packages: `-S` leaves out all that was ever installed."""
    environment = {"PATH": os.environ["PATH"], "LANG": "C", **variables}
    command = [sys.executable, "-I", "-S", "-X", "warn_default_encoding", str(file), *arguments]
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_examines_a_deployment(file: Path, tmp_path: Path, server: RunningServer) -> None:
    done = run(file, tmp_path, server.url, "--scenario", "auth", STREAM_DOCTOR_TOKEN=server.token)
    assert done.returncode == 1, done.stderr
    assert "UPSTREAM_AUTH" in done.stdout
    assert server.token not in done.stdout + done.stderr


def test_a_report_for_programs(file: Path, tmp_path: Path, server: RunningServer) -> None:
    options = ("--json", "--scenario", "slow", "--message", "simulate 2 tokens", "--token", server.token)
    done = run(file, tmp_path, server.url, *options)
    found = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout
    assert found["ok"] is True
    assert {"mark": "✓", "sentence": "removed what this test made: 1 conversation"}.items() <= (
        found["findings"][-1].items()
    )


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("http://127.0.0.1",),
        ("http://127.0.0.1", "--patience", "0"),
        ("http://127.0.0.1", "--scenario", "x"),
        ("http://127.0.0.1", "--email", "a@b.example"),
    ],
)
def test_what_is_asked_wrongly_is_2(file: Path, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = run(file, tmp_path, *arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stdout + done.stderr


def test_it_holds_nothing_but_the_tester(file: Path) -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "zipfile", "-l", str(file)], capture_output=True, text=True, check=True
    )
    names = [line.split()[0] for line in listed.stdout.splitlines()[1:]]
    modules = [name for name in names if not name.endswith("/")]
    assert {"__main__.py", "chatapp/__init__.py", "chatapp/doctor/command_line.py"} <= set(modules)
    assert all(name.startswith("chatapp/doctor/") for name in modules[2:] if name.count("/") > 1)
    assert not [name for name in names if name.endswith(".pyc")]


def test_every_option_is_documented_and_make_writes_the_file(tmp_path: Path) -> None:
    told = (ROOT / "docs" / "commands.md").read_text("utf-8").partition("## doctor stream")[2]
    listed = set(re.findall(r"^\| `(--[a-z]+)`", told, re.MULTILINE))
    options = {name for action in parser()._actions for name in action.option_strings if len(name) > 2}
    assert listed == options - {"--help"}
    assert {TOKEN_VARIABLE, PASSWORD_VARIABLE} <= set(re.findall(r"`([A-Z_]+)`", told))
    line = next(line for line in (ROOT / "Makefile").read_text("utf-8").splitlines() if "write_file" in line)
    code = line.partition("-c '")[2].removesuffix("'").replace("$@", str(tmp_path / "made"))
    subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, check=True, timeout=60)
    assert (tmp_path / "made.pyz").exists()
