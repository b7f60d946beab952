"""The documents for clients, followed line by line: what they say is what happens."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.clients.document import Document, Step, is_shown
from tests.clients.shell import follow_the_steps
from tests.server import ROOT, RunningServer

CLIENTS = ROOT / "docs/clients"


@pytest.mark.parametrize("name", ["curl.md", "python.md", "front-ends.md"])
def test_a_document_says_what_happens(name: str, server: RunningServer, tmp_path: Path) -> None:
    document = Document.at(CLIENTS / name)
    document.save_files(tmp_path)
    follow_the_steps(document.steps, tmp_path, {"URL": server.url, "TOKEN": server.token})


def test_a_document_that_is_wrong_is_noticed(tmp_path: Path) -> None:
    """Output that differs, a command that fails, and one that fails before others."""
    right = Step("word=good\n", None), Step('echo "a $word line"\n', "a … line\n")
    assert follow_the_steps(right, fresh(tmp_path), {}) == ["", "a good line\n"]
    for wrong in (Step("echo two\n", "one\n"), Step("false\n", None), Step("false\necho one\n", "one\n")):
        with pytest.raises(AssertionError):
            follow_the_steps([*right, wrong, Step("true\n", None)], fresh(tmp_path), {})
        with pytest.raises(AssertionError):
            follow_the_steps([*right, wrong], fresh(tmp_path), {})


def fresh(folder: Path) -> Path:
    shutil.rmtree(folder)
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a\n", "a\n", True),
        ("a\n", "a", True),
        ("a\n", "a\n\n", True),
        ("a\n", "b\n", False),
        ("a\n", "a\nb\n", False),
        ("id: …-1\n", "id: x7-1\n", True),
        ("id: …-1\n", "id: x7-2\n", False),
        ("id: …-1\n", "id: x\ny-1\n", False),
        ("a\n…\nd\n", "a\nb\n\nc\nd\n", True),
        ("a\n…\nd\n", "a\nd\n", True),
        ("a\n…\nd\n", "a\nb\n", False),
        ("a\n…\n", "a\nb\nc\n", True),
        ("a.c\n", "abc\n", False),
    ],
)
def test_what_is_shown(shown: str, printed: str, same: bool) -> None:
    assert is_shown(shown, printed) is same
