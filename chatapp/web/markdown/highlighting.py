"""Code blocks: which languages get colours, and their HTML."""

from __future__ import annotations

import re
from functools import lru_cache

from markupsafe import Markup, escape
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES

from chatapp.web.markdown import curly
from chatapp.web.markdown.limits import MAX_HIGHLIGHTED, MAX_HIGHLIGHTED_LINE, Budget

_LANGUAGES = """
bash bat batch c c# c++ cpp csharp css dart diff docker dockerfile elixir erlang go golang graphql
haskell hs html http ini java javascript js json json5 jsx julia kotlin lua nginx
objective-c objectivec perl php pl powershell ps1 properties protobuf pwsh py py3 python python3
pycon r rb rs ruby rust scala scss sh shell sql swift tex latex toml ts tsx typescript udiff
xml yaml yml zsh
"""
LANGUAGES = frozenset(_LANGUAGES.split())
"""Names that a fence may give; Pygments' other lexers are neither needed nor measured on hostile code."""

CLASSES = frozenset(name for name in STANDARD_TYPES.values() if name)
"""The classes that Pygments gives to its spans."""

_LABEL = re.compile(r"[\w#+.-]{1,20}")
_formatter: HtmlFormatter[str] = HtmlFormatter(nowrap=True)


def code_block(code: str, info: str, budget: Budget) -> str:
    """A code block with its language's name above it. `info` is what stands after the fence."""
    label = _LABEL.match(info.strip())
    language = label[0] if label else ""
    caption = f'<div class="md-language">{escape(language)}</div>' if language else ""
    inside = _coloured(code, language.lower(), budget)
    return f'<div class="md-code">{caption}<pre tabindex="0"><code>{inside}</code></pre></div>\n'


def _coloured(code: str, language: str, budget: Budget) -> str:
    if language not in LANGUAGES or len(code) > MAX_HIGHLIGHTED or not budget.spend_highlighted(len(code)):
        return escape(code)
    if max(map(len, code.split("\n"))) > MAX_HIGHLIGHTED_LINE:
        return escape(code)
    return Markup(highlight(code, _lexer(language), _formatter))  # noqa: S704 - Pygments escapes the code


@lru_cache(maxsize=len(LANGUAGES))
def _lexer(language: str) -> Lexer:
    if language in curly.LANGUAGES:
        return curly.CurlyLexer(stripnl=False, ensurenl=False)
    return get_lexer_by_name(language, stripnl=False, ensurenl=False)
