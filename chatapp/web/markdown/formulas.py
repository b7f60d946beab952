"""Formulas: where they stand in the text, and their MathML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum, auto
from functools import lru_cache

from latex2mathml import exceptions as latex
from latex2mathml.converter import Converter
from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markupsafe import escape

from chatapp.web.markdown.limits import MAX_BRACES, MAX_FORMULA

CLOSERS = {"$$": "$$", "\\[": "\\]", "\\(": "\\)", "$": "$"}
"""What ends a formula, by what begins it; the longer beginning is tried first."""

_DEEPER = re.compile(r"[{^_]|\\left\b|\\begin\b|\\[a-zA-Z]*sqrt|\\[a-zA-Z]*frac")
_MACROS = re.compile(r"\\(?:new|renew|provide)?(?:command|environment)\b|\\[gex]?def\b|\\DeclareMathOperator")
_UNREADABLE = (
    latex.DenominatorNotFoundError,
    latex.DoubleSubscriptsError,
    latex.DoubleSuperscriptsError,
    latex.ExtraLeftOrMissingRightError,
    latex.InvalidAlignmentError,
    latex.InvalidStyleForGenfracError,
    latex.InvalidWidthError,
    latex.LimitsMustFollowMathOperatorError,
    latex.MissingEndError,
    latex.MissingSuperScriptOrSubscriptError,
    latex.NoAvailableTokensError,
    latex.NumeratorNotFoundError,
    # What its own indexing and `next()` raise on half a formula.
    IndexError,
    KeyError,
    StopIteration,
    RuntimeError,
    ValueError,
    TypeError,
    AttributeError,
)
"""The converter's errors have no common base."""


@lru_cache(maxsize=1024)
def mathml(source: str, *, display: bool) -> str:
    """The formula as MathML, not yet sanitised; as code where it cannot or must not be converted."""
    if len(source) > MAX_FORMULA or len(_DEEPER.findall(source)) > MAX_BRACES * 4 or _deep(source):
        return as_code(source)
    if _MACROS.search(source):  # a macro that calls two macros that call two macros …
        return as_code(source)
    try:
        return Converter(display="block" if display else "inline").convert(source)
    except _UNREADABLE:
        return as_code(source)


def as_code(source: str) -> str:
    """The formula's source."""
    return f"<code>{escape(source)}</code>"


def _deep(source: str) -> bool:
    depth = 0
    for sign in re.findall(r"\\.|[{}]", source):
        depth += (sign == "{") - (sign == "}")
        if depth > MAX_BRACES:
            return True
    return False


class Reading(Enum):
    """What the latest line did to a formula that stands in lines of its own."""

    OPEN = auto()
    CLOSED = auto()
    BROKEN = auto()


class DisplayMath:
    """A formula between `$$` and `$$`, or `\\[` and `\\]`, read line by line.

    It begins at the beginning of a line, ends at the end of one, and holds blank lines but no second
    beginning. The Markdown rule and the scanner of a reply that is still being written share this reader,
    so that they agree on where a block ends.
    """

    def __init__(self, opener: str) -> None:
        self._closer = CLOSERS[opener]
        self._parts: list[str] = []
        self._length = 0

    @classmethod
    def begun_by(cls, line: str) -> tuple[DisplayMath, Reading] | None:
        """The formula that `line` (without its indentation) begins, and whether it ends there too."""
        opener = line[:2]
        if opener not in {"$$", "\\["}:
            return None
        formula = cls(opener)
        return formula, formula._read(line[2:])

    def take(self, line: str) -> Reading:
        """Reads the next line."""
        if self._closer != "$$" and line.lstrip().startswith("\\["):
            return Reading.BROKEN
        return self._read(line)

    @property
    def latex(self) -> str:
        return "\n".join(self._parts).strip()

    def _read(self, line: str) -> Reading:
        self._length += len(line) + 1
        before, closer, after = line.partition(self._closer)
        self._parts.append(before)
        if not closer:
            return Reading.OPEN if self._length <= MAX_FORMULA else Reading.BROKEN
        return Reading.CLOSED if self.latex and not after.strip() else Reading.BROKEN


def formulas(md: MarkdownIt) -> None:
    """A markdown-it plugin: tokens `formula` (inline) and `formula_block`, with the LaTeX as content."""
    md.inline.ruler.before("escape", "formula", _inline)
    md.block.ruler.before(
        "fence", "formula_block", _block, {"alt": ["paragraph", "reference", "blockquote", "list"]}
    )


def _inline(state: StateInline, silent: bool) -> bool:
    opener = next((each for each in CLOSERS if state.src.startswith(each, state.pos)), None)
    if opener is None:
        return False
    start = state.pos + len(opener)
    end = _inline_end(state.src, opener, start, min(state.posMax, start + MAX_FORMULA))
    if end is None:
        return False
    if not silent:
        token = state.push("formula", "", 0)
        token.content = state.src[start:end].strip()
        token.meta["display"] = opener in {"$$", "\\["}
    state.pos = end + len(CLOSERS[opener])
    return True


def _inline_end(text: str, opener: str, start: int, limit: int) -> int | None:
    """Where the closer is. A single dollar is money unless it hugs the formula: `$x$`, not `$5 and $6`."""
    closer = CLOSERS[opener]
    if opener == "$" and (text[start : start + 1].isspace() or text[start - 2 : start - 1].isalnum()):
        return None
    end = text.find(closer, start, limit)
    while end > 0 and _escaped(text, end):
        end = text.find(closer, end + 1, limit)
    if end < 0 or not text[start:end].strip() or "`" in text[start:end]:
        return None
    if opener == "$" and (text[end - 1].isspace() or text[end + 1 : end + 2].isalnum()):
        return None
    return end


def _escaped(text: str, position: int) -> bool:
    return text[position] == "$" and text[position - 1] == "\\"


def _block(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    if state.is_code_block(start_line):
        return False
    lines = _lines(state, start_line, end_line)
    begun = DisplayMath.begun_by(next(lines))
    if begun is None:
        return False
    formula, reading = begun
    line = start_line + 1
    while reading is Reading.OPEN and (text := next(lines, None)) is not None:
        reading = formula.take(text)
        line += 1
    if reading is not Reading.CLOSED:
        return False
    if not silent:
        token = state.push("formula_block", "", 0)
        token.block = True
        token.content = formula.latex
        token.map = [start_line, line]
        state.line = line
    return True


def _lines(state: StateBlock, start_line: int, end_line: int) -> Iterator[str]:
    """The container's lines from `start_line`; what is indented less than the container ends it."""
    for line in range(start_line, end_line):
        begin, end = state.bMarks[line] + state.tShift[line], state.eMarks[line]
        if begin < end and state.sCount[line] < state.blkIndent and line > start_line:
            return
        yield state.src[begin:end]
