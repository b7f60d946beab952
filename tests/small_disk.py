"""A small file system of its own, which can be full."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.server import ROOT

_SIZE = "8m"
_MOUNT = f'mount -t tmpfs -o size={_SIZE} none "$1" && echo mounted && exec cat'
_AS_ROOT = ("unshare", "--mount")
_AS_ANYBODY = ("unshare", "--map-root-user", "--mount")


class SmallDisk:
    """Mounted on `folder` from the beginning of the `with` to its end, where nobody sees it but the commands that are
    put behind `enter`. Where neither root nor anybody else may mount, the test is skipped."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder

    def __enter__(self) -> Self:
        if self._mounted(_AS_ROOT):
            self.enter = self._command()
        elif self._mounted(_AS_ANYBODY):
            self.enter = self._command("--user", "--preserve-credentials")
        else:
            pytest.skip("nobody may mount a file system here")
        return self

    def fill(self) -> None:
        """To the last byte."""
        filled = self._run("cat /dev/zero > fill")
        assert "No space left" in filled.stderr

    def free(self) -> None:
        """Undoes `fill`."""
        self._run("rm fill").check_returncode()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._holder.communicate()  # the mount goes with the last process that sees it

    def _mounted(self, unshare: tuple[str, ...]) -> bool:
        pipe = subprocess.PIPE
        command = [*unshare, "sh", "-c", _MOUNT, "sh", str(self.folder)]
        try:
            self._holder = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        except FileNotFoundError:
            return False
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() == "mounted\n":
            return True
        self._holder.communicate()
        return False

    def _command(self, *options: str) -> tuple[str, ...]:
        target = f"--target={self._holder.pid}"
        return ("nsenter", target, "--mount", *options, f"--wd={ROOT}", "--")

    def _run(self, script: str) -> subprocess.CompletedProcess[str]:
        command = [*self.enter, "sh", "-c", f'cd "$1" && {script}', "sh", str(self.folder)]
        return subprocess.run(command, capture_output=True, text=True, check=False)
