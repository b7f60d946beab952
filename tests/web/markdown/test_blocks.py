"""A streamed reply: cut nowhere wrong, whatever the pieces, and at the price of one rendering."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from chatapp.web.markdown import blocks
from chatapp.web.markdown.blocks import BlockStream
from chatapp.web.markdown.limits import MAX_FORMULA
from chatapp.web.markdown.renderer import render
from tests.web.markdown.hostile import assert_harmless, hostile_text

BLOCKS = [
    "A paragraph\nof two lines, with *emphasis* and `code`.",
    "# A heading",
    "Setext\n------",
    "- one\n- two\n\n- three, after a blank line\n\n  and its second paragraph",
    "1. first\n2. second\n   ```python\n   x = 1\n\n   y = 2\n   ```\n3. third",
    "- [x] done\n- [ ] to do",
    "* outer\n  * inner\n\n    deeper\n* outer again",
    "```python\ndef f():\n\n    return 1\n```",
    "~~~\n```\n\nnot closed by the other kind\n\n~~~",
    "````\n```\n\nshorter inside\n````",
    "> a quote\n> of two lines\n>\n> - with a list",
    "| a | b |\n|:--|--:|\n| 1 | 2 |",
    "$$\nE = mc^2\n\n+ 0\n$$",
    "\\[\n\\frac{1}{2}\n\\]",
    "Inline $x^2$ and \\(y\\) and $$z$$ in a sentence; $5 and $6.",
    "    indented code\n\n    that goes on",
    "---",
    "It costs $$\nor so.",
    "\\[ never closed",
    "2026. A year, at the beginning of a line",
    "**Bold** at the beginning.",
    "Ünïcödé 𝒳 and 🙂.",
]


def squeezed(html: str) -> str:
    return re.sub(r"\s+", " ", html).strip()


def streamed(pieces: list[str]) -> list[str]:
    stream = BlockStream()
    early = [block for piece in pieces for block in stream.feed(piece)]
    return [*early, *stream.finish()]


def pieces_of(text: str, cuts: list[int]) -> list[str]:
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    return [text[begin:end] for begin, end in pairwise(places)]


documents = st.lists(st.sampled_from(BLOCKS), max_size=8).map("\n\n".join)
cuts = st.lists(st.integers(0, 5_000), max_size=30)


@given(documents, cuts)
@settings(max_examples=150, deadline=None)
def test_a_streamed_document_is_the_whole_document(document: str, cuts: list[int]) -> None:
    assert squeezed("".join(streamed(pieces_of(document, cuts)))) == squeezed(render(document))


@given(documents | hostile_text(), cuts)
@settings(max_examples=150, deadline=None)
def test_the_pieces_do_not_matter(text: str, cuts: list[int]) -> None:
    whole = streamed([text])
    assert streamed(pieces_of(text, cuts)) == whole
    assert streamed(list(text)) == whole


@given(hostile_text(), cuts)
@settings(max_examples=150, deadline=None)
def test_every_block_is_harmless_on_its_own(text: str, cuts: list[int]) -> None:
    for block in streamed(pieces_of(text, cuts)):
        assert_harmless(block)


LINES = ["- a", "  ```", "```", "$$", "\\[", "\\]", "x", "", "    c", "> q"]


@given(st.lists(st.sampled_from(LINES), max_size=14))
@settings(max_examples=200, deadline=None)
def test_no_text_is_lost(lines: list[str]) -> None:
    numbered = [f"{line}{number}" if line in {"- a", "x"} else line for number, line in enumerate(lines)]
    text = re.sub(r"<[^>]*>", "", "".join(streamed(["\n".join(numbered)])))
    for line in numbered:
        assert line[:1] not in {"x", "-"} or line.removeprefix("- ") in text


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("One.\n\nTwo.", 1),  # a paragraph is over at the blank line
        ("One.\n\n", 1),
        ("One.\n", 0),
        ("```\ncode\n\nmore\n", 0),
        ("```\ncode\n\nmore\n```\n", 1),  # a fence at its end, with no blank line after it
        ("Look:\n```\ncode\n", 1),  # and what stands before it at its beginning
        ("- one\n\n", 0),
        ("- one\n\nAnd now for", 1),  # a list as soon as something else begins
        ("- one\n\n- two and more", 0),
        ("- one\n\n-", 0),
        ("- one\n\nA", 1),
        ("- one\n\n**A", 0),
        ("- one\n\n**Authorship", 1),
        ("- one\n\n  its second paragraph", 0),
        ("1. one\n\n2. two, which is", 0),
        ("$$\na\n\nb\n", 0),
        ("$$\na\n\nb\n$$\n", 1),
        ("> quote\n\n", 1),
        ("    code\n\n", 0),
        ("    code\n\nText that is", 1),
        ("One.\r\n\r\nTwo.", 1),
    ],
)
def test_when_a_block_leaves(text: str, count: int) -> None:
    stream = BlockStream()
    assert len([block for character in text for block in stream.feed(character)]) == count


def test_an_endless_formula_is_text_after_all() -> None:
    stream = BlockStream()
    assert len(stream.feed("$$\n" + "a\n\n" * MAX_FORMULA)) > MAX_FORMULA / 2


@pytest.mark.parametrize("line", ["x", "```", "- a", "$$", "\\[", "    c", " ", "| a |", "> q", "a\n\n"])
def test_everything_is_rendered_once(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scanner that started again at each piece would take minutes for this."""
    rendered: list[int] = []

    def counting(source: str, known: object) -> Markup:
        rendered.append(len(source))
        return Markup()

    monkeypatch.setattr(blocks, "render_once", counting)
    text = f"{line}\n" * 20_000
    streamed([text[begin : begin + 7] for begin in range(0, len(text), 7)])
    assert sum(rendered) <= len(text) + 2 * len(rendered)


def test_an_endless_fence() -> None:
    text = "```\n" + "some code\n" * 100_000
    (block,) = streamed([text[begin : begin + 5] for begin in range(0, len(text), 5)])
    assert block.count("some code") == 100_000


def test_an_endless_line() -> None:
    (block,) = streamed(["word "] * 200_000)
    assert block.count("word") == 200_000
