"""The README, followed by somebody who has just cloned the repository: `make run`, then its API chapter."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.clients.document import Document, Step
from tests.clients.shell import PATH, follow_the_steps
from tests.server import ROOT, STOP_S, free_port

CHAPTER = "The API in ten minutes"
FIRST_RUN = re.compile(
    r"chatapp   (?P<address>http://\S+)\n.*e-mail    (?P<email>\S+)\n  password  (?P<password>\S+)\n",
    re.DOTALL,
)
START_S = 120


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As somebody would have it who cloned this repository with the changes that are not committed yet.

    To spare the minutes of an installation its environment is the one that runs the tests: links to the parts, and
    stamps of its own, which say that they are up to date.
    """
    folder = tmp_path_factory.mktemp("clone") / "chatapp"
    if (ROOT / ".git").exists() and shutil.which("git"):
        _git("clone", "--quiet", "--shared", str(ROOT), str(folder))
        _copy_what_is_tracked(folder)
    else:
        unwanted = shutil.ignore_patterns(".venv*", "var", ".*_cache", "__pycache__", ".hypothesis")
        shutil.copytree(ROOT, folder, ignore=unwanted)
    environment = folder / ".venv"
    environment.mkdir()
    for part in Path(sys.prefix).iterdir():
        if part.suffix != ".stamp":
            (environment / part.name).symlink_to(part)
    for stamp in ("requirements.stamp", "requirements-test.stamp"):
        (environment / stamp).touch()
    return folder


def _copy_what_is_tracked(folder: Path) -> None:
    """The files as they are here, over those that were committed."""
    for name in _git("-C", str(ROOT), "ls-files", "-z").split("\0")[:-1]:
        here, there = ROOT / name, folder / name
        if here.exists():
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(here, there)
        else:
            there.unlink(missing_ok=True)


def _git(*arguments: str) -> str:
    """Wherever the tests were started from: a hook's variables would lead elsewhere."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(
        ["git", *arguments], env=environment, check=True, capture_output=True, text=True, timeout=START_S
    ).stdout


@pytest.fixture(scope="module")
def first_run(clone: Path) -> Iterator[dict[str, str]]:
    """What `make run` prints the first time: address, e-mail, password."""
    environment = {"PATH": PATH, "HOME": str(clone.parent), "LANG": "C.UTF-8", "PORT": str(free_port())}
    with _running(["make", "run"], clone, environment) as printed:
        yield printed


@contextmanager
def _running(command: list[str], folder: Path, environment: dict[str, str]) -> Iterator[dict[str, str]]:
    log = folder.parent / "make.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield _printed(log, process)
    finally:
        if process.poll() is None:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGINT)  # the session that Popen made: what Ctrl+C would do
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _printed(log: Path, process: subprocess.Popen[bytes]) -> dict[str, str]:
    deadline = time.monotonic() + START_S
    while not ("Listening at" in (said := log.read_text("utf-8")) and (found := FIRST_RUN.search(said))):
        assert process.poll() is None, said
        assert time.monotonic() < deadline, said
        time.sleep(0.05)
    return {**found.groupdict(), "all": said}


def in_the_clone(clone: Path, printed: dict[str, str]) -> Document:
    """The README with the address, the e-mail and the password that were printed here."""
    text = (clone / "README.md").read_text("utf-8")
    shown = FIRST_RUN.search(text)
    assert shown, "the README does not show a first run"
    for name in ("address", "email", "password"):
        text = text.replace(shown[name], printed[name])
    return Document(text)


def test_the_first_run_prints_what_the_readme_shows(clone: Path, first_run: dict[str, str]) -> None:
    lines = in_the_clone(clone, first_run).section("Try it").text.splitlines()
    [curl] = [line.strip() for line in lines if line.startswith("  curl -N")]
    shown = lines[lines.index("database up to date") : lines.index(f"  {curl}")]
    assert "\n".join(shown) in first_run["all"]
    token = re.search(r"Bearer ([\w.-]+)'", first_run["all"])
    assert token
    assert curl.replace("eyJhbGciOiJIUzI1NiIs…", token[1]) in first_run["all"]


def test_the_api_chapter_can_be_followed_line_by_line(
    clone: Path, first_run: dict[str, str], tmp_path: Path
) -> None:
    """By somebody who has tried the line that `make run` prints, as the chapter before tells them to."""
    [tried] = [line for line in first_run["all"].splitlines() if line.startswith("  curl -N")]
    steps = in_the_clone(clone, first_run).section(CHAPTER).steps
    follow_the_steps([Step(tried, None), *steps], tmp_path, {})


def test_a_chapter_that_is_wrong_is_noticed(clone: Path, first_run: dict[str, str], tmp_path: Path) -> None:
    signed_in, *_rest = in_the_clone(clone, first_run).section(CHAPTER).steps
    wrong: list[Step] = [
        replace(signed_in, commands=signed_in.commands.replace("/api/v1/auth/token", "/api/v1/auth/tokens")),
        replace(signed_in, commands=signed_in.commands.replace(first_run["password"], "another password")),
        replace(signed_in, shown='{"ok":false,"user_id":"…"}\n'),
    ]
    for number, step in enumerate(wrong):
        folder = tmp_path / str(number)
        folder.mkdir()
        with pytest.raises(AssertionError):
            follow_the_steps([step], folder, {})
