"""A reply's finished blocks, as HTML, while the rest of it is still being written."""

from __future__ import annotations

import re

from markupsafe import Markup

from chatapp.web.markdown.formulas import DisplayMath, Reading
from chatapp.web.markdown.references import Reference
from chatapp.web.markdown.renderer import render_once

_FENCE = re.compile(r"(`{3,})[^`]*$|(~{3,})")
_MARKER = re.compile(r"(?:[-+*]|\d{1,9}[.)])(?=[ \t]|$)")
_TELLING = re.compile(r"[ \t]*(?:[^-+*\d \t]|\S.{11})")
"""What a line must begin with to show whether it begins a list item: ten characters can be its number."""

_HEAD = 64
"""Characters of an unfinished line that are looked at, indentation included."""


class BlockStream:
    """Takes a reply in pieces and gives its top-level blocks as soon as no later text can change them.

    A scanner of lines decides where a block ends; only then is the block rendered, once, so that the whole
    costs what rendering the finished reply costs. It knows fences, formulas, lists and indented code, which
    are all that can go on after a blank line. Where it is in doubt it waits, and the block comes later.
    """

    def __init__(self, known: tuple[Reference, ...] = ()) -> None:
        """Marks of `known` voices become links to their replies."""
        self._known = known
        self._line: list[str] = []  # pieces of the line that has not ended yet
        self._head = ""  # how that line begins
        self._carriage_return = ""  # held back: a line feed may follow
        self._block: list[str] = []  # lines of the block that has not ended yet
        self._fence = ""  # what would close it, while a fence at the top level is open
        self._formula: DisplayMath | None = None
        self._formula_at = 0  # its first line in `_block`
        self._item_indent = 0  # columns that a line needs to belong to the list's latest item; 0: no list
        self._clings = False  # a list or indented code: a blank line does not end it
        self._undecided = False  # such a blank line was the latest

    def feed(self, text: str) -> list[Markup]:
        """The blocks that `text`, the next piece of the reply, has finished."""
        *lines, rest = self._with_line_feeds(text).split("\n")
        finished: list[Markup] = []
        for line in lines:
            finished += self._take("".join([*self._line, line]))
            self._line, self._head = [], ""
        if rest:
            self._line.append(rest)
            self._head = (self._head + rest[:_HEAD])[:_HEAD]
        return finished + self._peek()

    def finish(self) -> list[Markup]:
        """The blocks that are left, now that the reply has ended."""
        finished = self.feed("\n" if self._line or self._carriage_return else "")
        return finished + self._cut()

    def _with_line_feeds(self, text: str) -> str:
        text = self._carriage_return + text
        self._carriage_return = "\r" if text.endswith("\r") else ""
        return text.removesuffix("\r").replace("\r\n", "\n").replace("\r", "\n")

    def _take(self, line: str) -> list[Markup]:
        if self._fence:
            return self._take_code(line)
        if self._formula:
            return self._take_formula(self._formula, line)
        return self._take_text(line)

    def _take_code(self, line: str) -> list[Markup]:
        self._block.append(line)
        indent, text = _measured(line)
        closer = text.rstrip(" \t")
        if indent > 3 or not closer.startswith(self._fence) or closer.strip(self._fence[0]):
            return []
        return self._cut()

    def _take_formula(self, formula: DisplayMath, line: str) -> list[Markup]:
        self._block.append(line)
        reading = formula.take(line.strip(" \t"))
        if reading is Reading.OPEN:
            return []
        self._formula = None
        self._block, lines = self._block[: self._formula_at], self._block[self._formula_at :]
        if reading is Reading.CLOSED:
            finished = self._cut()
            self._block = lines
            return finished + self._cut()
        finished = self._take_plain(lines[0])  # it was text that looked like a formula
        for each in lines[1:]:
            finished += self._take(each)
        return finished

    def _take_text(self, line: str) -> list[Markup]:
        if not line.strip(" \t"):
            return self._take_blank(line)
        finished = self._cut() if self._undecided and not self._goes_on_with(line) else []
        self._undecided = False
        indent, text = _measured(line)
        if indent > 3 or self._inside_item(indent):
            return finished + self._take_plain(line)
        if fence := _FENCE.match(text):
            finished += self._cut()
            self._fence = fence[1] or fence[2]
            self._block = [line]
            return finished
        if begun := DisplayMath.begun_by(text.rstrip(" \t")):
            return finished + self._begin_formula(line, *begun)
        return finished + self._take_plain(line)

    def _take_blank(self, line: str) -> list[Markup]:
        if not self._clings:
            return self._cut()
        self._block.append(line)
        self._undecided = True
        return []

    def _begin_formula(self, line: str, formula: DisplayMath, reading: Reading) -> list[Markup]:
        if reading is Reading.BROKEN:
            return self._take_plain(line)
        if reading is Reading.OPEN:
            self._formula, self._formula_at = formula, len(self._block)
            self._block.append(line)
            return []
        finished = self._cut()
        self._block = [line]
        return finished + self._cut()

    def _take_plain(self, line: str) -> list[Markup]:
        indent, text = _measured(line)
        if indent > 3 and not self._block:
            self._clings = True
        elif indent <= 3 and not self._inside_item(indent) and (marker := _MARKER.match(text)):
            self._clings = True
            self._item_indent = _item_indent(indent, marker[0], text)
        self._block.append(line)
        return []

    def _inside_item(self, indent: int) -> bool:
        return 0 < self._item_indent <= indent

    def _goes_on_with(self, line: str) -> bool:
        """Whether a line after a blank one belongs to the list, or to the indented code, before it."""
        indent, text = _measured(line)
        if not self._item_indent:
            return indent > 3
        return self._inside_item(indent) or (indent <= 3 and bool(_MARKER.match(text)))

    def _peek(self) -> list[Markup]:
        """Ends a list as soon as the next line's beginning shows that it is over."""
        if not self._undecided or not _TELLING.match(self._head):
            return []
        goes_on = self._goes_on_with(self._head)
        self._undecided = False
        return [] if goes_on else self._cut()

    def _cut(self) -> list[Markup]:
        lines, self._block = self._block, []
        self._fence, self._formula = "", None
        self._item_indent, self._clings, self._undecided = 0, False, False
        html = render_once("\n".join([*lines, ""]), self._known) if lines else Markup()
        return [html] if html.strip() else []


def _measured(line: str) -> tuple[int, str]:
    """The columns that `line` is indented by (a tab goes to the next multiple of four), and the rest."""
    text = line.lstrip(" \t")
    return len(line[: len(line) - len(text)].expandtabs(4)), text


def _item_indent(indent: int, marker: str, text: str) -> int:
    after = text[len(marker) :]
    spaces, rest = _measured(after)
    return indent + len(marker) + (spaces if rest and 1 <= spaces <= 4 else 1)
