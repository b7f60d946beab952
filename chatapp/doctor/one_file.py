"""The tester as one file, for machines that have Python and no chatapp."""

from __future__ import annotations

import shutil
import tempfile
import zipapp
from pathlib import Path

_START = """import sys

if sys.version_info < (3, 11):
    sys.exit("The stream tester needs Python 3.11 or newer.")

from chatapp.doctor.command_line import run

run()
"""


def write_file(path: Path) -> None:
    """Writes it to `path`, as a program that Python runs. Raises OSError."""
    package = Path(__file__).resolve().parent
    with tempfile.TemporaryDirectory() as folder:
        inside = Path(folder, "chatapp", "doctor")
        inside.mkdir(parents=True)
        (inside.parent / "__init__.py").write_text("", "utf-8")
        (inside.parent.parent / "__main__.py").write_text(_START, "utf-8")
        for module in package.glob("*.py"):
            shutil.copyfile(module, inside / module.name)
        zipapp.create_archive(folder, path, "/usr/bin/env python3", compressed=True)
