"""A document whose code is run: its blocks, and what it says that they print.

```bash             is run, one block after another in one session; each of its lines has to succeed
```                 after such a block: what the block prints, with … for what differs from run to run;
                    a line that is … alone stands for any number of lines
```python ask.py    is a file that the reader saves under this name
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^```([a-z]*)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Step:
    """Lines of a shell, and what they print according to the document; None where it does not say."""

    commands: str
    shown: str | None


@dataclass(frozen=True, slots=True)
class Document:
    """The blocks of a text in Markdown."""

    text: str

    @classmethod
    def at(cls, path: Path) -> Document:
        return cls(path.read_text("utf-8"))

    @property
    def files(self) -> dict[str, str]:
        """What the reader saves, by name."""
        return {name: text for _language, name, text in _FENCE.findall(self.text) if name}

    @property
    def steps(self) -> list[Step]:
        blocks = [(language, text) for language, name, text in _FENCE.findall(self.text) if not name]
        following = [*blocks[1:], ("end", "")]
        return [
            Step(text, after if then == "" else None)
            for (language, text), (then, after) in zip(blocks, following, strict=True)
            if language == "bash"
        ]

    def section(self, heading: str) -> Document:
        """What stands below a heading of the second level, down to the next one."""
        found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", self.text, re.MULTILINE | re.DOTALL)
        assert found, f"there is no heading {heading!r}"
        return Document(found[1])

    def save_files(self, folder: Path) -> None:
        for name, text in self.files.items():
            (folder / name).write_text(text, "utf-8")


def is_shown(shown: str, printed: str) -> bool:
    """Whether `printed` is what a document shows, apart from empty lines at both ends."""
    lines = (_pattern(line) for line in shown.strip("\n").splitlines())
    return re.fullmatch("".join(lines), printed.strip("\n") + "\n") is not None


def _pattern(line: str) -> str:
    if line == "…":
        return r"(?:[^\n]*\n)*?"
    return r"[^\n]*?".join(map(re.escape, line.split("…"))) + r"\n"
