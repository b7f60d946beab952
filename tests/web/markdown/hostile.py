"""Hostile text, and the check that its HTML can do nothing."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import strategies as st

from chatapp.web.markdown.highlighting import CLASSES

MORSELS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<style>*{}</style>",
    "[a](javascript:alert(1))",
    "[a](JaVa&#x0A;script:alert(1))",
    "[a](data:text/html,<b>)",
    "<javascript:alert(1)>",
    "![a](https://evil.example/?q=1)",
    "![a](data:image/png;base64,AA)",
    "![a][b]\n\n[b]: https://evil.example",
    '[a](https://ok.example "x\\" onclick=alert(1)")',
    'https://ok.example/"onclick=alert(1)',
    "[a](//evil.example)",
    "[a](/sign-out)",
    "$\\href{javascript:alert(1)}{x}$",
    "$\\text{<script>alert(1)</script>}$",
    "$\\style{color:red}{x}$",
    "$\\class{composer}{x}$",
    "$\\unicode{x3C}script$",
    "$$\\begin{matrix}<img src=x>\\end{matrix}$$",
    "\\(\\fbox{</math><b>}\\)",
    "```html\n<script>alert(1)</script>\n```",
    '```"><script>\nx\n```',
    "```python {onload=alert(1)}\nx='''<b>\n",
    "~~~js\n`",
    "<a id=location name=cookie class=composer>",
    "<form action=//evil.example><input name=x>",
    "<iframe src=//evil.example>",
    "<math><mtext></mtext><mglyph><style><img src=x onerror=alert(1)></style></mglyph></math>",
    "<!--",
    "-->",
    "]]>",
    "<?php",
    "| a | b |\n|---|:-:|\n| <b> | x |",
    "- [x] <input autofocus onfocus=alert(1)>",
    "> ",
    "- ",
    "1. ",
    "\n",
    "\n\n",
    "`",
    "$",
    "$$\n",
    "\\[",
    "\\]",
    "**",
    "_",
    "[",
    "](",
    ")",
    "&lt;script&gt;",
    "&#0;",
    "&#xD800;",
    "\x00",
    "\ud800",
    "\u202e",
    "\r",
    "\t",
    "    ",
]
PAGE_CLASSES = {
    "md-code",
    "md-language",
    "md-table",
    "md-formula",
    "md-tasks",
    "md-task",
    "md-left",
    "md-center",
    "md-right",
}
TAGS = {
    *(
        "p",
        "a",
        "em",
        "strong",
        "s",
        "code",
        "pre",
        "span",
        "div",
        "ul",
        "ol",
        "li",
        "blockquote",
        "hr",
        "br",
    ),
    *("h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td", "input"),
}
ATTRIBUTES = {"href", "title", "rel", "class", "tabindex", "type", "checked", "disabled", "start"}
VOID = {"hr", "br", "input"}


def hostile_text() -> st.SearchStrategy[str]:
    """Any text, and texts put together from what has hurt others."""
    return st.text(max_size=300) | st.lists(st.sampled_from(MORSELS) | st.text(max_size=8), max_size=12).map(
        "".join
    )


class _Inspector(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.in_math = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.in_math += tag == "math"
        assert tag in TAGS or (self.in_math and tag.startswith("m")), tag
        for name, value in attrs:
            self._inspect(tag, name, value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.in_math -= tag == "math"

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def _inspect(self, tag: str, name: str, value: str) -> None:
        assert not name.startswith("on"), name
        assert name not in {"style", "id", "name", "src", "srcset", "action"}, name
        assert name in ATTRIBUTES or self.in_math, name
        if name == "href":
            assert tag == "a"
            assert value.lower().startswith(("http://", "https://", "mailto:")), value
        if name == "rel":
            assert value == "noopener noreferrer nofollow"
        if name == "class":
            assert set(value.split()) <= PAGE_CLASSES | CLASSES, value


def assert_harmless(html: str) -> None:
    """Known tags, attributes, classes and addresses alone, and everything that is opened is closed."""
    inspector = _Inspector()
    inspector.feed(html)
    inspector.close()
    assert not inspector.open
