"""The colours of code, light and dark, and the style sheet made from them.

`python -m chatapp.web.markdown.code_style > static/code.css` writes it; a test holds the file against this.
"""

from __future__ import annotations

import sys
from typing import ClassVar

from pygments.style import Style, StyleMeta
from pygments.token import (
    STANDARD_TYPES,
    Comment,
    Error,
    Generic,
    Keyword,
    Literal,
    Name,
    Number,
    Operator,
    Punctuation,
    String,
    Token,
    _TokenType,
)

BACKGROUNDS = {"light": "#f3f1ec", "dark": "#1d2226"}
"""Behind the code; style.css has the same two as `--code-paper`. Every colour reaches 4.5:1 on its own."""


def _palette(**colours: str) -> dict[_TokenType, str]:
    return {
        Token: colours["ink"],
        Comment: f"italic {colours['quiet']}",
        Comment.Preproc: f"noitalic {colours['violet']}",
        Keyword: colours["violet"],
        Keyword.Constant: colours["orange"],
        Operator: colours["ink"],
        Operator.Word: colours["violet"],
        Punctuation: colours["ink"],
        Name.Builtin: colours["teal"],
        Name.Function: colours["blue"],
        Name.Class: f"bold {colours['blue']}",
        Name.Decorator: colours["teal"],
        Name.Exception: colours["red"],
        Name.Tag: colours["blue"],
        Name.Attribute: colours["teal"],
        Name.Constant: colours["orange"],
        Name.Variable: colours["red"],
        Literal: colours["orange"],
        Number: colours["orange"],
        String: colours["green"],
        String.Escape: f"bold {colours['green']}",
        String.Interpol: colours["teal"],
        String.Regex: colours["teal"],
        Generic.Deleted: colours["red"],
        Generic.Inserted: colours["green"],
        Generic.Heading: f"bold {colours['ink']}",
        Generic.Subheading: f"bold {colours['violet']}",
        Generic.Prompt: colours["quiet"],
        Generic.Output: colours["ink"],
        Generic.Traceback: colours["red"],
        Generic.Emph: "italic",
        Generic.Strong: "bold",
        Error: colours["red"],
    }


class LightCode(Style):
    """For paper."""

    background_color = BACKGROUNDS["light"]
    styles: ClassVar[dict[_TokenType, str]] = _palette(
        ink="#24292e",
        quiet="#62686e",
        violet="#7a2f8f",
        orange="#8f4400",
        teal="#0b6360",
        blue="#1a4fa3",
        red="#a62631",
        green="#2f6618",
    )


class DarkCode(Style):
    """For the night."""

    background_color = BACKGROUNDS["dark"]
    styles: ClassVar[dict[_TokenType, str]] = _palette(
        ink="#dfe3e6",
        quiet="#98a1a8",
        violet="#d3a4ea",
        orange="#f0b070",
        teal="#7fd1c7",
        blue="#8fbcff",
        red="#ff9ea0",
        green="#a8d58a",
    )


def style_sheet() -> str:
    """The whole of static/code.css."""
    dark = "\n".join(f"  {rule}" for rule in _rules(DarkCode))
    return "\n".join(
        [
            "/* Made by chatapp/web/markdown/code_style.py; change it there. */",
            *_rules(LightCode),
            "@media screen and (prefers-color-scheme: dark) {",
            dark,
            "}",
            "",
        ]
    )


def _rules(style: StyleMeta) -> list[str]:
    """One rule for each kind of token that differs from plain text, bound to code blocks alone."""
    plain = style.style_for_token(Token)["color"]
    rules = []
    for kind, name in STANDARD_TYPES.items():
        look = style.style_for_token(kind)
        parts = [f"color: #{look['color'].lower()}"] if look["color"] and look["color"] != plain else []
        parts += ["font-style: italic"] if look["italic"] else []
        parts += ["font-weight: 600"] if look["bold"] else []
        if name and parts:
            rules.append(f".md-code .{name} {{ {'; '.join(parts)} }}")
    return sorted(rules)


if __name__ == "__main__":
    sys.stdout.write(style_sheet())
