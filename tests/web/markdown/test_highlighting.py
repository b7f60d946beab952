"""Colours change nothing of the code, and hostile code costs little."""

from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatapp.web.markdown.curly import CurlyLexer
from chatapp.web.markdown.highlighting import LANGUAGES, code_block
from chatapp.web.markdown.limits import MAX_HIGHLIGHTED, Budget

PIECES = [
    "/*",
    "*/",
    "//",
    '"',
    "'",
    "\\",
    "\n",
    "#include",
    '@"',
    "@",
    "0x",
    "1.5e",
    "class",
    "f(",
    "{",
    "é",
    " ",
]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=20).map("".join))
@settings(max_examples=300, deadline=None)
def test_our_lexer_keeps_every_character(code: str) -> None:
    assert "".join(value for _, _, value in CurlyLexer().get_tokens_unprocessed(code)) == code


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_language_is_known_and_keeps_the_code(language: str) -> None:
    code = 'x = 1 < 2 & "a"\n\n  # {} ;\n'
    html = code_block(code, language, Budget())
    assert unescape(re.sub(r"<[^>]*>", "", html.partition("<pre")[2].partition(">")[2])) == code + "\n"


@pytest.mark.parametrize("piece", ["\n", "a\n", "a b ", "a[] ", "\\\n", "#\n", "<<E\n"])
@pytest.mark.parametrize("language", ["c", "c#", "c++", "java", "objective-c", "perl", "powershell", "ts"])
def test_hostile_code_burns_out(language: str, piece: str) -> None:
    """Pygments' own lexers for the first five take from seconds to hours for these."""
    lines = "\n".join([(piece * 1_000)[:1_900]] * 6)
    assert code_block(lines[:MAX_HIGHLIGHTED], language, Budget())


def test_the_budget_bounds_many_blocks() -> None:
    budget = Budget(highlighted=300)
    blocks = [code_block("x = 1\n" * 20, "python", budget) for _ in range(3)]
    assert ["<span" in block for block in blocks] == [True, False, False]
