"""Somebody who types what a document says into one session of bash, block by block."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.clients.document import Step, is_shown

PATIENCE_S = 120
PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
"""On which `python` is the project's own."""


def follow_the_steps(steps: Sequence[Step], folder: Path, variables: Mapping[str, str]) -> list[str]:
    """What each step printed, in `folder`, where `variables` and the project's own `python` are at hand. Fails at the
    first line without success, and at the first output that is not what the document shows."""
    assert steps, "there is nothing to run"
    notes = folder / ".session"
    notes.mkdir()
    for number, step in enumerate(steps):
        (notes / f"{number}.sh").write_text(step.commands, "utf-8")
    # Each block in the session's own shell, so that its variables are there for the next one.
    session = [f'source "{notes}/{number}.sh" > "{notes}/{number}.out"' for number in range(len(steps))]
    environment = {"PATH": PATH, "LANG": "C.UTF-8", "HOME": str(folder), **variables}
    said = _run("\n".join(["set -e", *session, f'touch "{notes}/end"']), folder, environment)
    printed = [_output(notes / f"{number}.out") for number in range(len(steps))]
    for step, output in zip(steps, printed, strict=True):
        assert output is not None, f"an earlier step failed:\n{said}"
        if step.shown is not None:
            assert is_shown(step.shown, output), f"{step.commands}\nprinted\n{output}\n{said}"
    assert (notes / "end").exists(), f"{steps[-1].commands}\nfailed:\n{said}"
    return [output or "" for output in printed]


def _run(script: str, folder: Path, environment: Mapping[str, str]) -> str:
    """What it says beside its output. It and its children are ended when they take too long."""
    process = subprocess.Popen(
        ["bash", "-c", script],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        return process.communicate(timeout=PATIENCE_S)[0]
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)  # the session that Popen made
            process.wait()


def _output(path: Path) -> str | None:
    return path.read_text("utf-8", "replace") if path.exists() else None
