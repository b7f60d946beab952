"""The layers: each imports what lies below it, and chatapp.streaming stands alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import chatapp.streaming

ROOT = Path(__file__).resolve().parent.parent
ABSENT = ("flask", "werkzeug", "sqlalchemy", "openai", "gevent")

IMPORT_ALONE = """
import importlib, pkgutil, sys

absent = sys.argv[1].split(",")

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"{name} is absent", name=name)

sys.meta_path.insert(0, Absent())
import chatapp.streaming
for module in pkgutil.walk_packages(chatapp.streaming.__path__, "chatapp.streaming."):
    print(importlib.import_module(module.name).__name__)
assert not set(sys.modules) & set(absent)
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_layers_hold(tmp_path: Path) -> None:
    lint = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = run("-c", lint, "--cache-dir", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_streaming_imports_with_everything_else_absent() -> None:
    done = run("-c", IMPORT_ALONE, ",".join(ABSENT))
    assert done.returncode == 0, done.stderr
    files = Path(chatapp.streaming.__file__).parent.rglob("*.py")
    modules = {f"chatapp.streaming.{file.stem}" for file in files if file.stem != "__init__"}
    assert set(done.stdout.split()) == modules


def test_what_is_absent_is_really_absent() -> None:
    done = run("-c", IMPORT_ALONE.replace("import chatapp.streaming\n", "import flask\n"), ",".join(ABSENT))
    assert "flask is absent" in done.stderr


def test_importing_the_package_imports_nothing() -> None:
    done = run(
        "-c", "import sys; import chatapp; print([m for m in sys.modules if m.startswith('chatapp.')])"
    )
    assert done.stdout.strip() == "[]"
