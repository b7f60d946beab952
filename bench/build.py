"""The two C tools, compiled when their source is newer."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = HERE / "build"


def built(tool: str) -> Path:
    """The program of `tool`.c."""
    source, program = HERE / f"{tool}.c", BUILD / tool
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        BUILD.mkdir(exist_ok=True)
        draft = BUILD / f"{tool}.{os.getpid()}"  # two runs that start at once never see half a program
        compiler = os.environ.get("CC", "cc")
        subprocess.run([compiler, "-O2", "-Wall", "-Wextra", "-o", str(draft), str(source)], check=True)
        draft.replace(program)
    return program
